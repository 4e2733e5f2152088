"""A workbench: a copy of a training to be taken apart, broken and restored, batch by batch."""
