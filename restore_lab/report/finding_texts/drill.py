"""What is said of the tests of the test, of copies kept for a while, of findings accepted for a time."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import FindingText
from restore_lab.report.wording import msgid

DRILL_TEXTS: Final = {
    Code.CONTROL_SILENT: FindingText(
        plain=msgid("The test itself was tested on a backup spoilt on purpose, and did not see it."),
        exact=msgid("Negative control {control}: silent"),
        action=msgid("have the questions of the test made stricter, and run it again"),
    ),
    Code.CONTROL_NOT_RUN: FindingText(
        plain=msgid("The test could not be tested itself on a backup spoilt on purpose."),
        exact=msgid("Negative control {control}: not carried out ({reason})"),
        action=msgid("run the test again"),
    ),
    Code.COPY_HELD: FindingText(
        plain=msgid("The restored copy was kept for a while at the contractor's request."),
        exact=msgid("Restored copy held until {until}"),
        action=msgid("remove the copy as soon as it is no longer needed"),
    ),
    Code.ACCEPTANCE_EXPIRED: FindingText(
        plain=msgid("A point that had been accepted for a time is due again."),
        exact=msgid("Acceptance of {code} expired on {until}"),
        action=msgid("mend this point, or accept it again with a reason"),
    ),
}
