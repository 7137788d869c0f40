"""Records as Markdown pages. Nothing here reads or writes a file: the result is text by path."""
