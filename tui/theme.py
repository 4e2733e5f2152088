"""The colours: a dark, a light and a colour-blind theme.

Every theme also names the colours of the curves. Colour never stands alone: what it says is also
said by a word, a symbol or a place.
"""

from textual.theme import Theme

_SHARED = {
    "border-blurred": "$surface-lighten-2",
    "footer-key-foreground": "$accent",
    "block-cursor-text-style": "none",
}

DARK = Theme(
    name="cnn-dark",
    primary="#6cb6ff",
    secondary="#8ddb8c",
    accent="#f0b45a",
    foreground="#d6dde6",
    background="#0e1217",
    surface="#141a21",
    panel="#1b232c",
    success="#7ed491",
    warning="#f0b45a",
    error="#ff7b72",
    dark=True,
    variables={
        **_SHARED,
        "border": "#2d3a48",
        "border-blurred": "#2d3a48",
        "muted": "#8593a3",
        "curve-train": "#6cb6ff",
        "curve-train-dim": "#2f4a66",
        "curve-val": "#f0b45a",
        "curve-lr": "#b79cff",
        "curve-axis": "#5d6b7a",
        "input-selection-background": "#6cb6ff 30%",
    },
)

LIGHT = Theme(
    name="cnn-light",
    primary="#0a63c9",
    secondary="#1a7f37",
    accent="#a1560a",
    foreground="#1d242c",
    background="#fbfbf9",
    surface="#f3f3ef",
    panel="#e8e8e2",
    success="#1a7f37",
    warning="#a1560a",
    error="#c0262d",
    dark=False,
    variables={
        **_SHARED,
        "border": "#c6c8c4",
        "border-blurred": "#c6c8c4",
        "muted": "#5f6873",
        "curve-train": "#0a63c9",
        "curve-train-dim": "#b5cdea",
        "curve-val": "#c25d00",
        "curve-lr": "#7a3fc4",
        "curve-axis": "#8b929b",
        "input-selection-background": "#0a63c9 25%",
    },
)

# Okabe and Ito's palette: distinguishable with every common kind of colour blindness.
COLOUR_BLIND = Theme(
    name="cnn-colour-blind",
    primary="#56b4e9",
    secondary="#009e73",
    accent="#f0e442",
    foreground="#e6e6e6",
    background="#101010",
    surface="#181818",
    panel="#222222",
    success="#56b4e9",
    warning="#f0e442",
    error="#e69f00",
    dark=True,
    variables={
        **_SHARED,
        "border": "#444444",
        "border-blurred": "#444444",
        "muted": "#a0a0a0",
        "curve-train": "#56b4e9",
        "curve-train-dim": "#2b4a5c",
        "curve-val": "#e69f00",
        "curve-lr": "#cc79a7",
        "curve-axis": "#808080",
        "input-selection-background": "#56b4e9 30%",
    },
)

THEMES = (DARK, LIGHT, COLOUR_BLIND)
DEFAULT = DARK.name
