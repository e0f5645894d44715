"""Backups of MariaDB in the shape that other tools than the server's own give: whole, and cut with a forged end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import foreign_dumps as foreign
from integration import damaged_doing as doing
from integration.damaged import INCONCLUSIVE, PASSED, RESERVED, Row
from integration.damaged_making import Backup

from restore_lab.findings import Code

WHOLE: Final = Backup(engine="mariadb")
_NOTHING: Final[frozenset[Code]] = frozenset()
#: Without a version in its head, whatever restored it is of another series.
_NAMELESS: Final = frozenset({Code.SERVER_OF_ANOTHER_SERIES})
_LEFT_OUT_UNSAID: Final = partial(foreign.left_out, said=b"")
_PATIENTS_LOST: Final = frozenset({Code.DUMP_CUT, Code.TABLE_EMPTY, Code.ORPHAN_ROWS})
#: Of each tool: its name, how its dumps are made, what is found in a whole one and noted of it, where one is cut, what
#: is written behind, and what is found then.
_TOOLS: Final = (
    (
        ("phpmyadmin", "phpMyAdmin", foreign.phpmyadmin, _NOTHING, _NOTHING),
        # its keys come last
        (
            b"INSERT INTO `patient`",
            foreign.PHPMYADMIN_END,
            frozenset({Code.DUMP_CUT, Code.TABLE_EMPTY, Code.KEYS_ABSENT}),
        ),
    ),
    (
        ("adminer", "Adminer", foreign.adminer, _NOTHING, frozenset({Code.DATA_IN_ANOTHER_DATABASE})),
        (b"INSERT INTO `patient`", foreign.ADMINER_END, _PATIENTS_LOST),
    ),
    (
        ("mysqldump-php", "mysqldump-php", foreign.mysqldump_php, _NOTHING, _NOTHING),
        (
            b"UNLOCK TABLES;\nCOMMIT;\n\n-- Dumped table `patient`",
            foreign.MYSQLDUMP_PHP_END,
            frozenset({Code.DUMP_CUT}),
        ),
    ),
    (
        ("npm-mysqldump", "`mysqldump` of npm", foreign.npm_mysqldump, _NAMELESS, _NOTHING),
        (b"# DATA DUMP FOR TABLE: patient", foreign.NPM_END, _PATIENTS_LOST | _NAMELESS),
    ),
    (
        ("heidisql", "HeidiSQL", foreign.heidisql, _NOTHING, frozenset({Code.LINE_ENDS_CHANGED})),
        (b"INSERT INTO `patient`", foreign.HEIDISQL_END, _PATIENTS_LOST),
    ),
)


def _rows() -> Iterator[Row]:
    for (name, tool, shape, weighing, notes), (mark, end, found) in _TOOLS:
        yield Row(
            name=f"mariadb-{name}",
            backup=WHOLE,
            damage=(shape,),
            done=f"in the shape that {tool} gives a dump",
            verdict=RESERVED if weighing else PASSED,
            weighing=weighing,
            notes=notes,
            healthy=True,
        )
        yield Row(
            name=f"mariadb-{name}-forged-end",
            backup=WHOLE,
            damage=(shape, doing.cut_before(mark), doing.ends_with(end.encode())),
            done=f"in that shape, cut between two statements, and what {tool} writes last written under it",
            weighing=found,
        )


ROWS: Final = (
    *_rows(),
    Row(
        name="mariadb-phpmyadmin-view-left-out",
        backup=WHOLE,
        damage=(foreign.phpmyadmin, foreign.left_out),
        done="in the shape of phpMyAdmin, whose account may not see how the view is made",
        verdict=RESERVED,
        weighing=frozenset({Code.VIEWS_LEFT_OUT}),
    ),
    Row(
        name="mariadb-phpmyadmin-view-left-out-unsaid",
        backup=WHOLE,
        damage=(foreign.phpmyadmin, _LEFT_OUT_UNSAID, foreign.without_comments),
        done="as before, without comments",
        verdict=RESERVED,
        weighing=frozenset({Code.VIEWS_LEFT_OUT}) | _NAMELESS,
    ),
    Row(
        name="mariadb-phpmyadmin-view-in-doubt",
        backup=WHOLE,
        damage=(
            foreign.phpmyadmin,
            _LEFT_OUT_UNSAID,
            doing.cut_before(b"--\n-- Indexes"),
            doing.ends_with(foreign.PHPMYADMIN_END.encode()),
            foreign.without_comments,
        ),
        done="as before, and no key follows: as one that is cut there, its end forged",
        verdict=INCONCLUSIVE,
        weighing=frozenset({Code.VIEW_CUT_OR_LEFT_OUT, Code.KEYS_ABSENT}) | _NAMELESS,
    ),
    Row(
        name="mariadb-phpmyadmin-table-left-out",
        backup=WHOLE,
        damage=(
            foreign.phpmyadmin,
            doing.replaced(
                b"COMMIT;",
                b"-- Error reading structure for table cabinet.acte: #130 - Incorrect file format\n" + b"COMMIT;",
            ),
        ),
        done="in the shape of phpMyAdmin, which says of a table that it could not read it",
        weighing=frozenset({Code.TABLES_LEFT_OUT}),
    ),
    Row(
        name="mariadb-type-in-place-of-engine",
        backup=WHOLE,
        damage=(doing.as_mysqldump_9, doing.replaced(b" ENGINE=", b" TYPE=")),
        done="as mysqldump 9.11 of MySQL 4.0 wrote it, `TYPE=` of its tables too, which no server takes any more",
        verdict=INCONCLUSIVE,
        weighing=frozenset(
            {
                *(Code.DUMP_SYNTAX_OUTDATED, Code.LOAD_ERRORS, Code.SERVER_OF_ANOTHER_SERIES),
                *(Code.NO_TABLES, Code.TABLE_MISSING, Code.SQL_QUESTION_REFUSED),
            }
        ),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
    Row(
        name="mariadb-phpmyadmin-behind-rows",
        backup=WHOLE,
        damage=(
            foreign.phpmyadmin,
            doing.cut_before(b"--\n-- Indexes for dumped tables"),
            doing.ends_with(foreign.PHPMYADMIN_END.encode()),
        ),
        done="in the shape of phpMyAdmin, cut behind all rows and views, before the keys; its end forged",
        verdict=RESERVED,
        weighing=frozenset({Code.KEYS_ABSENT}),
        notes=frozenset({Code.NO_FOREIGN_KEYS}),
    ),
)
