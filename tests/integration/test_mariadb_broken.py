"""Dumps that are cut, hold messages of their tool, or turn on the server. See `test_mariadb_restore.py`."""

from __future__ import annotations

import pytest
from integration.mariadb_dumps import (
    CABINET,
    ELSEWHERE,
    EVERYWHERE,
    LOCAL,
    PATIENT,
    PLACES,
    Place,
    dumped_two_databases,
    rows_of,
)

from restore_lab.engines.mariadb import server as mariadb_server
from restore_lab.errors import EngineFailed, QueryRefused
from restore_lab.findings import Code, finding


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[str(request.param)]


@pytest.fixture(scope="module")
def two_databases() -> bytes:
    return dumped_two_databases()


#: As the tools write them to their standard error, and `2>&1` into the dump.
PASSWORD = b"mysqldump: [Warning] Using a password on the command line interface can be insecure.\n"
TABLESPACES = (
    b"mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation' "
    b"when trying to dump tablespaces\n"
)
BROKEN_VIEW = b"mysqldump: Couldn't execute 'SHOW FIELDS FROM `broken`': View 'cabinet.broken' is broken (1356)\n"


@pytest.mark.parametrize("said", [PASSWORD, TABLESPACES, PASSWORD + TABLESPACES])
def test_a_message_of_mysqldump_before_the_first_statement_costs_nothing(
    place: Place, two_databases: bytes, said: bytes
) -> None:
    with place.restored(said + two_databases) as (_, load, inventory):
        assert load.findings == (finding(Code.LOAD_ERRORS_HARMLESS, count=2), finding(ELSEWHERE, database="cabinet"))
        assert rows_of(inventory) == CABINET


@pytest.mark.parametrize(
    ("said", "before", "harmless"),
    [
        (PASSWORD, b"LOCK TABLES `patient` WRITE;", True),
        (PASSWORD, b"CREATE TABLE `patient`", False),
        (PASSWORD, b"INSERT INTO `patient`", False),
        (PASSWORD, b"UNLOCK TABLES;", False),
        (BROKEN_VIEW, b"LOCK TABLES `patient` WRITE;", False),
    ],
)
def test_a_message_of_mysqldump_further_down_weighs_what_it_swallowed(
    two_databases: bytes,
    said: bytes,
    before: bytes,
    harmless: bool,  # noqa: FBT001
) -> None:
    assert before in two_databases
    with LOCAL.restored(two_databases.replace(before, said + before, 1)) as (_, load, inventory):
        assert (Code.LOAD_ERRORS not in {one.code for one in load.findings}) == harmless
        assert (rows_of(inventory) == CABINET) == harmless


def test_a_dump_cut_inside_a_statement_has_errors(two_databases: bytes) -> None:
    cut = two_databases[: two_databases.index(b"INSERT INTO `acte`") + 30]
    with LOCAL.restored(cut) as (_, load, inventory):
        assert load.findings == (
            finding(Code.LOAD_ERRORS, count=1, code="1064", subject=""),
            finding(Code.DUMP_CUT, missing=9, subject="acte"),
            finding(Code.END_MARK_ABSENT),
            finding(ELSEWHERE, database="cabinet"),
        )
        assert rows_of(inventory)["acte"] == 0


def test_a_dump_cut_inside_a_value_or_a_comment_was_stopped(two_databases: bytes) -> None:
    within_value = two_databases[: two_databases.index(PATIENT.encode()) + 5]
    with LOCAL.restored(within_value) as (_, load, _):
        assert [one.code for one in load.findings] == [
            Code.LOAD_ERRORS,
            Code.LOAD_STOPPED,
            Code.DUMP_CUT,
            Code.END_MARK_ABSENT,
            ELSEWHERE,
        ]
        assert PATIENT[:5] not in repr(load)
    within_comment = two_databases[: two_databases.index(b"INSERT INTO `patient`")] + b"/* les patients\n"
    with LOCAL.restored(within_comment) as (_, load, _):
        assert load.findings == (
            finding(Code.LOAD_STOPPED, code="END", line=within_comment.count(b"\n")),
            finding(Code.DUMP_CUT, missing=10, subject="patient"),
            finding(Code.END_MARK_ABSENT),
            finding(ELSEWHERE, database="cabinet"),
        )


@pytest.mark.parametrize("forged", [b"", b"-- Dump completed on 2026-01-01  4:00:00\n"])
def test_a_dump_cut_between_statements_is_told_whatever_its_last_line_says(two_databases: bytes, forged: bytes) -> None:
    cut = two_databases[: two_databases.index(b"INSERT INTO `patient`")] + forged
    with LOCAL.restored(cut) as (_, load, inventory):
        unmarked = () if forged else (finding(Code.END_MARK_ABSENT),)
        told = (finding(Code.DUMP_CUT, missing=10, subject="patient"), *unmarked)
        assert load.findings == (*told, finding(ELSEWHERE, database="cabinet"))
        assert rows_of(inventory)["patient"] == 0


def test_a_dump_that_leaves_the_client_was_stopped(two_databases: bytes) -> None:
    position = two_databases.index(b"-- Table structure for table `acte`")
    with LOCAL.restored(two_databases[:position] + b"\nexit\n" + two_databases[position:]) as (_, load, _):
        assert [one.code for one in load.findings] == [Code.LOAD_STOPPED, ELSEWHERE]


def test_a_duplicate_key_is_named_and_its_value_is_nowhere(two_databases: bytes) -> None:
    end = two_databases.index(b"\n", two_databases.index(b"INSERT INTO `patient`"))
    end = two_databases.index(b"UNLOCK TABLES", end)
    again = f"INSERT INTO `patient` VALUES (9,'{PATIENT}',NULL);\n".encode()  # noqa: S608 - as above
    data = two_databases[:end] + again + two_databases[end:]
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.LOAD_ERRORS, count=1, code="1062", subject="nom_unique"),
            finding(ELSEWHERE, database="cabinet"),
        )
        assert [(one.code, one.subject, one.count) for one in load.problems] == [("1062", "nom_unique", 1)]
        assert PATIENT not in repr(load)


@pytest.mark.parametrize("later", ["", "sleep 2"], ids=["at once", "on a busy host"])
def test_a_dump_cannot_take_our_accounts_nor_keep_what_it_gave_them(
    two_databases: bytes, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_server, "_KEEPER", f"{later}\n{mariadb_server._KEEPER}")
    attack = b"""
GRANT ALL ON *.* TO restore_lab_reader@localhost;
DROP USER restore_lab_admin@localhost;
DROP USER root@localhost;
SET GLOBAL event_scheduler = ON;
SET GLOBAL read_only = 1;
FLUSH PRIVILEGES;
"""
    data = two_databases.replace(b"CREATE EVENT", b"CREATE DEFINER=x@y EVENT") + attack
    with LOCAL.restored(data) as (database, load, inventory):
        assert finding(ELSEWHERE, database="cabinet") in load.findings
        assert rows_of(inventory)["patient"] == 3
        with pytest.raises(QueryRefused) as refused:
            database.query("DELETE FROM acte")
        assert refused.value.code == "1290"
        assert database.query("SELECT @@global.event_scheduler") == (("OFF",),)


def test_a_dump_that_ruins_the_grant_tables_is_told_and_does_not_hang(
    two_databases: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_server, "_REACH_SECONDS", 5.0)
    ruin = b"DROP TABLE mysql.global_priv; CREATE TABLE mysql.global_priv (a INT) ENGINE=MyISAM; FLUSH PRIVILEGES;"
    with pytest.raises(EngineFailed, match="no account can be made"), LOCAL.restored(two_databases + ruin):
        pass


def test_a_server_that_dies_is_no_fault_of_the_backup(two_databases: bytes) -> None:
    with pytest.raises(EngineFailed, match="died during the load"), LOCAL.restored(two_databases + b"\nSHUTDOWN;\n"):
        pass
