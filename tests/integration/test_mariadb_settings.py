"""Dumps that need what the server lacks, and damage that it finds. See `test_mariadb_restore.py`."""

from __future__ import annotations

import pytest
from integration.mariadb_dumps import HEADLESS, LOCAL, dumped, objects_of, rows_of

from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.server import LiveServer
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code, finding

LENIENT = (
    "CREATE DATABASE c; USE c; CREATE TABLE acte (id INT, vu_le DATE NOT NULL DEFAULT '0000-00-00'); INSERT INTO acte"
)
LENIENT += " VALUES (1, '0000-00-00'); CREATE TABLE sain (id INT);"


def test_a_lenient_servers_dump_names_the_setting_it_needs() -> None:
    strict = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"
    data = dumped(LENIENT, "--compact", "c", engine=Mariadb(sql_mode=""))
    with LOCAL.restored(data, Mariadb(sql_mode=strict)) as (_, load, inventory):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="sql_mode"),
            finding(Code.LOAD_ERRORS, count=2, code="1067", subject="vu_le"),
        )
        assert rows_of(inventory) == {"sain": 0}
    with LOCAL.restored(data, Mariadb(sql_mode="")) as (_, load, inventory):
        assert load.findings == (finding(Code.ZERO_DATES, count=1, subject="acte"),)
        assert rows_of(inventory) == {"acte": 1, "sain": 0}


def test_a_row_too_wide_for_innodb_names_its_setting() -> None:
    columns = ", ".join(f"c{number} VARCHAR(200) CHARACTER SET latin1" for number in range(250))
    data = f"CREATE TABLE `large` ({columns}) ENGINE=InnoDB ROW_FORMAT=COMPACT;".encode()
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="innodb_strict_mode"),
            finding(Code.LOAD_ERRORS, count=1, code="1118", subject=""),
        )
    with LOCAL.restored(data, Mariadb(innodb_strict_mode=False)) as (_, load, inventory):
        assert (load.findings, rows_of(inventory)) == ((), {"large": 0})


def test_a_windows_dump_names_lower_case_table_names() -> None:
    data = b"CREATE TABLE `patient` (id INT);\nCREATE VIEW `liste` AS SELECT id FROM `Patient`;\n"
    with LOCAL.restored(data) as (_, load, _):
        assert load.findings == (
            finding(Code.SETTING_NEEDED, setting="lower_case_table_names"),
            finding(Code.LOAD_ERRORS, count=1, code="1146", subject="restored.Patient"),
        )
    with LOCAL.restored(data, Mariadb(lower_case_table_names=1)) as (_, load, inventory):
        assert (load.findings, objects_of(inventory)) == ((), {"table": 1, "view": 1})


def test_owners_that_the_backup_lacks_are_counted() -> None:
    data = b"""
CREATE TABLE `t` (id INT);
CREATE DEFINER=`medecin`@`localhost` VIEW `v` AS SELECT id FROM `t`;
CREATE DEFINER=`compta`@`%` FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
CREATE USER `tiers`@`%`;
CREATE DEFINER=`tiers`@`10.0.0.1` VIEW `w` AS SELECT id FROM `t`;
"""
    with LOCAL.restored(data) as (database, load, inventory):
        assert load.findings == (finding(Code.DEFINERS_ABSENT, count=2, definer="compta@%"),)
        assert objects_of(inventory)["user"] == 1
        with pytest.raises(QueryRefused, match="1045"):
            database.query("SELECT * FROM v")


def test_a_nul_byte_or_an_unknown_engine_is_told_for_what_it_is() -> None:
    with LOCAL.restored(b"CREATE TABLE `t` (a INT);\nINSERT INTO t VALUES ('\0');\nCREATE TABLE u (a INT);") as (
        _,
        load,
        _,
    ):
        assert load.findings == (finding(Code.LOAD_STOPPED, code="NUL", line=1),)
    with LOCAL.restored(b"CREATE TABLE `t` (a INT) ENGINE=TokuDB;\nINSERT INTO t VALUES (1);") as (_, load, _):
        assert load.findings == (finding(Code.EXTENSION_ABSENT, name="TokuDB"),)


def test_errors_by_the_thousand_are_all_counted() -> None:
    data = b"CREATE TABLE `t` (a INT PRIMARY KEY);\n" + b"INSERT INTO t VALUES (1);\n" * 20_001
    with LOCAL.restored(data) as (_, load, inventory):
        assert load.findings == (finding(Code.LOAD_ERRORS, count=20_000, code="1062", subject="PRIMARY"),)
        assert rows_of(inventory) == {"t": 1}


def test_a_damaged_table_fails_its_check() -> None:
    data = b"CREATE TABLE `t` (a INT PRIMARY KEY) ENGINE=MyISAM;\nINSERT INTO t SELECT seq FROM seq_1_to_1000;\n"
    engine = Mariadb()
    with LOCAL.machine() as machine:
        database = engine.start(machine, LOCAL.server)
        assert database.load(HEADLESS, [data]).findings == (finding(Code.NOT_TRANSACTIONAL, count=1, table="t"),)
        assert database.integrity().problems == ()
        live = LiveServer(machine=machine)
        live.ask(["FLUSH TABLES;"], timeout_seconds=30)
        file = live.path("database/restored/t.MYI")
        damage = ("/bin/sh", "-c", 'printf "XXXXXXXXXXXXXXXX" | dd of="$1" bs=1 seek=2048 conv=notrunc', "damage", file)
        assert machine.run(damage, timeout_seconds=30).exit_code == 0
        integrity = database.integrity()
        assert integrity.asked == 1
        assert [(one.code, one.subject) for one in integrity.problems] == [("CHECK TABLE", "t")]
