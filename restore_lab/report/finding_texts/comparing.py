"""What is said of the answers of restored data that are compared with each other or with earlier ones."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import FindingText
from restore_lab.report.wording import msgid

COMPARING_TEXTS: Final = {
    Code.ORPHAN_ROWS: FindingText(
        plain=msgid("Some records refer to others that are not there."),
        exact=msgid("Foreign key {key}: rows without the row they name: {rows}; keys concerned: {keys}"),
        action=msgid("have the same checked in the live software"),
    ),
    Code.ORPHAN_ROWS_KNOWN: FindingText(
        plain=msgid("Some records refer to others that are not there, as at the last test."),
        exact=msgid(
            "Foreign key {key}: rows without the row they name: {rows}, not more than at the last passed test; keys "
            "concerned: {keys}"
        ),
        action=msgid("no action needed"),
    ),
    Code.ORPHAN_ROWS_GROWN: FindingText(
        plain=msgid("More records than at an earlier test refer to others that are not there."),
        exact=msgid(
            "Foreign key {key}: rows without the row they name: {rows}, earlier drill {previous}; keys concerned: "
            "{keys}"
        ),
        action=msgid("compare with the live software, and make a new backup"),
    ),
    Code.NO_FOREIGN_KEYS: FindingText(
        plain=msgid("Links between records are not declared by the software: they could not be checked."),
        exact=msgid("No foreign key declared: not applicable"),
        action=msgid("no action needed"),
    ),
    Code.SEQUENCE_BEHIND: FindingText(
        plain=msgid("After a restore like this one, the software could not add new records in one part."),
        exact=msgid("Sequence {sequence}: behind its table; sequences concerned: {sequences}"),
        action=msgid("have the restore procedure reset this counter"),
    ),
    Code.VIEW_UNUSABLE: FindingText(
        plain=msgid("A part of the software's mechanism came back, but does not work ({view})."),
        exact=msgid("Views that cannot be read: {count}; first: {view} ({code})"),
        action=msgid("have this part repaired in the live software, or its account added to the backup"),
    ),
    Code.MONTH_SHRUNK: FindingText(
        plain=msgid(
            "Entries of a past month are missing ({table}, {month}): {rows} for {previous} at an earlier test."
        ),
        exact=msgid("Table {table}, month {month}: rows {rows}, earlier drill {previous}; such months in all: {count}"),
        action=msgid("compare this month with the live software"),
    ),
    Code.MONTH_EMPTY: FindingText(
        plain=msgid("All entries of a past month are missing ({table}, {month})."),
        exact=msgid("Table {table}, month {month}: no rows, earlier drill {previous}; such months in all: {count}"),
        action=msgid("compare this month with the live software, and make a new backup"),
    ),
    Code.MONTH_GAP: FindingText(
        plain=msgid("There is no entry at all for a whole month ({table}, {month}), with entries before and after."),
        exact=msgid(
            "Table {table}, month {month}: no rows between two months that have some; such months in all: {count}"
        ),
        action=msgid("say whether the practice was closed, or compare with the live software"),
    ),
    Code.IDENTITY_DIFFERS: FindingText(
        plain=msgid("These are not the data of this practice."),
        exact=msgid("Identity question: answer differs from the one kept at enrolment"),
        action=msgid("find out whose backup this is, and where that of the practice is kept"),
    ),
    Code.IDENTITY_ENROLLED: FindingText(
        plain=msgid("A mark of this practice was kept, so that the next tests recognise it."),
        exact=msgid("Identity question: keyed digest of the answer kept for the next drills"),
        action=msgid("check once that these are the data of the practice"),
    ),
}
