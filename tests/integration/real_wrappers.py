"""Every wrapper there is around the dumps of two servers. See `test_real_wrapped.py`."""

from __future__ import annotations

from typing import Final

from integration.real_rows import DDEV, DDEV_PG

#: Every wrapper there is around `users`; under `users.mysql` PostgreSQL's dump has a misleading name too.
WRAPPERS: Final = {
    f"{folder}/users.{name}.{wrapper}": engine
    for folder, engine in ((DDEV, "mariadb"), (DDEV_PG, "postgresql"))
    for name in ("sql", "mysql")
    for wrapper in ("gz", "bz2", "xz", "zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
}
LAYERS: Final = {
    "gz": ("gzip",),
    "bz2": ("bzip2",),
    "xz": ("xz",),
    "zip": ("zip",),
    "tar": ("tar",),
    "tar.gz": ("gzip", "tar"),
    "tgz": ("gzip", "tar"),
    "tar.bz2": ("bzip2", "tar"),
    "tar.xz": ("xz", "tar"),
}
