"""How bytes become a clean running database: one module an engine, all of them in this one dict."""

from restore_lab.engines.base import Engine
from restore_lab.engines.files.engine import Files
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.postgresql.engine import Postgresql
from restore_lab.engines.sqlite.engine import Sqlite

ENGINES: dict[str, type[Engine]] = {
    "sqlite": Sqlite,
    "postgresql": Postgresql,
    "mariadb": Mariadb,
    "files": Files,
}
