"""The register: what every kind of tampering, cut and crash looks like, and that honest use never looks like one."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_lab.register import GENESIS, EntryType, Register, read_chain
from restore_lab.signature.keys import SigningKey, create_key

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def append(register: Register, key: SigningKey, *drills: str) -> None:
    for drill in drills:
        with register.locked():
            register.append(EntryType.OPENED, {"drill": drill}, key=key, at=AT)


@pytest.fixture
def key(made_key: tuple[Path, SigningKey]) -> SigningKey:
    return made_key[1]


@pytest.fixture
def register(tmp_path: Path, key: SigningKey) -> Register:
    """Five entries: the key, and four drills."""
    made = Register(folder=tmp_path / "reports", certificate=key.certificate)
    append(made, key, "a", "b", "c", "d")
    return made


def lines_of(register: Register) -> list[bytes]:
    return (register.folder / "register.jsonl").read_bytes().splitlines(keepends=True)


def rewrite(register: Register, lines: list[bytes]) -> None:
    (register.folder / "register.jsonl").write_bytes(b"".join(lines))


def test_an_honest_register_verifies_and_begins_with_its_key(register: Register, key: SigningKey) -> None:
    checked = register.verify(known_head=register.head)

    assert checked.faults == ()
    assert [entry.sequence for entry in checked.entries] == [1, 2, 3, 4, 5]
    assert (checked.entries[0].kind, checked.entries[0].fields["key_id"]) == (EntryType.KEY, key.key_id)
    assert checked.entries[0].previous == GENESIS
    assert [entry.fields["drill"] for entry in checked.unanswered] == ["a", "b", "c", "d"]
    assert register.head == checked.head == checked.entries[-1].head


def test_a_register_that_was_never_written_has_no_fault_and_no_entry(tmp_path: Path, key: SigningKey) -> None:
    checked = Register(folder=tmp_path / "nowhere", certificate=key.certificate).verify()

    assert (checked.faults, checked.entries, checked.head) == ((), (), GENESIS)


@pytest.mark.parametrize("removed", range(5))
def test_a_removed_entry_is_found(register: Register, removed: int) -> None:
    lines = lines_of(register)
    rewrite(register, lines[:removed] + lines[removed + 1 :])

    assert register.verify().faults


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 2), (2, 4), (3, 4)])
def test_a_changed_order_is_found(register: Register, first: int, second: int) -> None:
    lines = lines_of(register)
    lines[first], lines[second] = lines[second], lines[first]
    rewrite(register, lines)

    assert register.verify().faults


def test_an_entry_that_is_there_twice_is_found(register: Register) -> None:
    lines = lines_of(register)
    rewrite(register, [*lines, lines[-1]])

    assert register.verify().faults


def test_any_changed_byte_is_found(register: Register) -> None:
    whole = b"".join(lines_of(register))
    draw = random.Random(20261122)  # noqa: S311 - a sample that repeats
    for position in draw.sample(range(len(whole)), 100):
        changed = bytearray(whole)
        changed[position] ^= 1 << draw.randrange(8)
        assert read_chain(bytes(changed), public_key=register.public_key).faults, position


@pytest.mark.parametrize("kept", [0, 1, 2, 4])
def test_a_cut_tail_is_found_by_the_head_kept_beside_it(register: Register, kept: int) -> None:
    rewrite(register, lines_of(register)[:kept])

    assert register.verify().faults


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_a_cut_tail_with_its_head_put_back_is_found_only_by_a_head_known_elsewhere(
    register: Register, kept: int
) -> None:
    known = register.head
    rewrite(register, lines_of(register)[:kept])
    (register.folder / "register.head").write_text(register.verify().head + "\n", "ascii")

    assert register.verify().faults == ()
    assert "known head" in register.verify(known_head=known).faults[0]


def test_an_older_head_known_elsewhere_is_no_fault(register: Register) -> None:
    for entry in register.verify().entries:
        assert register.verify(known_head=entry.head).faults == ()


def test_a_register_whose_file_is_gone_is_found(register: Register) -> None:
    (register.folder / "register.jsonl").unlink()

    assert register.verify().faults


def test_a_kept_head_that_is_gone_is_found(register: Register) -> None:
    (register.folder / "register.head").unlink()

    assert register.verify().faults


def test_a_last_line_that_was_cut_is_one_fault_and_the_entries_before_it_hold(register: Register) -> None:
    whole = b"".join(lines_of(register))
    for cut in (1, 2, 40, len(lines_of(register)[-1]) - 1):
        rewrite(register, [whole[:-cut]])
        checked = register.verify()
        assert "was not written to its end" in checked.faults[0]
        assert len(checked.entries) == 4


def test_what_follows_a_break_names_it_and_the_break_is_said_for_ever(register: Register, key: SigningKey) -> None:
    whole = b"".join(lines_of(register))
    rewrite(register, [whole[:-10]])

    append(register, key, "e")
    append(register, key, "f")

    assert b"".join(lines_of(register)) == whole[:-10]
    checked = register.verify()
    assert [entry.fields["drill"] for entry in checked.entries if entry.kind is EntryType.OPENED] == list("abcef")
    assert len(list(register.folder.glob("register*.jsonl"))) == 2
    assert checked.faults
    rewrite(register, [whole])
    assert any("register.2.jsonl" in fault for fault in register.verify().faults)


def test_a_cut_that_was_found_once_is_still_said_after_the_next_entry(register: Register, key: SigningKey) -> None:
    rewrite(register, lines_of(register)[:3])
    assert register.verify().faults

    append(register, key, "e")

    assert register.verify().faults


def test_a_third_segment_is_never_written_into_an_older_one(register: Register, key: SigningKey) -> None:
    for _ in range(3):
        last = max(register.folder.glob("register*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        last.write_bytes(last.read_bytes()[:-3])
        append(register, key, "again")
    (register.folder / "register.2.jsonl").unlink()
    newest = register.folder / "register.4.jsonl"
    newest.write_bytes(newest.read_bytes()[:-3])

    append(register, key, "after")

    assert (register.folder / "register.5.jsonl").is_file()
    assert register.verify().faults


def test_a_crash_between_the_line_and_the_kept_head_is_no_fault(register: Register, key: SigningKey) -> None:
    before = (register.folder / "register.head").read_bytes()
    append(register, key, "e")
    (register.folder / "register.head").write_bytes(before)

    assert register.verify().faults == ()
    append(register, key, "f")
    assert register.verify().faults == ()
    assert len(register.verify().entries) == 7


def test_a_crash_within_the_very_first_append_is_no_fault(tmp_path: Path, key: SigningKey) -> None:
    register = Register(folder=tmp_path, certificate=key.certificate)
    append(register, key, "a")
    rewrite(register, lines_of(register)[:1])
    (tmp_path / "register.head").unlink()

    assert register.verify().faults == ()
    append(register, key, "b")
    assert [entry.kind.value for entry in register.verify().entries] == ["key", "opened"]


def test_entries_of_another_key_do_not_hold(register: Register, tmp_path: Path) -> None:
    other = create_key(tmp_path / "other", holder="Quelqu'un d'autre", now=AT)

    assert Register(folder=register.folder, certificate=other.certificate).verify().entries == ()
    append(register, other, "forged")
    assert register.verify().faults


def test_a_folder_without_an_entry_is_found(register: Register) -> None:
    (register.folder / "2026" / "20261122T000000Z-annual-0000").mkdir(parents=True)

    assert "has a folder, but no entry" in register.verify().faults[0]


def test_a_report_that_was_changed_or_lost_is_found_and_one_signed_again_is_not(
    register: Register, key: SigningKey
) -> None:
    drill, digest = "20261122T000000Z-annual-0000", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    folder = register.folder / "2026" / drill
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_bytes(b"test")
    fields = {"drill": drill, "pdf_sha256": digest, "pdf_bytes": 4}
    with register.locked():
        register.append(EntryType.CLOSED, fields, key=key, at=AT)
    assert register.verify().faults == ()

    (folder / "report.pdf").write_bytes(b"test and a signature that came later")
    assert register.verify().faults == ()
    for changed in (b"Test", b"tes"):
        (folder / "report.pdf").write_bytes(changed)
        assert register.verify().faults
    shutil.rmtree(folder)
    assert register.verify().faults


def _append_many(register: Register, key: SigningKey, drills: list[str], start: str) -> None:
    """Run in a forked process: entries as fast as the lock allows, once the file `start` is there."""
    while not Path(start).exists():
        pass
    append(register, key, *drills)
    os._exit(0)


def test_two_processes_that_append_at_once_make_one_chain(register: Register, key: SigningKey, tmp_path: Path) -> None:
    start = tmp_path / "start"
    fork = multiprocessing.get_context("fork")
    workers = [
        fork.Process(target=_append_many, args=(register, key, [f"{name}{number}" for number in range(15)], str(start)))
        for name in "xy"
    ]
    for worker in workers:
        worker.start()
    start.touch()
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0]
    checked = register.verify()
    assert checked.faults == ()
    assert len(checked.entries) == 5 + 30
