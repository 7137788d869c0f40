"""Records in other people's formats: one format a file, `list[Paper] -> str`."""
