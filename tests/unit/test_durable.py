"""What only one process may write, and what no interrupt may cut short."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore_lab.delivery.outbox import Outbox
from restore_lab.durable import alone, put_off
from restore_lab.errors import ExitCode, RegisterLocked, RestoreLabError
from restore_lab.register import Register
from restore_lab.signature.keys import SigningKey


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_lab.durable.LOCK_SECONDS", 0.1)


@pytest.fixture
def ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_lock_is_free_again_when_its_block_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with alone(tmp_path / "lock"):
            assert (tmp_path / "lock").exists()


def test_a_register_that_somebody_else_holds_is_waited_for_with_a_limit(
    tmp_path: Path, made_key: tuple[Path, SigningKey]
) -> None:
    register = Register(folder=tmp_path, certificate=made_key[1].certificate)

    with register.locked(), pytest.raises(RegisterLocked, match="locked by another process") as caught:
        register.locked().__enter__()

    assert caught.value.exit_code is ExitCode.INCONCLUSIVE
    assert "fuser" in caught.value.hint


def test_an_outbox_that_somebody_else_holds_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)

    with outbox.locked(), pytest.raises(RestoreLabError, match="locked by another process"):
        outbox.locked().__enter__()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_is_put_off_comes_when_all_is_done(number: signal.Signals) -> None:
    before, done = signal.getsignal(number), list[str]()

    with pytest.raises(KeyboardInterrupt):
        removed(number, done)

    assert done == ["removed"]
    assert signal.getsignal(number) is before


def removed(number: signal.Signals, done: list[str]) -> None:
    with put_off():
        signal.raise_signal(number)
        done.append("removed")


@pytest.mark.usefixtures("ignored")
def test_an_interrupt_that_is_ignored_stays_so() -> None:
    with put_off():
        signal.raise_signal(signal.SIGINT)
