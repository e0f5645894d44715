"""What a drill on fakes needs before it begins and leaves behind: key, report, register, folder."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Stand
from unit.drilling import codes, judged, register_of, run

from restore_lab import drill as drills
from restore_lab.errors import (
    ExitCode,
    KeyMissing,
    UsageError,
)
from restore_lab.evidence import Evidence
from restore_lab.findings import Code
from restore_lab.history import drill_folder, previous_counts
from restore_lab.lab import Report
from restore_lab.register import EntryType
from restore_lab.report.pdf import Seal, render_pdf


def test_without_a_key_nothing_is_restored_or_registered(stand: Stand) -> None:
    (stand.root / "keys" / "signing-key.pem").unlink()

    with pytest.raises(KeyMissing) as caught:
        run(stand)

    assert caught.value.exit_code is ExitCode.USAGE
    assert stand.sandbox.lent == []
    assert not stand.lab.reports.exists()


def test_a_point_that_is_not_there_is_refused_before_anything_is_opened(stand: Stand) -> None:
    with pytest.raises(UsageError, match="no recovery point is called 'another'"):
        run(stand, asked_for="another")

    assert not stand.lab.reports.exists()


def test_a_report_that_cannot_be_rendered_leaves_the_entry_and_exits_70(stand: Stand) -> None:
    unheard_of: Report = replace(Report(), language="xx")  # type: ignore[arg-type]
    lab = replace(stand.lab, settings=replace(stand.lab.settings, report=unheard_of))

    outcome = drills.run(lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    assert (outcome.exit_code, outcome.recorded.report) == (ExitCode.BUG, None)
    closed = register_of(stand).verify().entries[-1]
    assert (closed.kind, "pdf_sha256" in closed.fields, bool(closed.fields["pdf_missing"])) == (
        EntryType.CLOSED,
        False,
        True,
    )
    assert register_of(stand).verify().faults == ()


def test_a_time_stamp_that_was_not_given_is_said_on_the_page_and_in_the_register(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[bool] = []

    def seen(evidence: Evidence, *, language: str, attachments: Mapping[str, bytes], seal: Seal) -> bytes:
        pages.append(seal.is_stamped)
        return render_pdf(evidence, language=language, attachments=attachments, seal=seal)

    monkeypatch.setattr("restore_lab.report.pdf.render_pdf", seen)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/tsa"
        signature = replace(stand.lab.settings.signature, authority=nobody)
        lab = replace(stand.lab, settings=replace(stand.lab.settings, signature=signature))
        outcome = drills.run(lab, stand.scenario, asked_for="latest", listen=lambda _event: None)

    closed = register_of(stand).verify().entries[-1]
    assert (outcome.exit_code, bool(outcome.recorded.stamp_fault)) == (ExitCode.PASSED, True)
    assert closed.fields["stamp_missing"] == outcome.recorded.stamp_fault
    assert (pages, outcome.recorded.report is not None) == ([True, False], True)


def test_a_broken_register_does_not_stop_a_drill_which_exits_5_on_a_new_segment(stand: Stand) -> None:
    judged(stand)
    path = stand.lab.reports / "register.jsonl"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)

    seen = judged(stand)

    assert (seen.exit_code, Code.REGISTER_BROKEN in codes(seen)) == (ExitCode.SEAL_BROKEN, True)
    new = (stand.lab.reports / "register.2.jsonl").read_bytes()
    assert new.count(b"\n") == 3
    assert bytes(data) == path.read_bytes()


def test_what_the_last_passed_drill_counted_is_known_to_the_next(stand: Stand) -> None:
    run(stand)
    register = register_of(stand)

    previous = previous_counts(register, register.verify(), "annual")["1-main"]

    assert {(one.name, one.rows) for one in previous.tables} == {("patient", 3), ("visit", 7)}
    assert previous_counts(register, register.verify(), "another") == {}


def test_the_folder_of_a_drill_is_named_after_its_year(tmp_path: Path) -> None:
    assert drill_folder(tmp_path, "20261122T000000Z-a-1") == tmp_path / "2026" / "20261122T000000Z-a-1"
