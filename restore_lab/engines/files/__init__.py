"""Documents beside the database: an archive of a folder, taken apart and opened by a child inside the machine."""
