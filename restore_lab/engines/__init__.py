"""How bytes become a clean running database: one module an engine, all of them in this one dict."""

from restore_lab.engines.base import Engine
from restore_lab.engines.sqlite import Sqlite

ENGINES: dict[str, type[Engine]] = {"sqlite": Sqlite}
