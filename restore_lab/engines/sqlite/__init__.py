"""SQLite: a database file or its plain dump, parsed by a child inside the machine."""
