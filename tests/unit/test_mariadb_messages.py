"""What the mariadb client says, and what is kept of it."""

from __future__ import annotations

import pytest

from restore_lab.engines.mariadb.messages import Cause, read_message


@pytest.mark.parametrize(
    ("line", "code", "subject", "cause", "name"),
    [
        ("ERROR 1062 (23000) at line 5: Duplicate entry 'DUPONT' for key 'nom'", "1062", "nom", Cause.BACKUP, ""),
        (
            "ERROR 1062 (23000) at line 5: Duplicate entry 'a' for key 'b' for key 'nom'",
            "1062",
            "nom",
            Cause.BACKUP,
            "",
        ),
        ("ERROR 1062 (23000) at line 5: Duplicate entry 'DUPONT", "1062", "", Cause.BACKUP, ""),
        (
            "ERROR 1273 (HY000) at line 32: Unknown collation: 'utf8mb4_0900_ai_ci'",
            "1273",
            "utf8mb4_0900_ai_ci",
            Cause.COLLATION,
            "utf8mb4_0900_ai_ci",
        ),
        (
            "ERROR 1115 (42000) at line 1: Unknown character set: 'utf8mb5'",
            "1115",
            "utf8mb5",
            Cause.COLLATION,
            "utf8mb5",
        ),
        ("ERROR 1286 (42000) at line 1: Unknown storage engine 'TokuDB'", "1286", "TokuDB", Cause.EXTENSION, "TokuDB"),
        (
            "ERROR 1118 (42000) at line 9: Row size too large (> 8126). Changing some columns to TEXT may help.",
            "1118",
            "",
            Cause.SETTING,
            "innodb_strict_mode",
        ),
        (
            "ERROR 1118 (42000) at line 9: Row size too large. The maximum row size, not counting BLOBs, is 65535.",
            "1118",
            "",
            Cause.SETTING,
            "character_set_server",
        ),
        (
            "ERROR 1071 (42000) at line 9: Specified key was too long; max key length is 767 bytes",
            "1071",
            "",
            Cause.SETTING,
            "innodb_default_row_format",
        ),
        ("ERROR 1067 (42000) at line 1: Invalid default value for 'vu_le'", "1067", "vu_le", Cause.SETTING, "sql_mode"),
        (
            "ERROR 1292 (22007) at line 1: Bad datetime value: '1931-02-30' for column `c`.`patient`.`ne_le` at row 1",
            "1292",
            "patient.ne_le",
            Cause.SETTING,
            "sql_mode",
        ),
        (
            "ERROR 1366 (22007) at line 1: B '` for column `a`.`b`.`DUPONT`' for column `c`.`patient`.`age` at row 1",
            "1366",
            "patient.age",
            Cause.SETTING,
            "sql_mode",
        ),
        (
            "ERROR 1406 (22001) at line 1: Data too long for column 'nom' at row 3",
            "1406",
            "nom",
            Cause.SETTING,
            "sql_mode",
        ),
        ("ERROR 1146 (42S02) at line 1: Table 'c.patient' doesn't exist", "1146", "c.patient", Cause.BACKUP, ""),
        (
            "ERROR 1452 (23000) at line 1: Cannot add or update a child row: a constraint fails (`c`.`acte`, C",
            "1452",
            "acte",
            Cause.BACKUP,
            "",
        ),
        ("ERROR 1054 (42S22) at line 1: Unknown column 'DUPONT' in 'VALUES'", "1054", "", Cause.BACKUP, ""),
        ("ERROR 1064 (42000) at line 1: You have an error near 'DUPONT' at line 1", "1064", "", Cause.BACKUP, ""),
        ("ERROR 1064 (42000) at line 9: near 'TYPE=MyISAM COMMENT='x'' at line 4", "1064", "", Cause.OUTDATED, "TYPE"),
        ("ERROR 1064 (42000) at line 9: near 'DUPONT 'TYPE=MyISAM' at line 4", "1064", "", Cause.BACKUP, ""),
        ("ERROR 1064 (42000) at line 1: Erreur de syntaxe pr\\xe8s de 'DUPONT'", "1064", "", Cause.BACKUP, ""),
        (
            "ERROR 1193 (HY000) at line 1: Unknown system variable 'GTID_PURGED'",
            "1193",
            "GTID_PURGED",
            Cause.HARMLESS,
            "",
        ),
        (
            "ERROR 1231 (42000) at line 1: Variable 'character_set_client' can't be set to the value of 'NULL'",
            "1231",
            "character_set_client",
            Cause.HARMLESS,
            "",
        ),
        (
            "ERROR 1231 (42000) at line 1: Variable 'sql_mode' can't be set to the value of 'DUPONT'",
            "1231",
            "sql_mode",
            Cause.BACKUP,
            "",
        ),
        ("ERROR 1114 (HY000) at line 1: The table 'patient' is full", "1114", "", Cause.DISK, ""),
        (
            'ERROR 1005 (HY000) at line 1: Can\'t create table `c`.`t` (errno: 28 "No space left on device")',
            "1005",
            "c.t",
            Cause.DISK,
            "",
        ),
        ("ERROR 1041 (HY000) at line 1: Out of memory.", "1041", "", Cause.MEMORY, ""),
        ("ERROR 2006 (HY000) at line 1: Server has gone away", "2006", "", Cause.SERVER_GONE, ""),
        ("ERROR 2002 (HY000): Can't connect to local server through socket", "2002", "", Cause.SERVER_GONE, ""),
        (r"ERROR at line 1: Unknown command '\-'.", "CLIENT", "", Cause.HARMLESS, ""),
        (r"ERROR at line 1: Unknown command '\''.", "CLIENT", "", Cause.BACKUP, ""),
        ("ERROR at line 1: ASCII '\\0' appeared in the statement, but", "NUL", "", Cause.CLIENT_STOPPED, ""),
    ],
)
def test_a_message_is_known_by_its_number_and_gives_only_the_schemas_words(
    line: str, code: str, subject: str, cause: Cause, name: str
) -> None:
    message = read_message(line.encode())

    assert message is not None
    assert (message.problem.code, message.problem.subject, message.cause, message.name) == (code, subject, cause, name)
    assert "DUPONT" not in repr(message)


@pytest.mark.parametrize("line", [b"", b"Warning: unknown option", b"ERREUR 1062", b"b' for key 'nom'", b"\xff\xfe\0E"])
def test_what_is_no_error_line_is_no_message(line: bytes) -> None:
    assert read_message(line) is None
