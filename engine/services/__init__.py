"""What a command and a screen both do: the work itself, without a word of output."""
