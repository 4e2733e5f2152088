"""The registry: what a class needs to be a layer that configs, the app and the help know."""

import pytest

from engine.layers import LAYERS, Layer, ReLU, register


@pytest.fixture(autouse=True)
def registry_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(LAYERS)
    monkeypatch.setattr("engine.layers.registry.LAYERS", before)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_says_in_one_short_sentence_what_it_does(name: str) -> None:
    about = LAYERS[name].about
    assert about[0].islower()
    assert not about.endswith((".", ";"))
    assert "\n" not in about
    assert len(f"{name} {about}.") <= 180


def test_a_layer_is_found_by_the_name_of_its_class() -> None:
    from engine.layers import registry

    @register
    class Cube(Layer):
        about = "raises every number to the third power"

    assert registry.LAYERS["Cube"] is Cube


def test_two_layers_of_one_name_are_refused() -> None:
    other = type("ReLU", (ReLU,), {"__module__": "elsewhere"})
    with pytest.raises(ValueError, match=r"two layers are called ReLU: in engine\.layers\.act"):
        register(other)


def test_a_layer_that_does_not_say_what_it_does_is_refused() -> None:
    class Silent(Layer):
        pass

    with pytest.raises(ValueError, match="Silent needs an attribute `about`"):
        register(Silent)
