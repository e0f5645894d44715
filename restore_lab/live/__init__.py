"""The ways to a live database, one for each engine. Nothing that a drill runs imports them."""
