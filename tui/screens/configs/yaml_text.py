"""YAML in colours, by Pygments, which Textual ships."""

from pygments.lexers import YamlLexer
from pygments.token import Token
from textual.content import Content, Span

from tui import text

_LEXER = YamlLexer(stripnl=False, ensurenl=False)

STYLES = {
    Token.Comment: "$muted",
    Token.Name.Tag: "$primary",
    Token.Literal.Scalar.Plain: "$foreground",
    Token.Literal.Number: "$accent",
    Token.Literal.String: "$success",
    Token.Name.Constant: "$accent",
    Token.Punctuation: "$curve-axis",
}
"""From a kind of token to a style; the kinds within it too."""


def spans(yaml: str) -> list[Span]:
    """Where which style begins and ends."""
    found, position = [], 0
    for kind, piece in _LEXER.get_tokens(yaml):
        style = _style(kind, piece)
        if style and piece.strip():
            found.append(Span(position, position + len(piece), style))
        position += len(piece)
    return found


def _style(kind: object, piece: str) -> str:
    if kind in Token.Literal.Scalar.Plain and _is_value(piece):
        return "$accent"
    for known, style in STYLES.items():
        if kind in known:
            return style
    return ""


def _is_value(piece: str) -> bool:
    """Numbers and the words of YAML; Pygments has one kind for all plain scalars."""
    if piece in ("true", "false", "null"):
        return True
    try:
        float(piece)
    except ValueError:
        return False
    return True


def highlighted(yaml: str) -> Content:
    """The text, safe to show, in colours of the theme."""
    safe = text.clean(yaml)
    return Content(safe, spans=spans(safe))
