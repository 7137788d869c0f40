"""From what sources say to what records hold: which entries are one work, and which value of a field wins."""
