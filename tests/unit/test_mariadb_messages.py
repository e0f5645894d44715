"""What the mariadb client says, judged without a server."""

from __future__ import annotations

import pytest

from restore_lab.counted import ProblemCount
from restore_lab.engines.base import Dump
from restore_lab.engines.mariadb.catalogue import Table, questioned, quoted, read_checks, read_xml
from restore_lab.engines.mariadb.changing import Warnings, silenced
from restore_lab.engines.mariadb.load import Passage, Tally, judge
from restore_lab.engines.mariadb.messages import Cause, read_message
from restore_lab.engines.outline import Outline
from restore_lab.engines.tokens import Dialect
from restore_lab.findings import Code, Finding, finding

MARIADB_DUMP = Dump(
    engine="mariadb",
    format="sql",
    vendor="mariadb",
    version="10.11.4-MariaDB",
    series="10.11",
    tool="mariadb-dump 10.11.4-MariaDB",
)


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


def tallied(
    *lines: str, ended: bool = True, dump: bytes = b"-- Dump completed\n", tables: frozenset[str] = frozenset()
) -> tuple[Tally, tuple[Finding, ...]]:
    passage = Passage(make=lambda _name: None)
    assert list(passage.through([dump]))[:1] == [dump]
    tally = Tally(word=passage.word, spared=passage.remarks.spared)
    said = "".join(f"{line}\n" for line in lines)
    if ended:
        said += f"ERROR 1644 (45000) at line 99: {passage.word}\n"
    for position in range(0, len(said), 7):
        tally.take(said[position : position + 7].encode())
    return tally, judge(tally, passage, MARIADB_DUMP, tables)


def test_a_silent_load_that_reached_its_end_finds_nothing() -> None:
    assert tallied()[1] == ()


def test_equal_errors_are_counted_under_the_first_line() -> None:
    tally, findings = tallied(
        "ERROR 1062 (23000) at line 5: Duplicate entry '1' for key 'PRIMARY'",
        "ERROR 1062 (23000) at line 8: Duplicate entry '2' for key 'PRIMARY'",
        "ERROR 1193 (HY000) at line 9: Unknown system variable 'GTID_PURGED'",
    )

    assert tally.problems() == (
        ProblemCount(code="1062", subject="PRIMARY", count=2, harmful=True, first_line=5),
        ProblemCount(code="1193", subject="GTID_PURGED", count=1, harmful=False, first_line=9),
    )
    assert findings == (
        finding(Code.LOAD_ERRORS, count=2, code="1062", subject="PRIMARY"),
        finding(Code.LOAD_ERRORS_HARMLESS, count=1),
    )


SAID = b"mysqldump: [Warning] Using a password on the command line interface can be insecure.\n"
SYNTAX = (
    "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax; near 'mysqldump: [Warning] Using a' at line 1"
)
COST_NOTHING = (finding(Code.LOAD_ERRORS_HARMLESS, count=1),)
COST_A_STATEMENT = (finding(Code.LOAD_ERRORS, count=1, code="1064", subject=""),)


@pytest.mark.parametrize(
    ("behind", "findings"),
    [
        (b"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n", COST_NOTHING),
        (b"/*M!999999\\- enable the sandbox mode */ \n-- a\n\nDROP TABLE IF EXISTS `t`;\n", COST_NOTHING),
        (b"LOCK TABLES `t` WRITE;\n", COST_NOTHING),
        (b"UNLOCK TABLES;\n", COST_NOTHING),
        (b"/*!40000 ALTER TABLE `t` ENABLE KEYS */;\n", COST_NOTHING),
        (b"", COST_NOTHING),
        (b"/*!40101 SET NAMES utf8mb4 */;\n", COST_A_STATEMENT),
        (b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n", COST_A_STATEMENT),
        (b"INSERT INTO `t` VALUES (1);\n", COST_A_STATEMENT),
        (b"LOCK TABLES `t` WRITE; INSERT INTO `t` VALUES (1);\n", COST_A_STATEMENT),
    ],
)
def test_a_message_of_the_tool_in_the_dump_weighs_what_it_swallowed(
    behind: bytes, findings: tuple[Finding, ...]
) -> None:
    said = tallied(SYNTAX, dump=SAID + behind + b"-- Dumped\n-- Dump completed")[1]
    assert tuple(one for one in said if one.code is not Code.DUMP_CUT) == findings  # a piece of a dump is cut


def test_a_syntax_error_elsewhere_is_no_message_of_a_tool() -> None:
    harmless = SAID + b"UNLOCK TABLES;\n-- Dump completed"

    assert tallied(SYNTAX.replace("line 1:", "line 2:"), dump=harmless)[1] == COST_A_STATEMENT


def test_a_table_refused_for_its_collation_excuses_its_own_rows_and_no_others() -> None:
    refused = "ERROR 1273 (HY000) at line 1: Unknown collation: 'utf8mb4_0900_ai_ci'"
    rows = "ERROR 1146 (42S02) at line 2: Table 'c.patient' doesn't exist"
    more = "ERROR 1146 (42S02) at line 3: Table 'c.patient' doesn't exist"
    other = "ERROR 1146 (42S02) at line 4: Table 'c.acte' doesn't exist"
    absent = finding(Code.COLLATION_ABSENT, name="utf8mb4_0900_ai_ci")

    assert tallied(refused, rows, more)[1] == (absent,)
    assert tallied(refused, rows, other)[1] == (
        absent,
        finding(Code.LOAD_ERRORS, count=1, code="1146", subject="c.acte"),
    )
    assert tallied(rows, refused)[1] == (absent, finding(Code.LOAD_ERRORS, count=1, code="1146", subject="c.patient"))


def test_a_setting_is_named_and_what_it_cost_stays_an_error() -> None:
    strict = "ERROR 1067 (42000) at line 1: Invalid default value for 'vu_le'"
    rows = "ERROR 1146 (42S02) at line 2: Table 'c.acte' doesn't exist"

    assert tallied(strict, rows)[1] == (
        finding(Code.SETTING_NEEDED, setting="sql_mode"),
        finding(Code.LOAD_ERRORS, count=2, code="1067", subject="vu_le"),
    )


def test_a_table_there_under_other_letters_asks_for_lower_case_names() -> None:
    missing = "ERROR 1146 (42S02) at line 2: Table 'c.Patient' doesn't exist"

    assert tallied(missing, tables=frozenset({"c.patient"}))[1][0] == finding(
        Code.SETTING_NEEDED, setting="lower_case_table_names"
    )


def test_a_full_machine_answers_for_what_it_refuses_from_then_on() -> None:
    before = "ERROR 1062 (23000) at line 1: Duplicate entry '1' for key 'PRIMARY'"
    full = "ERROR 1114 (HY000) at line 5: The table 'acte' is full"
    after = "ERROR 1452 (23000) at line 6: Cannot add"

    assert tallied(full, after, ended=False)[1] == (finding(Code.MACHINE_DISK_FULL, reason="1114"),)
    assert tallied(before, full, after)[1] == (
        finding(Code.MACHINE_DISK_FULL, reason="1114"),
        finding(Code.LOAD_ERRORS, count=1, code="1062", subject="PRIMARY"),
    )


def test_a_client_that_did_not_reach_the_end_was_stopped() -> None:
    nul = "ERROR at line 7: ASCII '\\0' appeared in the statement"

    assert tallied(ended=False)[1] == (finding(Code.LOAD_STOPPED, code="END", line=1),)
    assert tallied(nul, ended=False)[1] == (finding(Code.LOAD_STOPPED, code="NUL", line=7),)


def test_an_end_said_by_the_dump_is_not_ours() -> None:
    assert tallied("ERROR 1644 (45000) at line 3: restore_lab_0123", ended=False)[1] == (
        finding(Code.LOAD_ERRORS, count=1, code="1644", subject=""),
        finding(Code.LOAD_STOPPED, code="END", line=1),
    )


def test_the_end_mark_is_asked_only_of_tools_that_write_it_and_of_the_last_64_kib() -> None:
    assert tallied(dump=b"INSERT")[1] == (finding(Code.END_MARK_ABSENT),)
    assert tallied(dump=b"-- Dump completed" + b" " * 65536)[1] == (finding(Code.END_MARK_ABSENT),)


def test_twenty_thousand_different_errors_stay_few() -> None:
    tally = Tally(word="w")
    for number in range(20_000):
        tally.take(f"ERROR 1146 (42S02) at line {number}: Table 'c.t{number}' doesn't exist\n".encode())
    tally.take(b"x" * 10_000_000)

    assert len(tally.problems()) == 1001
    assert (tally.problems()[-1].subject, tally.problems()[-1].count) == ("", 19_000)
    assert sum(problem.count for problem in tally.problems()) == 20_000


def test_the_database_with_most_tables_is_questioned() -> None:
    assert questioned([], "restored") == "restored"
    assert questioned([Table("a", "t"), Table("b", "t"), Table("b", "u")], "restored") == "b"
    assert questioned([Table("a", "t"), Table("restored", "t")], "restored") == "restored"


def test_identifiers_are_quoted_whatever_they_hold() -> None:
    assert quoted("a`; DROP DATABASE `b") == "`a``; DROP DATABASE ``b`"


def test_a_table_that_fails_its_check_is_named_and_its_text_is_not() -> None:
    tables = [Table("c", "patient"), Table("c", "acte"), Table("c", "note")]
    said = (
        b"restore_lab_table\t0\nc.patient\tcheck\terror\tKey DUPONT is corrupt\nc.patient\tcheck\tstatus\tFailed\n"
        b"restore_lab_table\t1\nc.acte\tcheck\tstatus\tOK\n"
        b"restore_lab_table\t2\nc.note\tcheck\tnote\tThe storage engine for the table doesn't support check\n"
    )

    asked, problems = read_checks(said, tables, ["patient", "acte", "note"])

    assert asked == 2
    assert [(problem.code, problem.subject) for problem in problems] == [("CHECK TABLE", "patient")]
    assert "DUPONT" not in repr(problems)


def test_xml_is_read_with_whatever_the_client_leaves_in_it() -> None:
    head = b'<?xml version="1.0"?>\n\n<resultset statement="select &lt;">\n'
    row = b'  <row>\n\t<field name="a">%s</field>\n\t<field name="b" xsi:nil="true" />\n  </row>\n'

    assert read_xml(b"") == ()
    assert read_xml(head + b"</resultset>\n") == ()
    assert read_xml(head + row % b"\x01\r\n&lt;row&gt;&amp;amp;&quot;\xff" + b"\n" + row % b"" + b"</resultset>\n") == (
        ('\x01\r\n<row>&amp;"\ufffd', None),
        ("", None),
    )
    assert read_xml(head + head) is None


@pytest.mark.parametrize(
    ("dump", "answer", "expected"),
    [
        (b"SET NAMES utf8mb4;\n", "Warning (Code 1642): w\n", 0),
        (b"INSERT INTO `t` VALUES ('SET max_error_count=0');\n", "Warning (Code 1642): w\n", 0),
        (b"/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n", "Warning (Code 1642): w\n", 0),
        (b"SET NAMES utf8mb4;\n", "", 1),
        (b"SET NAMES utf8mb4;\n", "1\tWarning (Code 1642): w\n", 1),
        (b"/*!40101 SET max_error_count=0 */;\n", "Warning (Code 1642): w\n", 1),
        (b"\\w\nSELECT 1;\n", "Warning (Code 1642): w\n", 1),
        (b"nowarning\nSELECT 1;\n", "Warning (Code 1642): w\n", 1),
    ],
)
def test_a_dump_that_silences_warnings_is_told(dump: bytes, answer: str, expected: int) -> None:
    outline, warnings = Outline(dialect=Dialect.MARIADB), Warnings(word="w")
    assert b"".join(outline.through([dump])) == dump
    warnings.take(answer.encode())

    said = list(silenced(warnings, outline, reached_end=True))

    assert said == [finding(Code.WARNINGS_SILENCED)] * expected


def test_the_folder_that_a_table_had_is_named_and_no_other_text_is() -> None:
    warnings = Warnings()
    warnings.take(
        b"Warning (Code 1618): <DATA DIRECTORY> option ignored\nWarning (Code 1618): <DUPONT> option ignored\n"
    )

    assert warnings.ignored == {"DATA DIRECTORY"}
