"""Text that is not YAML, and YAML that is refused: each with the place and a reason."""

import pytest

from tests.support.config_text import BASE, problems_of

EMPTY = "the file is empty; expected keys with values, such as 'dataset: mnist_mini'"

# A chain of aliases that would expand to a billion words.
LAUGHS = "a: &a [lol, lol, lol]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)

# id: (text, the first line of the error without the file's name)
NOT_YAML = {
    "empty": ("", f"1:1: {EMPTY}"),
    "comments only": ("# nothing\n\n", f"1:1: {EMPTY}"),
    "list at the top": ("- a\n- 1\n", "1:1: got ['a', 1]; expected keys with values, such as"),
    "word at the top": ("hello\n", "1:1: got 'hello'; expected keys with values, such as"),
    "tab": ("train:\n\tlr: 0.1\n", "2:1: a tab; indent with spaces"),
    "indentation": (
        "train:\n  lr: 0.1\n epochs: 2\n",
        "3:2: does not line up with the lines above; check indentation",
    ),
    "two colons": (
        "train: lr: 0.1\n",
        "1:10: a ':' that does not belong here; check the indentation, or put the text in quotes",
    ),
    "no colon": ("seed: 1\ndataset\nmodel: x\n", "2:1: expected 'key: value'; is the ':' missing?"),
    "open quote": ("name: 'a\n", "1:7: a quote that is never closed"),
    "open brace": ("train: {lr: 1\n", "1:8: a '{' without its '}', or a ',' is missing inside"),
    "open bracket": ("layers: [a\n", "1:9: a '[' without its ']', or a ',' is missing inside"),
    "percent": ("name: %x\n", "1:7: text that begins with '%' needs quotes"),
    "escape": ("seed: 1\nname: \x1b[31m\n", "2:7: a character that is not text (U+001B)"),
    "surrogate": ("name: \ud800\n", "1:7: a character that is not text (U+D800)"),
    "two documents": (
        f"{BASE}---\n{BASE}",
        "3:1: a second document begins here; keep one config in a file",
    ),
    "too large": ("#" * (64 * 1024 + 1), "1:1: more than 64 KB; a config is a small file"),
    "deep flow": ("[" * 60_000, "1:41: nested more than 40 deep"),
    "deep lines": ("[\n" * 30_000, "41:1: nested more than 40 deep"),
    "deep dashes": ("- " * 30_000, "1:81: nested more than 40 deep"),
    "deep mappings": (
        "".join(f"{' ' * i}a:\n" for i in range(300)),
        "40:40: nested more than 40 deep",
    ),
    "yaml 3": ("%YAML 3.0\n---\na: 1\n", "1:1: not valid YAML: found incompatible YAML document"),
}

REFUSED = {
    "anchor": ("seed: &a 1\n", "1:7: seed: anchors (&) are not supported; leave it out"),
    "alias": (
        "seed: &a 1\nname: *a\n",
        "2:7: name: aliases (*) are not supported; write the value out",
    ),
    "billion laughs": (LAUGHS, "1:4: a: anchors (&) are not supported; leave it out"),
    "merge key": (
        "<<: {seed: 1}\n",
        "1:1: <<: merge keys (<<) are not supported; write the keys out",
    ),
    "tag": ("seed: !!str 1\n", "1:7: seed: tags (!) are not supported; leave it out"),
    "python tag": (
        "seed: !!python/object/apply:os.system ['true']\n",
        "1:7: seed: tags (!) are not supported; leave it out",
    ),
    "tagged key": ("!x seed: 1\n", "1:1: seed: tags (!) are not supported; leave it out"),
    "key twice": ("seed: 1\nname: a\nseed: 2\n", "3:1: seed: given twice, first on line 1"),
    "key twice, inside": (
        "train: {lr: 1, lr: 2}\n",
        "1:16: train.lr: given twice, first on line 1",
    ),
    "number as key": ("1: 2\n", "1:1: 1: a key is a word, got 1"),
    "null as key": ("~: 2\n", "1:1: ~: a key is a word, got ~"),
    "list as key": (
        "? [a]\n: 2\n",
        "1:3: a list or a mapping cannot be a key; is a quote missing?",
    ),
    "leading zero": (
        "seed: 0123\n",
        "1:7: seed: a number with a leading zero is ambiguous, got 0123; "
        "write 123, or put it in quotes if it is a word",
    ),
    "nan": ("train: {lr: .nan}\n", "1:13: train.lr: expected a finite number, got .nan"),
    "inf": ("train: {lr: -.inf}\n", "1:13: train.lr: expected a finite number, got -.inf"),
    "overflow": ("train: {lr: 1e999}\n", "1:13: train.lr: expected a finite number, got 1e999"),
    "huge": (
        f"seed: {'9' * 5000}\n",
        f"1:7: seed: a number out of range: {'9' * 59}…",
    ),
    "escape in a key": (
        '"\\e[31mred\\u202e": 1\n',
        "1:1: [31mred: unknown key, with invisible characters in it",
    ),
    "bidi in a key": ("a\u202eb: 1\n", "1:1: ab: unknown key, with invisible characters in it"),
}


@pytest.mark.parametrize(("text", "expected"), NOT_YAML.values(), ids=NOT_YAML)
def test_text_that_cannot_be_read_at_all(text: str, expected: str) -> None:
    (line,) = problems_of(text)
    assert line.startswith(f"mnist.yaml:{expected}")


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_yaml_that_is_refused(text: str, expected: str) -> None:
    assert f"mnist.yaml:{expected}" in problems_of(text)
