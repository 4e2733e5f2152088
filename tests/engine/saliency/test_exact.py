"""Heat maps, number by number, beside formulas written as loops."""

import math

import numpy as np
import pytest

from engine.layers import (
    AvgPool2D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from engine.saliency import METHODS, explain
from engine.saliency.grad_cam import _enlarged
from engine.saliency.heat_map import method, score_of
from engine.saliency.occlusion import _starts

H, W = 9, 16


def network(*layers: object, dtype: type = np.float64) -> Sequential:
    """With biases and running statistics that are not their defaults."""
    model = Sequential(list(layers)).initialise(np.random.default_rng(4), dtype)  # type: ignore[arg-type]
    rng = np.random.default_rng(5)
    for key, array in model.state_dict().items():
        if "running" in key or key.endswith("bias"):
            array[...] = rng.uniform(0.2, 1.0, array.shape)
    return model.eval()


def image(h: int = H, w: int = W) -> np.ndarray:
    return np.random.default_rng(6).standard_normal((1, 2, h, w))


def small(dtype: type = np.float64) -> Sequential:
    layers = [Conv2D(2, 3, 3, padding=1), Tanh(), MaxPool2D((3, 4)), Flatten(), Dense(36, 4)]
    return network(*layers, dtype=dtype)


@pytest.mark.parametrize(
    ("h", "w", "side"), [(9, 16, 2), (16, 9, 2), (26, 12, 4), (3, 3, 1), (2, 36, 5), (1, 1, 1)]
)
def test_occlusion_is_the_mean_fall_of_the_patches_over_a_pixel(h: int, w: int, side: int) -> None:
    model = network(Conv2D(2, 3, 3, padding=1), Tanh(), Flatten(), Dense(3 * h * w, 4))
    x = image(h, w)
    found = explain(model, x, 2, "occlusion")
    score = model.forward(x)[0, 2]
    falls: list[list[list[float]]] = [[[] for _ in range(w)] for _ in range(h)]

    def starts(size: int) -> list[int]:
        last = max(size - side, 0)
        return [
            start for start in range(last + 1) if start % max(side // 2, 1) == 0 or start == last
        ]

    for top in starts(h):
        for left in starts(w):
            covered = x.copy()
            covered[0, :, top : top + side, left : left + side] = 0
            fall = score - model.forward(covered)[0, 2]
            for row in range(top, min(top + side, h)):
                for column in range(left, min(left + side, w)):
                    falls[row][column].append(fall)
    expected = [[sum(some) / len(some) for some in row] for row in falls]
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.score == pytest.approx(score)
    assert math.isnan(found.baseline)


def test_patches_are_taken_in_the_order_of_their_places() -> None:
    assert _starts(36, 5) == [*range(0, 31, 2), 31]
    assert _starts(2, 5) == [0]


@pytest.mark.parametrize(("old", "new"), [((3, 5), (7, 11)), ((4, 2), (4, 6)), ((5, 1), (3, 4))])
def test_maps_are_enlarged_between_the_centres_of_their_pixels(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    values = np.random.default_rng(7).standard_normal(old)

    def at(row: int, column: int) -> float:
        return float(values[min(max(row, 0), old[0] - 1), min(max(column, 0), old[1] - 1)])

    expected = np.zeros(new)
    for row in range(new[0]):
        for column in range(new[1]):
            y = (row + 0.5) * old[0] / new[0] - 0.5
            x = (column + 0.5) * old[1] / new[1] - 0.5
            top, left = math.floor(y), math.floor(x)
            down, right = y - top, x - left
            expected[row, column] = (
                at(top, left) * (1 - down) * (1 - right)
                + at(top, left + 1) * (1 - down) * right
                + at(top + 1, left) * down * (1 - right)
                + at(top + 1, left + 1) * down * right
            )
    np.testing.assert_allclose(_enlarged(values, new), expected, atol=1e-12)


def test_of_single_precision_the_products_and_falls_are_exact() -> None:
    model = network(Flatten(), Dense(2, 4), dtype=np.float32)
    x = np.full((1, 2, 1, 1), 100 / 3, np.float32)
    gradient = model.layers[1].params["weight"][3].astype(np.float64)
    product = explain(model, x, 3, "gradient_input").values
    np.testing.assert_array_equal(product, [[(x[0, :, 0, 0] * gradient).sum()]])
    falls = explain(model, x, 3, "occlusion")
    bias = model.layers[1].params["bias"].astype(np.float64)
    np.testing.assert_array_equal(falls.values, [[falls.score - bias[3]]])


def test_grad_cam_finds_a_convolution_inside_a_residual() -> None:
    inside = network(Residual([Conv2D(2, 2, 3, padding=1), Tanh()]), Flatten(), Dense(2 * H * W, 4))
    x, maps = image(), inside.layers[0].forward(image())
    weights = inside.layers[2].params["weight"][1].reshape(2, -1).mean(axis=1)
    expected = np.maximum(np.tensordot(weights, maps[0], 1), 0)
    np.testing.assert_allclose(explain(inside, x, 1, "grad_cam").values, expected, atol=1e-12)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_grad_cam_weighs_each_map_with_its_mean_gradient(after: int) -> None:
    """The maps are those after the batch norm and the activation that follow the convolution."""
    behind = [BatchNorm2D(3), ReLU()][:after]
    head = [Conv2D(2, 3, 3, padding=1), *behind]
    tail = [AvgPool2D((3, 4)), Flatten(), Dense(36, 4)]
    model, x = network(*head, *tail), image()
    maps = x
    for layer in model.layers[: len(head)]:
        maps = layer.forward(maps)

    def logit(maps: np.ndarray) -> float:
        for layer in model.layers[len(head) :]:
            maps = layer.forward(maps)
        return float(maps[0, 1])

    expected = np.zeros((H, W))
    for k in range(3):
        gradient = np.zeros((H, W))
        for row in range(H):
            for column in range(W):
                moved = [maps.copy(), maps.copy()]
                moved[0][0, k, row, column] += 1e-5
                moved[1][0, k, row, column] -= 1e-5
                gradient[row, column] = (logit(moved[0]) - logit(moved[1])) / 2e-5
        expected += gradient.mean() * maps[0, k]
    found = explain(model, x, 1, "grad_cam")
    np.testing.assert_allclose(found.values, np.maximum(expected, 0), atol=1e-8)
    assert found.values.any()
    assert found.score == pytest.approx(logit(maps))


def test_of_a_linear_network_the_gradients_are_its_weights() -> None:
    model, x = network(Flatten(), Dense(2 * H * W, 4)), image()
    weight = model.layers[1].params["weight"][3]
    expected = (weight * x.reshape(-1)).reshape(2, H, W).sum(axis=0)
    for name in ("integrated_gradients", "gradient_input"):
        found = explain(model, x, 3, name)
        np.testing.assert_allclose(found.values, expected, atol=1e-12)
        assert found.score == pytest.approx(model.forward(x)[0, 3])
    baseline = explain(model, x, 3, "integrated_gradients").baseline
    assert baseline == pytest.approx(model.layers[1].params["bias"][3])


def test_the_path_is_followed_at_the_middle_of_its_steps() -> None:
    model, x = small(), image()
    model.layers[0].needs_dx = True
    total, dout = np.zeros_like(x), np.zeros((1, 4))
    dout[0, 2] = 1
    for i in range(256):
        model.forward((i + 0.5) / 256 * x)
        dx = model.backward(dout)
        assert dx is not None
        total += dx / 256
    found = explain(model, x, 2, "integrated_gradients")
    np.testing.assert_allclose(found.values, (x * total)[0].sum(axis=0), atol=1e-12)


def test_a_method_is_registered_once_and_stays_a_function() -> None:
    def mine() -> None: ...

    add = method("mine", title="Mine", about="mine")
    try:
        assert add(mine) is mine  # type: ignore[arg-type, comparison-overlap]
        with pytest.raises(ValueError, match="two methods are called mine"):
            add(mine)  # type: ignore[arg-type]
    finally:
        METHODS.pop("mine", None)


@pytest.mark.parametrize("name", METHODS)
def test_a_score_is_a_number_of_python_and_values_have_double_precision(name: str) -> None:
    model, x = small(), image()
    assert type(score_of(model, x, 1)) is float
    found = explain(model, x, 1, name)
    assert type(found.score) is type(found.baseline) is float
    model = small(np.float32)
    assert explain(model, x.astype(np.float32), 1, name).values.dtype == np.float64
