"""What is said of the questions asked to the restored data, and of the drill itself."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import FindingText
from restore_lab.report.wording import msgid

ANSWER_TEXTS: Final = {
    Code.INTEGRITY_ERRORS: FindingText(
        plain=msgid("Damage was found in the data put back."),
        exact=msgid("Integrity errors: {count}; first: {subject}"),
        action=msgid("have the live data checked by the software's publisher, and make a new backup"),
    ),
    Code.NO_TABLES: FindingText(
        plain=msgid("Nothing came back from this backup."),
        exact=msgid("No table after the load"),
        action=msgid("find out what the backup really copies, and make a new one"),
    ),
    Code.NO_ROWS: FindingText(
        plain=msgid("The structure came back, but without any record in it."),
        exact=msgid("Tables present, no row in any of them"),
        action=msgid("find out why the backup copies no record, and make a new one"),
    ),
    Code.DATABASE_MISSING: FindingText(
        plain=msgid("The practice's database ({database}) did not come back; others did."),
        exact=msgid("Database {database}: named in the scenario; absent, or without a table"),
        action=msgid("have the practice's database backed up, and make a new backup"),
    ),
    Code.TABLE_MISSING: FindingText(
        plain=msgid("A part of the records did not come back ({table})."),
        exact=msgid("Table {table}: expected, absent"),
        action=msgid("have this part added to the backup, and make a new one"),
    ),
    Code.TABLE_AMBIGUOUS: FindingText(
        plain=msgid("Several sets of such records came back ({table}): which is the practice's own cannot be told."),
        exact=msgid("Table {table}: named without its database, and there in {databases}"),
        action=msgid("say in the test which of them is meant, then run it again"),
    ),
    Code.TABLE_EMPTY: FindingText(
        plain=msgid("A part of the records came back empty ({table})."),
        exact=msgid("Table {table}: present, no rows"),
        action=msgid("find out why this part is empty, and make a new backup"),
    ),
    Code.ROWS_BELOW_MINIMUM: FindingText(
        plain=msgid(
            "A part of the records ({table}) holds fewer entries than expected: {rows} for {minimum} at least."
        ),
        exact=msgid("Table {table}: rows {rows}, minimum {minimum}"),
        action=msgid("compare with the live software and correct the backup"),
    ),
    Code.ROWS_BELOW_PREVIOUS: FindingText(
        plain=msgid(
            "A part of the records ({table}) holds fewer entries than at an earlier test: {rows} for {previous}."
        ),
        exact=msgid("Table {table}: rows {rows}, earlier drill {previous}"),
        action=msgid("find out whether these entries were removed on purpose"),
    ),
    Code.OBJECTS_BELOW_MINIMUM: FindingText(
        plain=msgid("Parts of the software's own mechanism did not come back ({kind})."),
        exact=msgid("Objects of kind {kind}: {count}, minimum {minimum}"),
        action=msgid("have these parts added to the backup"),
    ),
    Code.OBJECTS_BELOW_PREVIOUS: FindingText(
        plain=msgid("The software's own mechanism has fewer parts than at an earlier test ({kind})."),
        exact=msgid("Objects of kind {kind}: {count}, earlier drill {previous}"),
        action=msgid("find out whether an update of the software explains it"),
    ),
    Code.DATA_STALE: FindingText(
        plain=msgid("The most recent entry found is of {newest}: the backup copies old data."),
        exact=msgid("Newest entry {newest}: age {age_days} d, limit {limit_days} d"),
        action=msgid("find out what the backup really copies, and make a new one"),
    ),
    Code.DATA_STALE_CLOSED: FindingText(
        plain=msgid("The most recent entry found is of {newest}; the practice was closed."),
        exact=msgid("Newest entry {newest}: age {age_days} d, limit {limit_days} d, inside a declared closure"),
        action=msgid("no action needed"),
    ),
    Code.DATA_UNDATED: FindingText(
        plain=msgid("No entry with a date in the past was found."),
        exact=msgid("Table {table}: no date in the past, freshness of the data unknown"),
        action=msgid("compare with the live software, and check where the test looks for dates"),
    ),
    Code.DATES_UNREADABLE: FindingText(
        plain=msgid("Dates are kept in a form that this test does not read: how recent the data are is not known."),
        exact=msgid("Table {table}: nothing in the column named was read as a date of the past"),
        action=msgid("name a column that holds dates, or ask for the most recent entry in another way"),
    ),
    Code.DATES_IN_FUTURE: FindingText(
        plain=msgid("Some entries bear a date in the future ({rows}); they were set aside."),
        exact=msgid("Table {table}: rows dated after the backup {rows}, ignored"),
        action=msgid("check whether these are appointments or mistakes"),
    ),
    Code.SQL_EXPECTATION_UNMET: FindingText(
        plain=msgid("A question asked to the data ({name}) did not get the expected answer."),
        exact=msgid("Question {name}: expectation {expected} not met"),
        action=msgid("compare with the live software and explain the difference"),
    ),
    Code.SQL_QUESTION_REFUSED: FindingText(
        plain=msgid("A question ({name}) could not be asked to the data."),
        exact=msgid("Question {name}: refused by the server ({code})"),
        action=msgid("correct the question and run the test again"),
    ),
    Code.CHECK_TIMED_OUT: FindingText(
        plain=msgid("A question ({name}) got no answer in the time allowed."),
        exact=msgid("Check {name}: stopped by its time limit"),
        action=msgid("allow more time and run the test again"),
    ),
    Code.CHECK_BROKEN: FindingText(
        plain=msgid("A question ({name}) could not be asked to its end."),
        exact=msgid("Check {name}: broke before it gave an answer"),
        action=msgid("correct the question and run the test again"),
    ),
    Code.PYTEST_FAILED: FindingText(
        plain=msgid("A control of this practice ({name}) did not give the expected result."),
        exact=msgid("Test {name}: failed"),
        action=msgid("compare with the live software and explain the difference"),
    ),
    Code.PYTEST_BROKEN: FindingText(
        plain=msgid("A control of this practice ({name}) could not be carried out."),
        exact=msgid("Test {name}: error before it gave a result"),
        action=msgid("correct the control and run the test again"),
    ),
    Code.PAGE_NOT_AS_EXPECTED: FindingText(
        plain=msgid("On the data put back, the software does not show what was expected ({name})."),
        exact=msgid("Page {name}: status {code}, number {number}; expected {expected}"),
        action=msgid("compare with the live software and explain the difference"),
    ),
    Code.NOTHING_ASKED: FindingText(
        plain=msgid("No question was asked to the data put back: nothing can be concluded."),
        exact=msgid("No check of the scenario asked anything"),
        action=msgid("add questions to the scenario and run the test again"),
    ),
    Code.IDENTITY_NOT_VERIFIED: FindingText(
        plain=msgid("That these data are those of your practice was not checked."),
        exact=msgid("Identity not verified: the scenario names no identity question"),
        action=msgid("record a mark of your practice, so that the next test recognises it"),
    ),
    Code.PLACE_NOT_TESTED: FindingText(
        plain=msgid("Patient data also live here, and this place was not tested: {place}."),
        exact=msgid("Place {place}: declared by the lab, not covered by this drill"),
        action=msgid("have this place tested, or write down why it is not"),
    ),
    Code.INTERRUPTED: FindingText(
        plain=msgid("The test was interrupted before its end."),
        exact=msgid("Drill interrupted at stage {stage}"),
        action=msgid("run the test again"),
    ),
    Code.ABANDONED: FindingText(
        plain=msgid("An earlier test began and never ended."),
        exact=msgid("Drill {drill}: opened, never closed"),
        action=msgid("run the test again"),
    ),
    Code.EARLIER_DRILL_DIED: FindingText(
        plain=msgid("An earlier test, begun on {began}, was stopped before its end."),
        exact=msgid("Drill {drill}, begun on {began}: died before its end; such drills in all: {count}"),
        action=msgid("find out what stopped it: a power cut, or a machine that was switched off"),
    ),
    Code.EARLIER_COPY_GONE: FindingText(
        plain=msgid("An earlier test, begun on {began}, left a copy of the data; it was looked for, and is gone."),
        exact=msgid("Drill {drill}, begun on {began}: its copy outlived it, and is gone; such drills in all: {count}"),
        action=msgid("find out why this copy was not removed in time"),
    ),
    Code.EARLIER_COPY_NOT_SHOWN_GONE: FindingText(
        plain=msgid("A copy of the data may be left of an earlier test, begun on {began}."),
        exact=msgid("Drill {drill}, begun on {began}: what it left was not shown to be gone"),
        action=msgid("remove this copy (restore-lab sweep), and check that it is gone"),
    ),
    Code.TOOL_BROKEN: FindingText(
        plain=msgid("The test tool itself broke down."),
        exact=msgid("The tool failed ({reason})"),
        action=msgid("report the failure and run the test again"),
    ),
    Code.REGISTER_BROKEN: FindingText(
        plain=msgid("The log of earlier tests was found altered; this test is recorded apart."),
        exact=msgid("Register of restore tests does not verify; a new segment names the broken head"),
        action=msgid("find out who changed the log of the tests, and keep a copy of it"),
    ),
    Code.CLOCK_JUMPED: FindingText(
        plain=msgid("The clock of the test machine was changed during the test; ages are by the clock before."),
        exact=msgid("Wall clock put forward or back during the drill; ages are those by the clock at its start"),
        action=msgid("see to it that the clock of the test machine is right, and run the test again"),
    ),
    Code.CLOCK_BEHIND_REGISTER: FindingText(
        plain=msgid(
            "By its clock, the test machine is earlier than a test already recorded ({began}): how old the backup "
            "and the data are is not known."
        ),
        exact=msgid("Wall clock before the newest opened entry of the register ({began}); ages cannot be told"),
        action=msgid("set the clock of the test machine and run the test again; if it is right, accept this finding"),
    ),
}
