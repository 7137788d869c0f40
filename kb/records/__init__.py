"""Papers, their reviews and the taxonomy: what people edit, and how it is read and written."""
