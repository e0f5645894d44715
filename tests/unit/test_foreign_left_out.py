"""Views and tables that another tool left out of its dump, and wrote so or not."""

from __future__ import annotations

from typing import Final

import foreign_dumps as foreign
import pytest
from unit.foreign_read import OWN, SHAPES, cut, read, told

from restore_lab.findings import Code, finding


def test_a_view_that_phpmyadmin_exports_as_a_table_is_no_cut() -> None:
    data = foreign.phpmyadmin(OWN.encode())
    at, end = data.index(b"CREATE ALGORITHM"), data.index(b"--\n-- Indexes")
    # so it is written: no space before the name, and none behind it
    table = b"CREATE TABLE`dernieres`(\n    `nom` varchar(60) COLLATE utf8mb4_general_ci NOT NULL\n);\n\n"
    other = data[:at] + table + data[end:]

    assert cut(other) == []
    assert [one.name for one in read(other)[1].made["table"]][-1] == "dernieres"


#: As releases 5.2 in two languages wrote it, one before 4.5, and one of a view that is broken; none without comments.
REFUSALS: Final = (
    foreign.REFUSED,
    b"-- Erreur de lecture de structure pour la table cabinet.dernieres : #1142 - interdite\n",
    b"-- in use(#1142 - SHOW VIEW command denied to user 'lecteur'@'localhost' for table 'dernieres')\n",
    foreign.REFUSED.replace(b"#1142", b"#1356"),
    b"",
)
LEFT_OUT: Final = [finding(Code.VIEWS_LEFT_OUT, views=1, view="dernieres")]


@pytest.mark.parametrize("said", REFUSALS)
@pytest.mark.parametrize("keys", [True, False])
def test_a_view_that_phpmyadmin_could_not_read_is_no_cut(said: bytes, *, keys: bool) -> None:
    data = foreign.left_out(foreign.phpmyadmin(OWN.encode()), said)
    data = data if keys else data[: data.index(b"--\n-- Indexes")] + foreign.PHPMYADMIN_END.encode()
    outline = read(data)[1]

    assert cut(data) == ([] if said or keys else [Code.DUMP_CUT])  # without either, it looks as one cut there
    assert told(data) == (LEFT_OUT if said or keys else [])
    assert outline.judgeable
    assert not outline.made.get("view")


def test_a_last_view_that_phpmyadmin_without_comments_drops_and_does_not_make_is_in_doubt() -> None:
    data = foreign.without_comments(foreign.left_out(foreign.phpmyadmin(OWN.encode()), b""))
    at, stand_in = data.index(b"ALTER TABLE"), data.index(b"DROP TABLE IF EXISTS `dernieres`")
    end = foreign.PHPMYADMIN_END.encode()

    assert (cut(data), told(data)) == ([], LEFT_OUT)
    assert (cut(data[:at] + end), told(data[:at] + end)) == ([Code.VIEW_CUT_OR_LEFT_OUT], [])
    assert cut(data[:at]) == cut(data[:stand_in] + end) == [Code.DUMP_CUT]  # nothing puts that down to the view


def test_a_view_that_came_is_not_left_out_and_one_that_was_cut_off_is_cut() -> None:
    data = foreign.phpmyadmin(OWN.encode())
    at = data.index(b"CREATE ALGORITHM")
    before = data.index(b"DROP TABLE IF EXISTS `dernieres`")
    about_a_table = foreign.REFUSED.replace(b"dernieres", b"patient")

    assert told(data) == []
    for part in (data[:at], data[:before] + foreign.REFUSED, data[:at] + about_a_table):
        assert cut(part + foreign.PHPMYADMIN_END.encode()) == [Code.DUMP_CUT]


#: As releases of two ages wrote it, of its structure or its rows; `{}` is where the server's own words follow.
UNREAD: Final = (
    ("-- Error reading structure for table cabinet.courrier: #130 - {}\n", "courrier"),
    ("-- Erreur de lecture de structure pour la table cabinet.courrier : #1932 - {}\n", "courrier"),
    ("-- Error reading data for table mon cabinet.le courrier: #1142 - {}\n", "le courrier"),
    ("-- in use(#1033 - {})\n", ""),
)


@pytest.mark.parametrize(("said", "table"), UNREAD)
def test_a_table_that_phpmyadmin_could_not_read_is_lost(said: str, table: str) -> None:
    data = foreign.phpmyadmin(OWN.encode())
    at = data.index(b"--\n-- Dumping data for table `patient`")
    lost = data[:at] + said.format("Incorrect information in file: 'a.b'").encode() + data[at:]

    assert told(lost) == [finding(Code.TABLES_LEFT_OUT, tables=1, table=table or "?")]
    assert told(lost.replace(b"Incorrect", b"SHOW VIEW"))[0].code is Code.VIEWS_LEFT_OUT
    assert cut(lost) == []


@pytest.mark.parametrize(
    "said",
    [
        b"-- Ticket cabinet #1234\n",
        b"-- Host: 127.0.0.1:3306 #12 -\n",
        b"-- RELATIONSHIPS FOR TABLE `patient`:\n",
        b"INSERT INTO `patient` VALUES (9, '\n-- Error reading data for table cabinet.patient: #1142 - \n');\n",
    ],
)
def test_what_is_no_such_message_tells_of_no_table(said: bytes) -> None:
    data = foreign.phpmyadmin(OWN.encode())
    at = data.index(b"--\n-- Dumping data for table `patient`")

    assert told(data[:at] + said + data[at:]) == []


@pytest.mark.parametrize("tool", SHAPES)
def test_no_other_tool_leaves_its_view_out(tool: str) -> None:
    data = SHAPES[tool][0](OWN.encode())

    assert told(data) == []
    assert told(data[: data.index(SHAPES[tool][2])]) == []


def test_what_stood_in_for_a_view_may_go_and_a_table_may_not() -> None:
    data = foreign.phpmyadmin(OWN.encode())
    dropped = data.replace(b"DROP TABLE IF EXISTS `dernieres`", b"DROP TABLE IF EXISTS `patient`")

    assert read(data)[1].judgeable
    assert not read(dropped)[1].judgeable
