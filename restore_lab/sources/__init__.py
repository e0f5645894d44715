"""Where backups are: one module a kind, all of them in this one dict."""

from restore_lab.sources.base import Source
from restore_lab.sources.directory import Directory
from restore_lab.sources.folder import Folder

SOURCES: dict[str, type[Source]] = {"directory": Directory, "folder": Folder}
