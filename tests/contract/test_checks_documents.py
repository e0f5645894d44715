"""Documents that the database names, held against those that came back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from contract.cases import NOW, ONE, answering
from contract.cases_documents import opened
from fake_engine import FakeEngine
from fakes import restored

from restore_lab.checks.base import Check
from restore_lab.checks.crossing import Crossing
from restore_lab.checks.document_names import DocumentNames
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.errors import QueryRefused
from restore_lab.findings import Code

NAMED: list[tuple[str | None, ...]] = [
    ("courriers/2026/A.PDF", "2026-11-20 09:00:00"),
    ("C:\\docs\\Re\u0301sultat.jpg", None),
    ("lost.pdf", "2026-11-20T09:00:00+01:00"),
    ("undated.pdf", "soon"),
    ("made_meanwhile.pdf", "2026-11-22 02:30:00"),
    ("made_afterwards.pdf", "2026-11-23 08:00:00"),
]


@pytest.mark.parametrize("database_first", [True, False])
def test_what_the_database_names_and_did_not_come_back_is_missing(*, database_first: bool) -> None:
    crossing = Crossing()
    files, database = opened({"pdf": (2, 0)}), answering(ONE, *NAMED)
    files.names = ("2026/a.pdf", "R\u00e9sultat.JPG", "never named.pdf")
    taken_at = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    asked: list[tuple[Check, FakeEngine, datetime]] = [
        (DocumentNames(sql=ONE), database, NOW),
        (DocumentsOpen(), files, taken_at),
    ]

    first, second = (
        check.ask(replace(restored(made, now=NOW, taken_at=taken), crossing=crossing))
        for check, made, taken in (asked if database_first else reversed(asked))
    )

    assert first.findings == ()
    assert [(one.code, dict(one.params)) for one in second.findings] == [
        (Code.DOCUMENTS_MISSING, {"count": 2, "total": 4})
    ]
    assert not any(word in repr((first, second, crossing)) for word in ("lost", "sultat", "docs"))


def test_names_of_another_drill_have_other_digests() -> None:
    assert Crossing().key != Crossing().key


def test_a_statement_of_another_form_names_no_document() -> None:
    with pytest.raises(QueryRefused):
        DocumentNames(sql=ONE).ask(restored(answering(ONE, ("a.pdf",)), now=NOW))
