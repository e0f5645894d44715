"""What other tools than the servers' own write is never called cut while it is whole; and cuts of it are seen."""

from __future__ import annotations

import re
from typing import Final

import foreign_dumps as foreign
import pytest
from unit.foreign_read import OWN, SHAPES, cut, read

from restore_lab.engines import announced
from restore_lab.engines.boundaries import last_boundary
from restore_lab.engines.forging import forged, forgery
from restore_lab.engines.mariadb.load import Passage
from restore_lab.engines.tokens import Dialect
from restore_lab.findings import Code

MADE: Final = {"table": 2, "view": 1, "trigger": 1, "routine": 1}
#: Behind what comment or statement a tool has begun what only its end brings.
BEGUN: Final = {
    "mysqldump-php": b"CREATE TABLE IF NOT EXISTS `dernieres`",
    "npm mysqldump": b"# DATA DUMP FOR TABLE: consultation",
}


@pytest.mark.parametrize("tool", SHAPES)
def test_a_whole_dump_of_another_tool_lacks_nothing(tool: str) -> None:
    shape, end, _ = SHAPES[tool]
    data = shape(OWN.encode())
    dump, outline = read(data)

    assert data.endswith(end.encode())
    assert dump.tool == tool
    assert (dump.vendor, dump.series) == (("", "") if tool == "npm mysqldump" else ("mariadb", "10.11"))
    assert cut(data) == cut(data, refused=True) == []
    assert outline.judgeable
    assert not outline.lost
    assert {kind: len(names) for kind, names in outline.made.items() if names} == (
        {kind: count for kind, count in MADE.items() if kind != "routine"} if tool == "npm mysqldump" else MADE
    )
    for piece_bytes in (1, 7):
        assert read(data, piece_bytes=piece_bytes)[1].made == outline.made


@pytest.mark.parametrize("tool", SHAPES)
def test_every_cut_before_the_view_is_made_is_seen_behind_a_forged_end(tool: str) -> None:
    shape, end, last = SHAPES[tool]
    data = shape(OWN.encode())
    begun = data.index(b";", data.index(BEGUN.get(tool, b"CREATE TABLE `dernieres`"))) + 1
    for at in range(begun, data.index(last) + 1):
        part = data[:at]
        if part.endswith((b"\n", b";")):
            dump, outline = read(part + b"\n" + end.encode())
            found = [one.code for one in announced.cut(outline, dump)]
            assert outline.lost or found == [Code.DUMP_CUT], part[-200:]


@pytest.mark.parametrize("tool", [tool for tool in SHAPES if tool != "Adminer"])
def test_a_dump_that_lost_its_end_is_cut(tool: str) -> None:
    shape, end, _ = SHAPES[tool]

    assert cut(shape(OWN.encode()).removesuffix(end.encode())) == [Code.DUMP_CUT]


@pytest.mark.parametrize("tool", SHAPES)
def test_a_control_cuts_such_a_dump_between_two_statements(tool: str) -> None:
    data = SHAPES[tool][0](OWN.encode())
    for most_bytes in range(len(data) // 2, len(data), 50):
        kept, copying = last_boundary([data], Dialect.MARIADB, most_bytes=most_bytes)
        before = data[:kept].rstrip()
        assert before.endswith((b";", b"DELIMITER ;")) or before == b"", before[-80:]
        assert not copying


@pytest.mark.parametrize("tool", SHAPES)
def test_a_control_closes_such_a_dump_as_its_own_tool_does(tool: str) -> None:
    shape, end, _ = SHAPES[tool]
    data = shape(OWN.encode())
    dump, _ = read(data)
    made = forgery([data], dump, most_bytes=len(data) * 3 // 4)

    assert _without_times(made.end) == _without_times(end.encode())
    _, outline = read(b"".join(forged([data], made)))
    assert not {what for what, _ in outline.open} & {"setting", "transaction"}


@pytest.mark.parametrize("tool", SHAPES)
def test_a_control_puts_nothing_back_that_was_not_saved(tool: str) -> None:
    shape, end, _ = SHAPES[tool]
    data = re.sub(rb"SET @OLD_\w+=@@\w+|START TRANSACTION", b"SELECT 1", shape(OWN.encode()))
    made = forgery([data], read(shape(OWN.encode()))[0], most_bytes=len(data) // 2)

    assert made.end
    assert b"@OLD_" not in made.end
    assert b"COMMIT" not in made.end
    assert (b"2026" in made.end) is ("2026" in end)


def test_a_control_checks_keys_again_where_phpmyadmin_left_them_unchecked() -> None:
    data = foreign.phpmyadmin(OWN.encode()).replace(b"SET SQL_MODE", b"SET FOREIGN_KEY_CHECKS=0;\nSET SQL_MODE", 1)
    made = forgery([data], read(data)[0], most_bytes=len(data) // 2)

    assert made.end == b"SET FOREIGN_KEY_CHECKS=1;\n" + foreign.PHPMYADMIN_END.encode()


def _without_times(end: bytes) -> bytes:
    return re.sub(rb"(?:\w{3}, )?\d[-\d]+(?: \w{3} \d{4})? \d\d:\d\d:\d\d(?: \+0000)?", b"<time>", end)


def test_tables_of_any_name_have_their_rows_in_a_dump_of_npm() -> None:
    data = foreign.npm_mysqldump(OWN.encode())
    for name in (b"le  patient", b"pa-tient", "pati\u00e9nt".encode()):
        renamed = data.replace(b"`patient`", b"`%b`" % name).replace(b"TABLE: patient", b"TABLE: %b (locked)" % name)
        assert cut(renamed) == []
        at = renamed.index(b"# DATA DUMP FOR TABLE: " + name)
        assert cut(renamed[:at] + foreign.NPM_END.encode()) == [Code.DUMP_CUT]
    # names that are not those of its tables tell nothing
    assert cut(data.replace(b"# DATA DUMP FOR TABLE: patient", b"# DATA DUMP FOR TABLE: other")) == []


def test_rows_that_were_not_ended_are_told_where_others_were() -> None:
    data = foreign.mysqldump_php(OWN.encode()).replace(b"LOCK TABLES `", b"-- `").replace(b"UNLOCK TABLES;\n", b"")
    at = data.index(b"-- Dumped table `patient`")
    early = data.index(b"-- Dumped table `consultation`")
    end = foreign.MYSQLDUMP_PHP_END.encode()

    assert cut(data) == []
    assert cut(data[:at] + end) == [Code.DUMP_CUT]
    assert cut(data[:early] + end) == []  # as releases write it that tell of no end


def test_a_database_that_is_used_and_not_made_is_named() -> None:
    data = foreign.adminer(OWN.encode())
    made = data.replace(b"USE `cabinet`;", b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `cabinet`;\nUSE `cabinet`;")

    assert list(read(data)[1].not_made) == ["cabinet"]
    assert list(read(made)[1].not_made) == []


@pytest.mark.parametrize("piece_bytes", [1, 50, 5000, 65_536])
def test_a_database_is_made_before_the_client_gets_to_its_use(piece_bytes: int) -> None:
    said: list[bytes] = []
    rows = b"INSERT INTO `a` VALUES (1,'USE `faux`;\nUSE `faux`;\n');\n" * 300
    parts = (
        b"CREATE DATABASE `own`;\n",
        b"USE `own`;\n" + rows,
        b"USE `one`;\n" + rows,
        b"USE `two`;\n",
        b"SELECT 'cut",
    )
    dump = b"".join(parts)
    passage = Passage(make=lambda name: said.append(f"made {name};".encode()))
    for piece in passage.through(dump[at : at + piece_bytes] for at in range(0, len(dump), piece_bytes)):
        said.append(piece)  # noqa: PERF402 - what was made is said in between
    whole = b"".join(said)

    one, two = whole.index(b"made one;"), whole.index(b"made two;") - len(b"made one;")
    assert one <= dump.index(b"USE `one`;") + len(b"USE `one`")
    assert two <= dump.index(b"USE `two`;") + len(b"USE `two`")
    assert whole.count(b"made ") == 2
    assert whole.replace(b"made one;", b"").replace(b"made two;", b"").startswith(dump + b"\n\\g\n")


@pytest.mark.parametrize("between", [b",", b", ", b",\t"])
def test_dates_of_zero_are_counted_however_values_are_set_apart(between: bytes) -> None:
    rows = b"INSERT INTO `vaccin` (`id`, `fait_le`) VALUES\n(1%b'0000-00-00'),\n(2%b'0000-00-00 00:00:00');\n"
    data = b"CREATE TABLE `vaccin` (d date DEFAULT '0000-00-00');\n" + rows.replace(b"%b", between)
    for piece_bytes in (1, 2, 5, 65_536):
        zeros = read(data, piece_bytes=piece_bytes)[1].zeros
        assert zeros.count == 2
    assert zeros.first_in == "vaccin"
