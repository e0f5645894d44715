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
    Code.LIVE_TABLE_MISSING: FindingText(
        plain=msgid("A part of the data that the live software holds is missing from this backup ({table})."),
        exact=msgid("Table {table}: in the fingerprint of the live database, not in the copy; such tables: {tables}"),
        action=msgid("have this part added to the backup, and make a new backup"),
    ),
    Code.LIVE_TABLE_EMPTY: FindingText(
        plain=msgid("A part of the data came back empty ({table}), and the live software holds entries there."),
        exact=msgid("Table {table}: no rows, fingerprint of the live database {live}; such tables: {tables}"),
        action=msgid("have this part added to the backup, and make a new backup"),
    ),
    Code.ROWS_BELOW_LIVE: FindingText(
        plain=msgid(
            "Entries are missing ({table}): {rows} for {live} in the live software shortly before this backup."
        ),
        exact=msgid("Table {table}: rows {rows}, fingerprint of the live database {live}, taken before the backup"),
        action=msgid("compare with the live software, and make a new backup"),
    ),
    Code.ROWS_FEWER_THAN_LIVE: FindingText(
        plain=msgid(
            "A part of the data ({table}) holds fewer entries than the live software shortly before this backup: "
            "{rows} for {live}."
        ),
        exact=msgid(
            "Table {table}: rows {rows}, fingerprint of the live database {live}, taken before the backup; such "
            "tables: {tables}"
        ),
        action=msgid("say whether entries were deleted there meanwhile, or compare with the live software"),
    ),
    Code.ORPHAN_ROWS_ABOVE_LIVE: FindingText(
        plain=msgid("More records than in the live software refer to others that are not there."),
        exact=msgid(
            "Foreign key {key}: rows without the row they name: {rows}, fingerprint of the live database {live}; keys "
            "concerned: {keys}"
        ),
        action=msgid("compare with the live software, and make a new backup"),
    ),
    Code.ORPHAN_ROWS_AS_LIVE: FindingText(
        plain=msgid("Some records refer to others that are not there, as in the live software."),
        exact=msgid(
            "Foreign key {key}: rows without the row they name: {rows}, not more than in the fingerprint of the live "
            "database; keys concerned: {keys}"
        ),
        action=msgid("no action needed"),
    ),
    Code.NO_FINGERPRINT: FindingText(
        plain=msgid(
            "A question could not be compared with the live software, which was not asked it near the date of this "
            "backup ({name})."
        ),
        exact=msgid("Question {name}: no answer of the live database in a fingerprint near the recovery point"),
        action=msgid("have the live software asked shortly before each backup"),
    ),
    Code.FINGERPRINT_UNUSABLE: FindingText(
        plain=msgid("What was noted of the live software cannot be relied on: it was changed, or is damaged."),
        exact=msgid("Fingerprint {name}: does not verify, or is not what its name says"),
        action=msgid("find out what changed this file, and have the live software asked again"),
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
