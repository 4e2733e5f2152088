"""Gradients: a gradient check, layer by layer."""

from tui.keymap import Key, register

register(
    "gradients",
    "tui.screens.gradients.screen:GradientsScreen",
    title="Gradients",
    key="4",
    hint="analytic against numeric",
    keys=(
        Key("g", "check", "check", "Check the gradients of the network", "Check", footer=True),
        Key("x", "stop", "stop", "Stop the check; results so far stay", "Check", footer=True),
        Key("m", "mode", "mode", "Switch between random directions and every entry", "Check",
            footer=True),
        Key("o", "choose_network", "network", "Choose the network to check", "Network",
            footer=True),
    ),
)  # fmt: skip
