"""A disposable machine on this very host: processes held by bubblewrap, else by namespaces."""
