"""What is said of the documents beside the database."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import Actor, FindingText
from restore_lab.report.wording import msgid

DOCUMENTS_TEXTS: Final = {
    Code.DOCUMENTS_UNREADABLE: FindingText(
        plain=msgid("Some documents came back and cannot be opened ({count})."),
        exact=msgid("Documents of class {kind} that cannot be opened: {count} of {total}"),
        action=msgid("compare with the documents of the live software, and make a new backup"),
    ),
    Code.DOCUMENTS_MISSING: FindingText(
        plain=msgid("The records name documents that are not in the backup ({count})."),
        exact=msgid("Documents named by the database and absent: {count} of {total}"),
        action=msgid("have the folder of documents backed up together with the database"),
    ),
    Code.DOCUMENTS_BELOW_PREVIOUS: FindingText(
        plain=msgid("There are fewer documents than at an earlier test: {count} for {previous}."),
        exact=msgid("Documents of class {kind}: {count}, earlier drill {previous}"),
        action=msgid("find out whether these documents were removed on purpose"),
    ),
    Code.RANSOMWARE_SIGNS: FindingText(
        plain=msgid("Documents in the backup bear the marks of malicious encryption."),
        exact=msgid("Signs of ransomware: {sign}; files: {count} of {total}"),
        action=msgid("unplug the backup disks and touch nothing else"),
        by=Actor.DOCTOR,
    ),
}
