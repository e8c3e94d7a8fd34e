"""The inventory in one SQLite file: the file itself, its schema, its locks, copies of it and the way back."""
