import pytest

from engine.layers import LAYERS
from engine.layers.about import ABOUT


def test_every_layer_says_what_it_does_and_what_to_look_for() -> None:
    assert ABOUT.keys() == LAYERS.keys()


@pytest.mark.parametrize("name", ABOUT)
def test_it_is_one_short_sentence(name: str) -> None:
    about = ABOUT[name]
    for half in (about.does, about.look_for):
        assert half[0].islower() or half[0].isdigit()
        assert not half.endswith((".", ";"))
        assert "\n" not in half
    assert len(f"{name} {about}") <= 180
