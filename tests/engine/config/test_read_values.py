import pytest

from engine.config import ConfigProblems, read_values


def test_values_are_read_whether_they_fit_or_not() -> None:
    text = "dataset: nothing\ntrain: {lr: fast, epochs: 1e1}  # comment\n"
    assert read_values(text) == {"dataset": "nothing", "train": {"lr": "fast", "epochs": 10.0}}


def test_an_empty_text_has_none() -> None:
    assert read_values("# only a comment\n") is None


@pytest.mark.parametrize("text", ["train: {", "a: 1\na: 2\n", "x: &y 1\nz: *y\n"])
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigProblems):
        read_values(text)
