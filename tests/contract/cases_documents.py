"""Cases of documents."""

from __future__ import annotations

from dataclasses import replace

from contract.cases import ONE, PREVIOUS, Case, answering
from fake_engine import FakeEngine

from restore_lab.checks.document_names import DocumentNames
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.counted import DocumentCount
from restore_lab.engines.documents import Examined
from restore_lab.findings import Code


def opened(kinds: dict[str, tuple[int, int]], **signs: int) -> FakeEngine:
    made = FakeEngine()
    counted = (
        DocumentCount(kind=kind, count=count, size_bytes=9, unreadable=broken)
        for kind, (count, broken) in kinds.items()
    )
    made.examined = Examined(documents=tuple(counted), signs=signs)
    return made


OPENED_BEFORE = replace(
    PREVIOUS,
    documents=(
        DocumentCount(kind="pdf", count=9, size_bytes=9, unreadable=0),
        DocumentCount(kind="jpeg", count=9, size_bytes=9, unreadable=0),
        DocumentCount(kind="empty", count=9, size_bytes=0, unreadable=0),
    ),
)
DOCUMENTS: dict[str, tuple[Code, Case]] = {
    "documents that do not open": (
        Code.DOCUMENTS_UNREADABLE,
        Case(check=DocumentsOpen(), bad=opened({"pdf": (9, 1)}), near=opened({"pdf": (9, 0), "other": (3, 0)})),
    ),
    "fewer documents than before": (
        Code.DOCUMENTS_BELOW_PREVIOUS,
        Case(
            check=DocumentsOpen(may_shrink=("jpeg",)),
            bad=opened({"pdf": (8, 0), "jpeg": (1, 0)}),
            near=opened({"pdf": (9, 0), "jpeg": (1, 0)}),
            previous=OPENED_BEFORE,
        ),
    ),
    "no document of a class that was there": (
        Code.DOCUMENTS_BELOW_PREVIOUS,
        Case(
            check=DocumentsOpen(may_shrink=("jpeg",)),
            bad=opened({"pdf": (9, 0)}),
            near=opened({"pdf": (9, 0), "jpeg": (1, 0)}),
            previous=OPENED_BEFORE,
        ),
    ),
    "fewer documents than asked for": (
        Code.OBJECTS_BELOW_MINIMUM,
        Case(check=DocumentsOpen(at_least={"pdf": 9}), bad=opened({"pdf": (8, 0)}), near=opened({"pdf": (9, 0)})),
    ),
    "no document that can be opened": (
        Code.NOTHING_ASKED,
        Case(
            check=DocumentsOpen(),
            bad=opened({"other": (900, 0), "encrypted": (9, 0), "system": (3, 0)}),
            near=opened({"other": (900, 0), "pdf": (1, 0)}),
        ),
    ),
    "signs of ransomware": (
        Code.RANSOMWARE_SIGNS,
        Case(check=DocumentsOpen(), bad=opened({"pdf": (9, 0)}, renamed=5), near=opened({"pdf": (9, 0)})),
    ),
    "a database that names no document": (
        Code.SQL_EXPECTATION_UNMET,
        Case(
            check=DocumentNames(sql=ONE),
            bad=answering(ONE, (None, None), ("", None)),
            near=answering(ONE, ("a.pdf", None)),
        ),
    ),
}
