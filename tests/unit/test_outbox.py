"""The outbox: mails that wait as files of their own, private, with a note of each attempt and a growing pause."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_lab.delivery.outbox import Attempt, Outbox, Waiting
from restore_lab.errors import RestoreLabError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "reports" / "outbox")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_mail_that_was_put_waits_without_attempts(outbox: Outbox) -> None:
    outbox.put("d-1", b"one")
    outbox.put("d-0", b"nought")
    outbox.put("d-1", b"one, again")

    assert outbox.waiting() == (
        Waiting(drill="d-0", message=b"nought", attempts=()),
        Waiting(drill="d-1", message=b"one, again", attempts=()),
    )


def test_an_outbox_that_nobody_made_is_empty(outbox: Outbox) -> None:
    assert outbox.waiting() == ()


def test_mails_and_notes_are_their_owner_s_alone(outbox: Outbox) -> None:
    outbox.put("d-1", b"one")
    outbox.note("d-1", Attempt(at=NOW, fault="down"))
    with outbox.locked():
        pass

    assert mode(outbox.folder) == 0o700
    assert {path.name: mode(path) for path in outbox.folder.iterdir()} == {
        "d-1.eml": 0o600,
        "d-1.json": 0o600,
        ".lock": 0o600,
    }


def test_attempts_are_noted_and_only_the_latest_kept(outbox: Outbox) -> None:
    outbox.put("d-1", b"one")
    for minute in range(30):
        outbox.note("d-1", Attempt(at=NOW + timedelta(minutes=minute), fault=f"fault {minute}"))

    (waiting,) = outbox.waiting()
    assert [one.fault for one in waiting.attempts] == [f"fault {minute}" for minute in range(10, 30)]


@pytest.mark.parametrize(
    "spoilt", [b"", b"{", b"[]", b'{"attempts": 3}', b'{"attempts": [{"at": "2026-11-22", "fault": ""}]}', b"\xff"]
)
def test_a_spoilt_note_holds_no_mail_back(outbox: Outbox, spoilt: bytes) -> None:
    outbox.put("d-1", b"one")
    (outbox.folder / "d-1.json").write_bytes(spoilt)

    (waiting,) = outbox.waiting()
    assert (waiting.attempts, waiting.due(NOW)) == ((), True)


def test_a_half_written_mail_is_none(outbox: Outbox) -> None:
    outbox.put("d-1", b"one")
    (outbox.folder / ".d-2.eml.new").write_bytes(b"hal")

    assert [one.drill for one in outbox.waiting()] == ["d-1"]


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 5), (2, 15), (3, 60), (4, 240), (5, 720), (6, 1440), (7, 1440), (20, 1440)]
)
def test_the_pause_grows_to_a_day(attempts: int, minutes: int) -> None:
    tried = Waiting(drill="d", message=b"", attempts=(Attempt(at=NOW, fault="down"),) * attempts)

    assert not tried.due(NOW + timedelta(minutes=minutes) - timedelta(seconds=1))
    assert tried.due(NOW + timedelta(minutes=minutes))


def test_a_clock_that_was_set_back_holds_no_mail_back() -> None:
    tried = Waiting(drill="d", message=b"", attempts=(Attempt(at=NOW, fault="down"),))

    assert tried.due(NOW - timedelta(days=300))


def test_what_everybody_got_leaves_with_its_note(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put("d-1", b"one")
    outbox.note("d-1", Attempt(at=NOW, fault="down"))

    outbox.move_out("d-1", tmp_path / "mail.eml")

    assert (outbox.waiting(), (tmp_path / "mail.eml").read_bytes()) == ((), b"one")
    assert mode(tmp_path / "mail.eml") == 0o600
    assert list(outbox.folder.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_bytes(b"a file stands where the folder should")

    with pytest.raises(RestoreLabError, match=r"the outbox .* cannot be used"):
        Outbox(tmp_path / "outbox").put("d-1", b"one")
