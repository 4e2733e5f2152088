"""Batches: the order of an epoch, the validation split, normalisation."""

from collections.abc import Sequence

import numpy as np

from engine.data.augment import Augmentation
from engine.data.dataset import Split
from engine.data.mixing import Mix, mixed
from engine.data.normalisation import Normalisation
from engine.data.views import PLAIN, View
from engine.errors import ConfigError
from engine.parallel.micro_batches import MICRO_BATCH, micro_batches
from engine.rng import Purpose, stream


class Batches:
    """The batches of every epoch, as a pure function of the seed.

    Nothing is drawn in advance and nothing is remembered that matters: batch ``step`` of epoch
    ``epoch`` is the same at any time, in any thread and in any order. Every
    method may be called from several threads at once.

    Args:
        split: the samples.
        indices: which of them to use.
        batch_size: samples in a batch; the last one of an epoch may have fewer.
        seed: the run's seed.
        shuffle: a new order every epoch, else that of ``indices``.
        mean: per channel, of pixels divided by 255.
        std: per channel, of pixels divided by 255.
        augment: what to do to training images.
        least: samples that a batch must have; a last batch of fewer is joined to the one before.
        micro_batch: samples that are computed together; see ``engine.parallel.micro_batches``.
        drop_last: leave out a last batch of fewer than ``batch_size`` behind full ones; which
            samples are in it is another draw every epoch.
        view: what to show of each image.

    Raises:
        ConfigError: there would be no batch, or one of fewer than ``least`` samples, or the
            augmentation does not fit the images.
    """

    def __init__(
        self,
        split: Split,
        indices: np.ndarray | Sequence[int],
        batch_size: int,
        *,
        seed: int,
        shuffle: bool,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        augment: Augmentation | None = None,
        least: int = 1,
        micro_batch: int = MICRO_BATCH,
        drop_last: bool = False,
        view: View = PLAIN,
    ) -> None:
        samples = len(indices)
        if batch_size < least:
            raise ConfigError(f"batch_size: got {batch_size}, expected at least {least}")
        if samples < least:
            raise ConfigError(
                f"got {samples} samples, too few for one batch of {batch_size}; "
                "use more samples or a smaller batch"
            )
        if augment is not None:
            channels, height, width = split.images.shape[1:]
            augment.check((channels, height, width))
        self.batch_size = batch_size
        self.micro_batch = micro_batch
        self.augment = augment
        self._view = view
        self._images = split.images
        self._labels = split.labels
        self._indices = np.array(indices, np.int64)
        self._indices.flags.writeable = False
        self._take = split.take
        self._seed = seed
        self._shuffle = shuffle
        full, rest = divmod(samples, batch_size)
        if drop_last and full:
            samples, rest = full * batch_size, 0
        self._steps = full if rest < least else full + 1
        self._samples = samples
        self._normalised = Normalisation(mean, std)
        self._mirrored: np.ndarray | None = None
        if augment is not None and augment.alternate:
            self._mirrored = stream(Purpose.FLIP, seed).random(len(split.images)) < 0.5
        self._fill = np.rint(255 * np.array(mean, np.float64).reshape(-1, 1, 1)).astype(np.uint8)
        # Replaced as a whole, never changed: a thread sees the old pair or the new one.
        self._order: tuple[int, np.ndarray] = (-1, self._indices)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        return self._steps

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of the images."""
        return self._images.shape[1:]

    def class_counts(self, classes: int) -> np.ndarray:
        """The number of samples of each class, int64, (classes,)."""
        return np.bincount(self._labels[self._indices], minlength=classes)

    @property
    def indices(self) -> np.ndarray:
        """Indices of the samples, int64, read-only, in the order that was given."""
        return self._indices

    @property
    def samples_per_epoch(self) -> int:
        """Samples in an epoch."""
        return self._samples

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """Indices in the order of an epoch, read-only."""
        if not self._shuffle:
            return self._indices
        cached_epoch, order = self._order
        if cached_epoch != epoch:
            order = stream(Purpose.SHUFFLE, self._seed, epoch).permutation(self._indices)
            order.flags.writeable = False
            self._order = (epoch, order)
        return order

    def batch_indices(self, epoch: int, step: int) -> np.ndarray:
        """Indices of the samples in batch ``step`` of epoch ``epoch``, both counted from 0.

        Returns:
            int64, (n,), read-only.

        Raises:
            IndexError: the epoch has no such step.
        """
        if not 0 <= step < self._steps:
            raise IndexError(f"got step {step}, expected 0 to {self._steps - 1}")
        first = step * self.batch_size
        last = step == self._steps - 1
        return self._epoch_order(epoch)[first : self._samples if last else first + self.batch_size]

    def pieces(self, n: int) -> list[slice]:
        """The micro-batches of a batch of n samples."""
        return micro_batches(n, self.micro_batch)

    def step_of(self, sample: int, epoch: int) -> int:
        """Which batch of an epoch has a sample; both are counted from 0.

        Raises:
            IndexError: none has it.
        """
        places = np.flatnonzero(self._epoch_order(epoch)[: self._samples] == sample)
        if not len(places):
            raise IndexError(f"sample {sample} is in no batch")
        return min(int(places[0]) // self.batch_size, self._steps - 1)

    def load(
        self, indices: np.ndarray, rng: np.random.Generator | None = None, epoch: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Load normalised images and labels.

        Args:
            indices: which samples, usually a part of what ``batch_indices`` gives.
            rng: the generator for augmentation; None leaves the images as they are.
            epoch: in which they are trained on, from 0; an alternating flip goes by it.

        Returns:
            Normalised images, float32 (n, C, H, W), and labels, int64 (n,); where images are
            mixed, the labels of their larger shares.
        """
        images, labels, _ = self.load_mixed(indices, rng, epoch)
        return images, labels

    def load_mixed(
        self, indices: np.ndarray, rng: np.random.Generator | None, epoch: int
    ) -> tuple[np.ndarray, np.ndarray, Mix | None]:
        """``load``, with what was mixed into the images; None where nothing was."""
        pixels = self._view.apply(self._take(indices))
        if self.augment is not None and rng is not None:
            mirrored = self._mirrored
            if mirrored is not None:
                mirrored = mirrored[indices] ^ bool(epoch % 2)
            pixels = self.augment.apply(pixels, rng, self._fill, mirrored)
        images, labels = self._normalised(pixels), self.labels_of(indices)
        if self.augment is None or rng is None or not self.augment.mixup:
            return images, labels, None
        images, mix = mixed(images, labels, self.augment.mixup, rng)
        return images, labels, mix

    def labels_of(self, indices: np.ndarray) -> np.ndarray:
        """The classes of samples, int64, (n,)."""
        return self._labels.take(indices)


def held_out(samples: int, validation: float) -> int:
    """How many of some samples are held out: a number itself, or a fraction of at least one."""
    if isinstance(validation, int):
        return validation
    return max(round(samples * validation), int(validation > 0))


def split_validation(
    n_or_labels: int | np.ndarray, validation: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose samples to hold out for validation.

    With labels the choice is stratified: every class gives its share, and the shares add up to
    exactly the number asked for (largest remainders first).

    Args:
        n_or_labels: the number of samples, or their labels, (N,).
        validation: an int is a number of samples, a float a fraction between 0 and 1, of at
            least one sample.
        seed: the run's seed.

    Returns:
        Training and validation indices, int64, each in ascending order.

    Raises:
        ConfigError: nothing would be left to train on, or nothing held out.
    """
    labels = np.zeros(n_or_labels, np.int64) if isinstance(n_or_labels, int) else n_or_labels
    n = len(labels)
    count = held_out(n, validation)
    if not 0 < count < n:
        raise ConfigError(
            f"validation: {validation} of {n} samples is {count} samples, expected 1 to {n - 1}"
        )
    classes, sizes = np.unique(labels, return_counts=True)
    shares, remainders = np.divmod(count * sizes, n)
    short = count - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:short]] += 1
    rng = stream(Purpose.SPLIT, seed)
    chosen = np.zeros(n, bool)
    for label, share in zip(classes, shares.tolist(), strict=True):
        members = np.flatnonzero(labels == label)
        chosen[rng.permutation(members)[:share]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
