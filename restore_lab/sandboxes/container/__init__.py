"""A disposable machine as a container of the Docker engine on this host."""
