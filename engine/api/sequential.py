"""A network for Python: layers without sizes, which become a real network at the first image."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.api import saved_network
from engine.api.encoding import Encoding
from engine.api.history import History
from engine.api.specs import specs_of
from engine.api.training import Training, dataset_of, make_config, sources_of
from engine.arrays import Array
from engine.callbacks import Callback
from engine.data import Batches, Normalisation, Split
from engine.errors import ConfigError, Diverged, NotReadyError, ShapeError
from engine.layers import Sequential as Network
from engine.layers import Softmax, Summary, shape_text
from engine.losses import LOSSES, Loss
from engine.models import build
from engine.models.inference import Predictor
from engine.parallel.workers import Workers
from engine.rng import Purpose, stream
from engine.sanitize import printable
from engine.train import factory
from engine.train.evaluator import Evaluator

_BATCH = factory.EVALUATION_BATCH


class Sequential:
    """A network: layers in a row, whose sizes follow from the images that ``fit`` gets.

    Images are (N, C, H, W), or (N, H, W) in grey; labels are (N,), whole numbers or names. How
    they become the network's input is kept with it, so that all methods take the same arrays.

    Args:
        layers: of ``engine``, such as ``Conv2D(8, 3)``; or as in YAML.

    Attributes:
        history: of the last ``fit``; None before.

    Raises:
        ConfigError: they are no layers.

    Examples:
        >>> import numpy as np
        >>> from engine import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential
        >>> rng = np.random.default_rng(0)
        >>> y = np.array(["dark", "light"] * 40)
        >>> x = rng.integers(0, 100, (80, 8, 8)) + 150 * (y == "light")[:, None, None]
        >>> model = Sequential([Conv2D(4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(2)])
        >>> history = model.fit(x, y, epochs=5, batch_size=16, lr=0.01, verbose=False)
        >>> model.predict(x[:3])
        array(['dark', 'light', 'dark'], dtype='<U5')
        >>> model.evaluate(x, y)["acc"]
        1.0
        >>> model.network
        Sequential(Conv2D(1→4, k=3), ReLU(), MaxPool2D(kernel_size=2), Flatten(), Dense(36→2))
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._specs = specs_of(layers)
        self._layers = list(layers)
        self._network: Network | None = None
        self._encoding: Encoding | None = None
        self._is_fitted = False
        self._loss: dict[str, Any] = {"loss": "cross_entropy", "label_smoothing": 0.0}
        self.history: History | None = None

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        optimizer: str | Mapping[str, Any] = "adam",
        lr: float = 0.001,
        loss: str = "cross_entropy",
        validation_split: float | int = 0.1,
        validation_data: tuple[Any, Any] | None = None,
        augment: Mapping[str, Any] | None = None,
        seed: int = 42,
        workers: int | None = None,
        callbacks: Sequence[Any] = (),
        verbose: bool = True,
        **train: Any,
    ) -> History:
        """Train: with the same arguments, seed and data, to the bits of ``cnn-tui train``.

        The first ``fit`` decides about sizes, classes and normalisation, and draws the weights.
        Another one continues from the present weights, with a new optimizer and schedule; for fresh
        weights make a new ``Sequential``. Ctrl-C ends it between two batches: the network keeps
        what it has learnt, and ``history.stopped`` says when. A second Ctrl-C ends it at once.

        Args:
            x: images, (N, C, H, W) or (N, H, W). uint8 goes from black to white, as in image
                files; of other numbers the smallest is black and the largest white.
            y: the class of each, (N,), whole numbers or names.
            epochs: passes over the training samples.
            batch_size: samples in a step.
            optimizer: its name, or a mapping with it and its options, named as in a config:
                ``{"name": "sgd", "momentum": 0.9}``.
            lr: learning rate.
            loss: ``"cross_entropy"`` or ``"mse"``.
            validation_split: share (or number) of the samples that are held out, to measure with.
            validation_data: images and labels to measure with instead; all of x is trained on.
            augment: random changes to training images: ``{"shift": 2, "flip": True}``.
            seed: of all random numbers.
            workers: micro-batches in parallel; None is one a core. Never changes the result.
            callbacks: as in a config, ``"early_stopping"`` or
                ``{"early_stopping": {"patience": 3}}``, or objects of ``engine.callbacks``.
            verbose: print a line for every epoch.
            **train: any other key of a config's ``train``: ``scheduler={"name": "cosine"}``,
                ``clip_norm``, ``label_smoothing``, ``class_weights``, ``warmup``.

        Returns:
            The metrics of every epoch.

        Raises:
            ConfigError: an argument is out of its range, or the layers do not fit the images.
            ShapeError, DTypeError, DataError: x or y cannot be used; the message says why.
            Diverged: a number was no longer finite. The network has the weights before that, and
                ``history`` the epochs.
        """
        if self._encoding is not None and self._is_fitted:
            encoding = self._encoding
        else:
            encoding = Encoding.of(x, y)
            self._expect_fit(encoding)
        samples = encoding.split(x, y)
        held_out = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise ShapeError("validation_data: expected a pair (x, y), images and labels")
            held_out = encoding.split(*validation_data)
        if isinstance(callbacks, (str, Mapping)):
            raise ConfigError(f"callbacks: expected a list, such as [{callbacks!r}]")
        # To a config, what is held out is a part of the training set.
        measured = 0 if held_out is None else len(held_out)
        info = encoding.info(len(samples) + measured, len(samples))
        chosen = dict(optimizer) if isinstance(optimizer, Mapping) else {"name": optimizer}
        config = make_config(
            info,
            self._specs,
            seed=seed,
            validation=measured or validation_split,
            augment=augment or {},
            callbacks=[one for one in callbacks if not isinstance(one, Callback)],
            train={
                "epochs": epochs,
                "batch_size": batch_size,
                "optimizer": chosen.pop("name", None),
                "lr": lr,
                "loss": loss,
                "workers": workers,
                **chosen,
                **train,
            },
        )
        sources = sources_of(config, encoding, samples, held_out)
        if self._network is None:
            self._network = factory.make_starting_model(config, sources.train)
        self._encoding, self._is_fitted = encoding, True
        self._loss = {"loss": loss, "label_smoothing": config.train.label_smoothing}
        self.history = None
        training = Training(
            config,
            sources,
            self._network,
            callbacks=[one for one in callbacks if isinstance(one, Callback)],
            say=print if verbose else lambda line: None,
            save=self.save,
        )
        try:
            self.history = training.run()
        except Diverged as error:
            self.history = training.result(str(error))
            raise
        return self.history

    def build(self, input_shape: Sequence[int], *, seed: int = 42) -> "Sequential":
        """Draw fresh weights without training, for images of a shape (C, H, W) or (H, W).

        It then takes pixels from 0 to 255, and its classes are 0, 1, ... ``fit`` trains on.

        Raises:
            ConfigError: the layers do not fit such images.

        Examples:
            >>> from engine import Dense, Flatten, Sequential
            >>> model = Sequential([Flatten(), Dense(4)]).build((28, 28))
            >>> model.predict_proba(np.zeros((1, 28, 28)))
            array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
        """
        shape = _image_shape(input_shape)
        network = build(self._specs, shape)
        out = network.output_shape(shape)
        if len(out) != 1:
            raise ShapeError(
                f"the network ends with shape {out}; expected one score for each class"
            )
        self._network = network.initialise(stream(Purpose.INIT, seed))
        self._encoding, self._is_fitted = Encoding.plain(shape, out[0]), False
        return self

    @property
    def network(self) -> Network:
        """The real layers with their weights, of ``engine.layers``: ``network[0].params``.

        Raises:
            NotReadyError: there are none yet.
        """
        if self._network is None:
            raise NotReadyError(
                "this Sequential has no weights yet, as it does not know the size of its images: "
                "call fit(x, y) to train it, or build((1, 28, 28)) for fresh weights"
            )
        return self._network

    @property
    def classes(self) -> np.ndarray:
        """The labels, ascending, in the order of the scores: int64 or str, (classes,)."""
        return self._known.classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it takes."""
        return self._known.image_shape

    @property
    def _known(self) -> Encoding:
        _ = self.network  # says what to call
        assert self._encoding is not None
        return self._encoding

    def forward(self, x: Any) -> Array:
        """The scores of every class before the softmax (logits), float32, (N, classes).

        Raises:
            NotReadyError: there are no weights yet; the message says what to call.
            ShapeError, DTypeError, DataError: x is not what it was made for.

        Examples:
            >>> from engine import Dense, Flatten, Sequential
            >>> model = Sequential([Flatten(), Dense(10)])
            >>> x = np.zeros((2, 28, 28))
            >>> model.forward(x)  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            engine.errors.NotReadyError: this Sequential has no weights yet, ...: call fit(x, y) ...
            >>> model.build((28, 28)).forward(x).shape
            (2, 10)
        """
        known = self._known
        pixels = known.pixels(x)
        normalised = Normalisation(known.mean, known.std)
        with Workers() as workers:
            predictor = Predictor(self.network, workers)
            return np.concatenate(
                [
                    predictor.logits(normalised(pixels[first : first + _BATCH]))
                    for first in range(0, len(pixels), _BATCH)
                ]
            )

    __call__ = forward

    def predict(self, x: Any) -> np.ndarray:
        """The most probable class of every image, as ``y`` had it, (N,).

        Raises:
            NotReadyError, ShapeError, DTypeError, DataError: as ``forward``.
        """
        return self.classes[self.forward(x).argmax(axis=1)]

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of every class, float32, (N, classes), in the order of ``classes``.

        Raises:
            NotReadyError, ShapeError, DTypeError, DataError: as ``forward``.
        """
        return Softmax().forward(self.forward(x))

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Mean loss and accuracy on samples, as ``{"loss": ..., "acc": ...}``.

        Raises:
            NotReadyError, ShapeError, DTypeError: as ``forward``.
            DataError: a label is none of the classes.
        """
        split = self._known.split(x, y)
        with Workers() as workers:
            result = Evaluator(self.network, self._make_loss(), workers=workers).evaluate(
                self._batches(split)
            )
        return {"loss": result.loss, "acc": result.acc}

    def summary(self, input_shape: Sequence[int] | None = None) -> Summary:
        """A table of shapes, parameters, multiply-adds and memory, layer by layer.

        Args:
            input_shape: (C, H, W) or (H, W), where the network knows none yet; nothing is drawn.

        Raises:
            ConfigError: the layers do not fit such images.
            NotReadyError: it knows no shape yet, and none is given.

        Examples:
            >>> from engine import Conv2D, Dense, Flatten, Sequential
            >>> Sequential([Conv2D(8, 3), Flatten(), Dense(10)]).summary((28, 28)).parameters
            54170
        """
        if input_shape is not None:
            shape = _image_shape(input_shape)
            return build(self._specs, shape).summary(shape)
        if self._network is None:
            raise NotReadyError(
                "this Sequential does not know the size of its images yet: call "
                "summary((1, 28, 28)), or fit(x, y) first"
            )
        return self.network.summary(self.image_shape)

    def save(self, path: str | Path) -> None:
        """Write weights, layers, classes and normalisation to one file, the format of runs.

        ``cnn-tui predict --weights x.npz photo.png`` asks it about image files, and
        ``numpy.load`` reads the weights, by PyTorch's names with ``model/`` before them.

        Raises:
            NotReadyError: there are no weights yet.
            ConfigError: images of this kind cannot be described in a file.
            CheckpointError: the file cannot be written; one that was there stays.
        """
        saved_network.write(Path(path), self.network, self._known, self._loss)

    @classmethod
    def load(cls, path: str | Path) -> "Sequential":
        """Read a network from a file of ``save``, a checkpoint, a run, or what it was exported as.

        Raises:
            CheckpointError: there is none, or it is damaged; in one line.
        """
        network, encoding, loss = saved_network.read(Path(path))
        model = cls(network.spec())
        model._network, model._encoding, model._loss = network, encoding, loss
        model._is_fitted = True
        return model

    def _expect_fit(self, encoding: Encoding) -> None:
        """Refuse images that ``build`` made no weights for, and classes without a score."""
        shape, names = encoding.image_shape, encoding.names
        if self._encoding is not None and self._encoding.image_shape != shape:
            raise ShapeError(
                f"x: got images of shape {shape}, but the network was built for "
                f"{self._encoding.image_shape}; make a new Sequential"
            )
        scores = build(self._specs, shape).output_shape(shape)
        if scores != (len(names),):
            flat = "" if len(scores) == 1 else "Flatten() and "
            listed = printable(", ".join(names[:6]), 60) + ", ..." * (len(names) > 6)
            raise ShapeError(
                f"y: got {len(names)} classes ({listed}), but the network ends with shape "
                f"{shape_text(scores)}; end it with {flat}Dense({len(names)})"
            )

    def _batches(self, split: Split) -> Batches:
        return factory.evaluation_batches(split, dataset_of(self._known, split, split))

    def _make_loss(self) -> Loss:
        loss = LOSSES[self._loss["loss"]]
        smooth = {"label_smoothing": self._loss["label_smoothing"]} if loss.smooths_labels else {}
        return loss(**smooth)

    def __repr__(self) -> str:
        shown = self._layers if self._network is None else list(self._network)
        return f"Sequential([{', '.join(map(repr, shown))}])"

    def _repr_html_(self) -> str:
        """The summary, where the sizes are known."""
        text = repr(self) if self._network is None else str(self.summary())
        return f"<pre>{html.escape(text)}</pre>"


def _image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """(C, H, W), also of (H, W)."""
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    channels, height, width = sizes if len(sizes) == 3 else (1, *sizes, 0, 0)[:3]
    if len(sizes) not in (2, 3) or min(channels, height, width) < 1:
        raise ShapeError(f"input_shape: expected (C, H, W) or (H, W), got {shape}")
    return int(channels), int(height), int(width)
