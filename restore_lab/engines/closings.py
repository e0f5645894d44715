"""How each tool closes a plain dump, as somebody would write it who wants a cut dump to look whole; pure.

Sources: as of `engines/mariadb/heads.py`; of each tool what it writes last (`exportFooter` of phpMyAdmin, `AfterRun` in
HeidiSQL's tabletools.pas, `restore_parameters` of mysqldump-php, the templates of npm's mysqldump).
"""

from __future__ import annotations

import re
from typing import Final

from restore_lab.engines.base import Dump

_LAST_LINES: Final = {
    ("postgresql", "plain"): b"\n--\n-- PostgreSQL database dump complete\n--\n\n",
    ("postgresql", "plain-cluster"): b"\n--\n-- PostgreSQL database cluster dump complete\n--\n\n",
    ("mariadb", "sql"): b"\n-- Dump completed on 2026-01-01  4:00:00\n",
    ("sqlite", "plain"): b"COMMIT;\n",
}
_LETTERS: Final = tuple(
    b"/*!40101 SET %b=@OLD_%b */;\n" % (name, name)
    for name in (b"CHARACTER_SET_CLIENT", b"CHARACTER_SET_RESULTS", b"COLLATION_CONNECTION")
)
_MODE: Final = b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n"
_KEYS: Final = b"/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;\n"
_UNIQUE: Final = b"/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;\n"
_NOTES: Final = b"/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n"
_PUTS_BACK: Final = (_MODE, _KEYS, _UNIQUE, *_LETTERS, _NOTES)
#: What tools of MariaDB other than its own write last, line by line. A line that puts a setting back, ends a
#: transaction or checks keys again is only written where the dump's beginning has what it answers to.
_OF_TOOLS: Final = {
    "phpMyAdmin": (b"SET FOREIGN_KEY_CHECKS=1;\n", b"COMMIT;\n", b"\n", *_LETTERS),
    "Adminer": (b"-- 2026-01-01 04:00:00\n",),
    "mysqldump-php": (
        b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n",
        b"/*!40101 SET AUTOCOMMIT=@OLD_AUTOCOMMIT */;\n",
        *_PUTS_BACK,
        b"\n-- Dump completed on: Thu, 01 Jan 2026 04:00:00 +0000\n",
    ),
    "npm mysqldump": (_NOTES, _MODE, _KEYS, *_LETTERS),
    "HeidiSQL": (
        b"/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;\r\n",
        b"/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;\r\n",
        b"/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;\r\n",
        b"/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\r\n",
        b"/*!40111 SET SQL_NOTES=IFNULL(@OLD_SQL_NOTES, 1) */;\r\n",
    ),
    "MySQL Workbench": _PUTS_BACK,
    "MySQL Administrator": _PUTS_BACK,
    "SQLyog": _PUTS_BACK,
    "Navicat": (b"SET FOREIGN_KEY_CHECKS = 1;\n",),
}
_PUT_BACK: Final = re.compile(rb"@OLD_([A-Z_]+)")


def closing(dump: Dump, head: bytes) -> bytes:
    """Give what a plain dump's own tool writes last, where the dump begins with `head`; b"" for any other dump.

    A dump that does not say its tool is closed as those of the server's own are.
    """
    lines = _OF_TOOLS.get(dump.tool) if dump.engine == "mariadb" else None
    if lines is None:
        return _LAST_LINES.get((dump.engine, dump.format), b"")
    return b"".join(line for line in lines if _is_due(line, head)) or b"\n"


def _is_due(line: bytes, head: bytes) -> bool:
    if saved := _PUT_BACK.search(line):
        return re.search(rb"@OLD_%b\s?=" % saved[1], head) is not None
    if line.startswith(b"SET FOREIGN_KEY_CHECKS"):
        return re.search(rb"SET FOREIGN_KEY_CHECKS ?= ?0;", head, re.IGNORECASE) is not None
    return not line.startswith(b"COMMIT") or b"START TRANSACTION;" in head
