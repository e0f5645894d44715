"""What is said of what the bytes of a dump show, and of what a load changed or left out."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import FindingText
from restore_lab.report.wording import msgid

LOADING_TEXTS: Final = {
    Code.DUMP_IN_UTF16: FindingText(
        plain=msgid("The backup was written in a form that the database cannot read back."),
        exact=msgid("Dump written as {encoding} text"),
        action=msgid("have the backup tool write its file itself, and make a new backup"),
    ),
    Code.LINE_ENDS_CHANGED: FindingText(
        plain=msgid("The backup was written, or copied, with the line ends of Windows."),
        exact=msgid("Lines of the dump end with CR LF"),
        action=msgid("check that the backup is copied without being changed"),
    ),
    Code.DUMP_CUT: FindingText(
        plain=msgid("The backup is cut: what it begins is not brought to its end."),
        exact=msgid("Dump cut: {missing} announced and not brought to their end; first: {subject}"),
        action=msgid("make a new backup now, and check the room left on the disk that takes it"),
    ),
    Code.CONTENTS_ABSENT: FindingText(
        plain=msgid("Parts of the backup hold no data: either it is cut, or they are left out of it on purpose."),
        exact=msgid("Contents not in the dump, which is cut or leaves them out: {missing}; first: {subject}"),
        action=msgid("find out whether the backup leaves these parts out on purpose; if not, make a new backup"),
    ),
    Code.KEYS_ABSENT: FindingText(
        plain=msgid("The data came back without the keys that tell records apart: the end of the backup may be lost."),
        exact=msgid("Tables that hold rows and have no key or index: {tables}; first: {table}"),
        action=msgid("compare with the live software; if it has these keys, make a new backup"),
    ),
    Code.ANNOUNCED_ABSENT: FindingText(
        plain=msgid("Parts that the backup says it holds did not come back."),
        exact=msgid("Objects of kind {kind} announced by the dump and absent after the load: {count}; first: {name}"),
        action=msgid("find out why these parts do not come back, and make a new backup"),
    ),
    Code.VALUES_CHANGED: FindingText(
        plain=msgid("Some values were cut or changed when they were put back."),
        exact=msgid(
            "Values of {subject} cut or changed by the load: {count} (warning {code}); tables concerned: {tables}"
        ),
        action=msgid("have the settings of the live database compared with those of the backup"),
    ),
    Code.WARNINGS_SILENCED: FindingText(
        plain=msgid("The backup asks that nobody be told if its values change: whether they did is not known."),
        exact=msgid("The dump silences warnings of the server or the client (max_error_count, nowarning)"),
        action=msgid("find out what wrote that into the backup, have it removed, and make a new backup"),
    ),
    Code.ZERO_DATES: FindingText(
        plain=msgid("Some dates are written as zeros, as some software does; they came back as they were."),
        exact=msgid("Zero dates kept as they were: {count}; first: {subject}"),
        action=msgid("no action needed"),
    ),
    Code.DEFINERS_ABSENT: FindingText(
        plain=msgid("Some parts of the software's mechanism belong to accounts that the backup does not hold."),
        exact=msgid("Definers absent after the load: {count}; first: {definer}"),
        action=msgid("have these accounts added to the backup, or to the restore procedure"),
    ),
    Code.NOT_TRANSACTIONAL: FindingText(
        plain=msgid("Consistency between tables is not assured: part of the data was copied while it could change."),
        exact=msgid("Consistency between tables not assured: tables without transactions: {count}; first: {table}"),
        action=msgid("have these tables converted, or the software closed while the backup runs"),
    ),
    Code.TEXT_DOUBLY_ENCODED: FindingText(
        plain=msgid("Accented letters in the backup look spoilt."),
        exact=msgid("Text encoded twice in UTF-8: at least {count} letters"),
        action=msgid("compare an accented word with the live software, and have the settings of the backup corrected"),
    ),
    Code.TEXT_NOT_UTF8: FindingText(
        plain=msgid("Accented letters in the backup look spoilt."),
        exact=msgid("Text that is not UTF-8: statements: {count}; the first in line {line}"),
        action=msgid("compare an accented word with the live software, and have the settings of the backup corrected"),
    ),
}
