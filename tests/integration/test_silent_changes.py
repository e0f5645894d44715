"""What a lenient load changes without a word, on dumps the server's own tools made: told, and only what changed."""

from __future__ import annotations

import pytest
from integration.mariadb_dumps import LOCAL, PLACES, dumped

from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.findings import Code, Finding, finding

LENIENT = Mariadb(sql_mode="")
TABLE = (
    "CREATE DATABASE c CHARACTER SET utf8mb4; USE c; CREATE TABLE patient (id INT PRIMARY KEY, nom VARCHAR(60),"
    " age INT, ne_le DATE, sexe ENUM('f','m'));"
    " INSERT INTO patient VALUES (1, 'DUPONT-MARCHAND', 45, '1981-03-02', 'f'), (2, 'Zoé', 300, '0000-00-00', 'm');"
)


@pytest.fixture(scope="module")
def dump() -> bytes:
    return dumped(TABLE, "c", engine=LENIENT)


def found(data: bytes, engine: Mariadb | None = None) -> tuple[Finding, ...]:
    with LOCAL.restored(data, engine) as (_, load, inventory):
        assert sum(table.rows for table in inventory.tables) == 2
        assert "DUPONT" not in repr(load)
        return load.findings


ZERO = finding(Code.ZERO_DATES, count=1, subject="patient")


def test_dates_of_zero_stay_what_they_are(dump: bytes) -> None:
    assert found(dump) == (ZERO,)
    assert found(dump, Mariadb(sql_mode="NO_ZERO_DATE,NO_ZERO_IN_DATE")) == (ZERO,)


def test_dates_of_zero_that_the_dumps_own_mode_warns_of_stay_what_they_are(dump: bytes) -> None:
    warns = dump.replace(b"SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", b"SQL_MODE='NO_AUTO_VALUE_ON_ZERO,NO_ZERO_DATE'")

    assert warns != dump
    assert found(warns) == (ZERO,)


@pytest.mark.parametrize(
    ("old", "new", "code", "subject"),
    [
        (b"varchar(60)", b"varchar(5)", "1265", "patient.nom"),
        (b"`age` int(11)", b"`age` tinyint(4)", "1264", "patient.age"),
        (b"'1981-03-02'", b"'1981-02-30'", "1265", "patient.ne_le"),
        ("Zoé".encode(), b"Zo\xe9", "1366", "patient.nom"),
        (b",45,", b",'quarante',", "1366", "patient.age"),
    ],
    ids=["too long", "out of range", "no date", "not utf-8", "no number"],
)
def test_a_value_the_server_changed_is_counted_under_its_column(
    dump: bytes, old: bytes, new: bytes, code: str, subject: str
) -> None:
    assert dump.count(old) == 1
    changed = found(dump.replace(old, new))

    assert [one for one in changed if one.code is not Code.ZERO_DATES] == [
        finding(Code.VALUES_CHANGED, count=1, subject=subject, code=code, tables=1)
    ]


def test_what_changed_is_counted_table_by_table_the_worst_first_and_ten_are_named() -> None:
    table = (
        "CREATE TABLE t{0} (id INT PRIMARY KEY, court{0} VARCHAR(20), autre INT);"
        " INSERT INTO t{0} SELECT seq, 'texte long', 300 FROM seq_1_to_{0};"
    )
    tables = "".join(table.format(number) for number in range(1, 13))
    data = dumped(f"CREATE DATABASE c; USE c; {tables}", "c", engine=LENIENT)
    at = data.index(b"`autre`", data.index(b"CREATE TABLE `t3`"))
    narrow = data[:at] + data[at:].replace(b"int(11)", b"tinyint(4)", 1)
    with LOCAL.restored(narrow.replace(b"varchar(20)", b"varchar(5)")) as (_, load, _):
        changed = [dict(one.params) for one in load.findings if one.code is Code.VALUES_CHANGED]

    assert [(one["subject"], one["count"]) for one in changed] == [
        *((f"t{number}.court{number}", number) for number in range(12, 2, -1)),
        ("…", 3 + 2 + 1),
    ]
    assert {one["tables"] for one in changed} == {13}  # of `autre` no warning says in which of the tables it is


def test_a_value_that_imitates_a_warning_names_no_column(dump: bytes) -> None:
    imitates = b"'x\\nWarning (Code 1265): Data truncated for column \\'Testard\\' at row 1\\nERROR 1062 (23000): '"
    with LOCAL.restored(dump.replace(b",45,", b"," + imitates + b",")) as (_, load, _):
        changed = [dict(one.params) for one in load.findings if one.code is Code.VALUES_CHANGED]

    assert "Testard" not in repr(load)
    assert [one["subject"] for one in changed] == [""]


def test_an_empty_label_is_what_the_server_had() -> None:
    empty = TABLE.replace("45, '1981-03-02', 'f'", "45, '1981-03-02', 'inconnu'")

    assert found(dumped(empty, "c", engine=LENIENT)) == (ZERO,)


def test_a_result_that_only_looks_like_a_warning_or_an_error_is_none(dump: bytes) -> None:
    asks = b"SELECT 'ERROR 1062 (23000) at line 1: Duplicate entry';\nSELECT 'Warning (Code 1265): no';\n"

    assert found(dump + asks) == (ZERO,)


@pytest.mark.docker
def test_thousands_of_changed_values_are_all_counted() -> None:
    rows = ",".join(f"({number},'abcdef')" for number in range(60_000)).encode()
    data = b"SET sql_mode='';\nCREATE TABLE `t` (a INT, b VARCHAR(3));\n" + b"INSERT INTO `t` VALUES " + rows + b";\n"
    for name in ("local", "container-10.11", "container-11.8"):
        with PLACES[name].restored(data + b"SELECT REPEAT('x', 9000000);\n") as (_, load, _):
            assert load.findings == (finding(Code.VALUES_CHANGED, count=60_000, subject="t.b", code="1265", tables=1),)
