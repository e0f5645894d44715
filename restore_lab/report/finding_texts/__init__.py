"""The wording of every finding code: one table, split by the part of the drill that finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from restore_lab.report.finding_texts.answers import ANSWER_TEXTS
from restore_lab.report.finding_texts.backup import BACKUP_TEXTS
from restore_lab.report.finding_texts.comparing import COMPARING_TEXTS
from restore_lab.report.finding_texts.documents import DOCUMENTS_TEXTS
from restore_lab.report.finding_texts.drill import DRILL_TEXTS
from restore_lab.report.finding_texts.loading import LOADING_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restore_lab.findings import Code
    from restore_lab.report.finding_texts.form import FindingText

#: What to say of each code; `tests/unit/test_wording.py` holds it against the enum.
FINDING_TEXTS: Final[Mapping[Code, FindingText]] = {
    **BACKUP_TEXTS,
    **LOADING_TEXTS,
    **ANSWER_TEXTS,
    **COMPARING_TEXTS,
    **DOCUMENTS_TEXTS,
    **DRILL_TEXTS,
}
