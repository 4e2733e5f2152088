"""The order of an epoch, the validation split, and what a batch looks like."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import Augmentation, Batches, Split, split_validation
from engine.errors import ConfigError, ShapeError
from engine.rng import Purpose, stream


def make_split(n: int = 100, channels: int = 1, size: int = 8) -> Split:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (n, channels, size, size), dtype=np.uint8)
    return Split(images, np.arange(n, dtype=np.int64) % 10)


def make_batches(
    n: int = 100,
    batch_size: int = 16,
    *,
    seed: int = 5,
    shuffle: bool = True,
    indices: np.ndarray | None = None,
    augment: Augmentation | None = None,
    least: int = 1,
) -> Batches:
    return Batches(
        make_split(n),
        np.arange(n) if indices is None else indices,
        batch_size,
        seed=seed,
        shuffle=shuffle,
        mean=(0.25,),
        std=(0.5,),
        augment=augment,
        least=least,
    )


def epoch_order(batches: Batches, epoch: int) -> list[int]:
    steps = range(batches.steps_per_epoch)
    return np.concatenate([batches.batch_indices(epoch, step) for step in steps]).tolist()


@given(n=st.integers(1, 200), batch_size=st.integers(1, 64), epoch=st.integers(0, 10**6))
@settings(max_examples=60)
def test_every_sample_exactly_once_an_epoch(n: int, batch_size: int, epoch: int) -> None:
    batches = make_batches(n, batch_size)
    sizes = [len(batches.batch_indices(epoch, s)) for s in range(batches.steps_per_epoch)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= batch_size
    assert sorted(epoch_order(batches, epoch)) == list(range(n))
    assert batches.samples_per_epoch == n


@given(
    n=st.integers(3, 100),
    batch_size=st.integers(3, 20),
    least=st.integers(1, 3),
    epoch=st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=100)
def test_no_batch_has_fewer_than_the_least(n: int, batch_size: int, least: int, epoch: int) -> None:
    """The last one is joined to the one before it; no sample is lost, no other batch changes."""
    batches, plain = make_batches(n, batch_size, least=least), make_batches(n, batch_size)
    steps = range(batches.steps_per_epoch)
    found = [batches.batch_indices(epoch, step).tolist() for step in steps]
    expected = [plain.batch_indices(epoch, step).tolist() for step in range(plain.steps_per_epoch)]
    if len(expected[-1]) < least:
        last = expected.pop()
        expected[-1] += last
    assert found == expected
    assert min(map(len, found)) >= least
    assert batches.samples_per_epoch == n


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (8, 1)])
def test_too_few_for_the_least_are_refused(n: int, batch_size: int) -> None:
    with pytest.raises(ConfigError, match=r"at least 2|too few"):
        make_batches(n, batch_size, least=2)


def test_only_the_given_indices_are_used() -> None:
    chosen = np.array([3, 14, 15, 92, 65])
    assert sorted(epoch_order(make_batches(batch_size=2, indices=chosen), 0)) == sorted(chosen)


def test_epochs_differ_in_order_and_in_what_their_batches_are_made_of() -> None:
    batches = make_batches()
    assert epoch_order(batches, 0) != epoch_order(batches, 1)
    assert epoch_order(batches, 0) != list(range(100))
    first, second = (set(batches.batch_indices(epoch, 0).tolist()) for epoch in (0, 1))
    assert first != second


def test_the_order_is_a_function_of_the_seed_and_the_epoch_alone() -> None:
    one, other = make_batches(), make_batches()
    expected = [epoch_order(one, epoch) for epoch in range(4)]
    assert [epoch_order(other, epoch) for epoch in (3, 0, 2, 1)] == [
        expected[epoch] for epoch in (3, 0, 2, 1)
    ]
    # A step out of the blue, as when a run is resumed.
    fresh = make_batches()
    assert fresh.batch_indices(2, 4).tolist() == expected[2][64:80]
    assert epoch_order(make_batches(seed=6), 0) != expected[0]


def test_threads_that_are_in_different_epochs_do_not_disturb_each_other() -> None:
    batches = make_batches()
    jobs = [(epoch, step) for _ in range(40) for epoch in range(6) for step in range(7)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda job: batches.batch_indices(*job).tolist(), jobs))
    fresh = make_batches()
    assert got == [fresh.batch_indices(*job).tolist() for job in jobs]


def test_without_shuffling_the_order_is_that_of_the_indices() -> None:
    chosen = np.array([9, 2, 7])
    batches = make_batches(batch_size=2, shuffle=False, indices=chosen)
    assert epoch_order(batches, 0) == epoch_order(batches, 1) == [9, 2, 7]


def test_a_caller_cannot_disturb_the_order() -> None:
    chosen = np.array([9, 2, 7])
    for shuffle in (True, False):
        batches = make_batches(batch_size=2, shuffle=shuffle, indices=chosen)
        before = epoch_order(batches, 0)
        with pytest.raises(ValueError, match="read-only"):
            batches.batch_indices(0, 0)[0] = 1
        chosen[:] = 0
        assert epoch_order(batches, 0) == before
        chosen[:] = [9, 2, 7]


@pytest.mark.parametrize("step", [-1, 7])
def test_a_step_that_the_epoch_does_not_have(step: int) -> None:
    with pytest.raises(IndexError, match=f"got step {step}, expected 0 to 6"):
        make_batches().batch_indices(0, step)


def test_impossible_batches_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size: got 0"):
        make_batches(batch_size=0)
    with pytest.raises(ConfigError, match="got 0 samples"):
        make_batches(indices=np.array([], np.int64))


@pytest.mark.parametrize(
    "augment",
    [
        Augmentation(shift=8),
        Augmentation(cutout=8),
        Augmentation(shift=-1),
        Augmentation(cutout=-1),
    ],
)
def test_an_augmentation_that_does_not_fit_is_refused(augment: Augmentation) -> None:
    with pytest.raises(ConfigError, match=r"augment\.(shift|cutout): got -?\d, expected 0 to 7"):
        make_batches(augment=augment)


def test_a_batch_is_normalised_by_channel() -> None:
    split = make_split(20, channels=3)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    batches = Batches(split, np.arange(20), 4, seed=0, shuffle=True, mean=mean, std=std)
    indices = np.array([4, 19, 4])
    x, y = batches.load(indices)
    assert x.dtype == np.float32
    assert x.shape == (3, 3, 8, 8)
    assert x.flags.c_contiguous
    assert y.dtype == np.int64
    assert y.tolist() == [4, 9, 4]
    pixels = split.images[indices] / 255
    for c in range(3):
        np.testing.assert_allclose(x[:, c], (pixels[:, c] - mean[c]) / std[c], atol=1e-6)


def test_loading_changes_nothing_and_gives_arrays_of_its_own() -> None:
    batches = make_batches(augment=Augmentation(shift=2, flip=True, cutout=3))
    indices = batches.batch_indices(0, 0)
    before, labels = batches.load(indices)
    x, y = batches.load(indices, np.random.default_rng(0))
    x[:] = 0
    y[:] = 0
    again, again_labels = batches.load(indices)
    np.testing.assert_array_equal(again, before)
    np.testing.assert_array_equal(again_labels, labels)


def test_images_are_augmented_only_with_a_generator() -> None:
    plain, augmenting = make_batches(), make_batches(augment=Augmentation(shift=3))
    indices = np.arange(16)
    expected, _ = plain.load(indices)
    np.testing.assert_array_equal(augmenting.load(indices)[0], expected)
    np.testing.assert_array_equal(plain.load(indices, np.random.default_rng(1))[0], expected)
    changed, labels = augmenting.load(indices, np.random.default_rng(1))
    assert changed.dtype == np.float32
    assert not np.array_equal(changed, expected)
    assert labels.tolist() == plain.load(indices)[1].tolist()


def test_threads_load_the_same_as_one_after_the_other() -> None:
    batches = make_batches(augment=Augmentation(shift=2, flip=True, cutout=3))

    def load(step: int) -> bytes:
        indices = batches.batch_indices(0, step)
        return batches.load(indices, np.random.default_rng([1, step]))[0].tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(load, list(range(7)) * 5)) == [load(step) for step in range(7)] * 5


def test_a_split_must_fit_together() -> None:
    images = np.zeros((4, 1, 8, 8), np.uint8)
    with pytest.raises(ShapeError, match=r"labels: got int64 \(3,\); expected int64 \(4,\)"):
        Split(images, np.zeros(3, np.int64))
    with pytest.raises(ShapeError, match="labels: got uint8"):
        Split(images, np.zeros(4, np.uint8))
    with pytest.raises(ShapeError, match="images: got float64"):
        Split(images / 255, np.zeros(4, np.int64))
    with pytest.raises(ShapeError, match="contiguous"):
        Split(images[:, :, ::-1], np.zeros(4, np.int64))


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=10).filter(lambda s: sum(s) >= 2),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
@settings(max_examples=60)
def test_validation_is_a_partition_in_which_every_class_has_its_share(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(labels)
    count = data.draw(st.integers(1, n - 1))
    train, held_out = split_validation(labels, count, seed)
    assert len(held_out) == count
    assert sorted([*train, *held_out]) == list(range(n))
    assert train.tolist() == sorted(train)
    assert held_out.tolist() == sorted(held_out)
    for label, size in enumerate(sizes):
        assert abs(np.sum(labels[held_out] == label) - count * size / n) < 1


def test_validation_by_fraction_and_without_labels() -> None:
    labels = np.arange(1000) % 10
    _, held_out = split_validation(labels, 0.1, 0)
    assert np.bincount(labels[held_out]).tolist() == [10] * 10
    train, held_out = split_validation(50, 0.2, 0)
    assert (len(train), len(held_out)) == (40, 10)


def test_validation_is_chosen_by_the_seed() -> None:
    labels = np.arange(1000) % 10
    chosen = split_validation(labels, 100, 1)[1].tolist()
    assert split_validation(labels, 100, 1)[1].tolist() == chosen
    assert split_validation(labels, 100, 2)[1].tolist() != chosen
    assert chosen != list(range(100))


def test_micro_batches_have_the_size_that_is_asked_for() -> None:
    batches = Batches(
        Split(np.zeros((40, 1, 2, 2), np.uint8), np.zeros(40, np.int64)), np.arange(40), 20,
        seed=3, shuffle=True, mean=(0.0,), std=(1.0,), micro_batch=8,
    )  # fmt: skip
    assert [piece.stop - piece.start for piece in batches.pieces(20)] == [6, 7, 7]


def test_an_alternating_flip_shows_every_image_both_ways_in_two_epochs() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 3, 4), dtype=np.uint8)
    batches = Batches(
        Split(images, np.zeros(40, np.int64)), np.arange(40), 8,
        seed=3, shuffle=True, mean=(0.0,), std=(1.0,),
        augment=Augmentation(flip=True, alternate=True),
    )  # fmt: skip
    plain, _ = batches.load(np.arange(40))
    seen = [batches.load(np.arange(40), np.random.default_rng(e), e)[0] for e in range(4)]
    mirrored = [(each == plain[..., ::-1]).all((1, 2, 3)) for each in seen]
    kept = [(each == plain).all((1, 2, 3)) for each in seen]
    np.testing.assert_array_equal(mirrored[0], stream(Purpose.FLIP, 3).random(40) < 0.5)
    np.testing.assert_array_equal(mirrored[1], kept[0])
    np.testing.assert_array_equal(mirrored[2], mirrored[0])
    np.testing.assert_array_equal(mirrored[3], mirrored[1])
    np.testing.assert_array_equal(batches.load(np.arange(40)[5:9], np.random.default_rng(0), 1)[0],
                                  seen[1][5:9])  # fmt: skip


@pytest.mark.parametrize(("samples", "sizes"), [(10, [4, 4]), (8, [4, 4]), (3, [3]), (5, [4])])
def test_a_smaller_last_batch_can_be_left_out(samples: int, sizes: list[int]) -> None:
    images = np.zeros((samples, 1, 2, 2), np.uint8)
    batches = Batches(
        Split(images, np.zeros(samples, np.int64)), np.arange(samples), 4,
        seed=3, shuffle=True, mean=(0.0,), std=(1.0,), drop_last=True,
    )  # fmt: skip
    found = [len(batches.batch_indices(0, step)) for step in range(batches.steps_per_epoch)]
    assert found == sizes
    assert batches.samples_per_epoch == sum(sizes)
    trained = {int(i) for step in range(len(sizes)) for i in batches.batch_indices(0, step)}
    for sample in set(range(samples)) - trained:
        with pytest.raises(IndexError, match="in no batch"):
            batches.step_of(sample, 0)


def test_a_fraction_holds_out_one_sample_at_least() -> None:
    assert len(split_validation(10, 0.01, 0)[1]) == 1


@pytest.mark.parametrize("validation", [0, 0.0, 1.0, 10, 11, -1])
def test_validation_must_leave_something_on_both_sides(validation: float) -> None:
    with pytest.raises(ConfigError, match=r"^validation: .* expected 1 to 9$"):
        split_validation(10, validation, 0)
