"""What a load says of a dump of MariaDB, from what the client said of it; judged without a server."""

from __future__ import annotations

import pytest

from restore_lab.counted import ProblemCount
from restore_lab.engines.base import Dump
from restore_lab.engines.mariadb.changing import Warnings, silenced
from restore_lab.engines.mariadb.load import Passage, Tally, judge
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
