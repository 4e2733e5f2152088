"""Configs: choose, understand and edit a config."""

from tui.keymap import Key, register

register(
    "configs",
    "tui.screens.configs.screen:ConfigsScreen",
    title="Configs",
    key="1",
    hint="choose, understand and edit",
    keys=(
        Key("r", "run", "run", "Train this config, with unsaved changes", "Run", footer=True),
        Key("S", "seeds", "seeds", "Train this config with several seeds", "Run"),
        Key("s", "sweep", "sweep", "Train this config with many values of some keys: a sweep",
            "Run"),
        Key("y", "copy_command", "copy command", "Copy as a shell command", "Run"),
        Key("e", "edit", "edit", "Edit as a form and as YAML", "Edit", footer=True),
        Key("d", "data", "data", "Look at the data: classes, images, augmentation", "View",
            footer=True),
        Key("i", "import_images", "import", "Import images as a data set, and make a config for it",
            "Run", footer=True),
        Key("v", "editor", "$EDITOR", "Edit in $EDITOR", "Edit"),
        Key("u", "undo", "undo", "Undo the last change", "Edit"),
        Key("U", "redo", "redo", "Redo the last undone change", "Edit"),
        Key("w", "save", "save", "Save", "Edit", footer=True),
        Key("W", "save_as", "save as", "Save under another name", "Edit"),
        Key("D", "revert", "discard", "Discard unsaved changes; undo brings them back", "Edit"),
        Key("p", "preview", "yaml", "Switch between overview and YAML", "View", footer=True),
        Key("l,right", "into", "preview", "Focus the preview, to scroll it", "View"),
        Key("h,left", "back", "back", "Back to the list", "View"),
    ),
)  # fmt: skip
register(
    "data",
    "tui.screens.configs.data.screen:DataScreen",
    title="Data",
    over="configs",
    keys=(
        Key("n", "sample(1)", "next", "Show the next image of every class", "Images", footer=True),
        Key("N", "sample(-1)", "previous", "Show the previous image", "Images"),
        Key("a", "augmented", "as trained on", "Switch between samples and augmentation of one",
            "Images", footer=True),
        Key("escape", "leave", "back", "Back to the configs", "Data", footer=True),
    ),
)  # fmt: skip
register(
    "edit",
    "tui.screens.configs.edit_screen:EditScreen",
    title="Editor",
    over="configs",
    keys=(
        Key("escape", "leave", "done", "Back to the configs; changes are kept", "Edit",
            footer=True),
        Key("ctrl+s,f2", "save", "save", "Save", "Edit", footer=True, priority=True),
        Key("ctrl+t,f4", "switch", "form/yaml", "Switch between form and YAML", "Edit", footer=True,
            priority=True),
        Key("ctrl+z,f6", "undo", "undo", "Undo the last change", "Edit",
            footer=True, priority=True),
        Key("ctrl+y,f7", "redo", "redo", "Redo the last undone change", "Edit", priority=True),
        Key("ctrl+g,f8", "next_problem", "next error", "Go to the next error",
            "Edit", priority=True),
        Key("ctrl+r,f5", "run", "run", "Train this config", "Run", footer=True, priority=True),
    ),
)  # fmt: skip
