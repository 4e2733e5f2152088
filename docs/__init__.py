"""What writes parts of the pages: the table of keys, and the pictures."""
