"""What every sandbox does, whatever it is made of. A new one is one row of `sandboxes.SANDBOXES`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from contract.sandboxes import MIB, SERVER, Row, sh

from restore_lab.errors import MachineFailed
from restore_lab.evidence import Isolation
from restore_lab.sandboxes.base import KEPT_OUTPUT_BYTES, Machine, Need


def test_a_command_gives_its_output_and_exit_code(machine: Machine) -> None:
    done = machine.run(("sh", "-c", "echo out; echo err >&2; exit 7"), timeout_seconds=30)

    assert (done.exit_code, done.stdout, done.stderr, done.cut) == (7, b"out\n", b"err\n", False)


def test_an_exit_code_is_the_commands_own_also_where_a_signal_ended_it(machine: Machine) -> None:
    for ending, code in {"exit 255": 255, "kill -KILL $$": 137, "exit 137": 137}.items():
        assert sh(machine, f"echo said; {ending}") == (code, b"said\n")


def test_a_program_that_is_not_there_is_a_machine_that_failed(machine: Machine) -> None:
    with pytest.raises(MachineFailed):
        machine.run(("no-such-program",), timeout_seconds=30)
    with pytest.raises(MachineFailed):
        machine.start(("no-such-program",))


def test_stdin_arrives_whole(machine: Machine) -> None:
    pieces = (b"x" * MIB for _ in range(64))

    done = machine.run(("wc", "-c"), timeout_seconds=120, stdin=pieces)

    assert (done.stdout.strip(), done.fed_bytes) == (str(64 * MIB).encode(), 64 * MIB)


def test_another_command_may_run_before_the_next_piece_of_stdin(machine: Machine) -> None:
    def pieces() -> Iterator[bytes]:
        for number in range(3):
            yield b"x" * MIB
            yield machine.run(("echo", str(number)), timeout_seconds=30).stdout

    done = machine.run(("tr", "-d", "x\\n"), timeout_seconds=60, stdin=pieces())

    assert (done.exit_code, done.stdout) == (0, b"012")


def test_empty_pieces_and_an_empty_stdin_are_not_the_end_of_anything(machine: Machine) -> None:
    assert machine.run(("wc", "-c"), timeout_seconds=30, stdin=[b"", b"ab", b"", b"c"]).stdout.strip() == b"3"
    assert machine.run(("wc", "-c"), timeout_seconds=30, stdin=[]).stdout.strip() == b"0"
    assert machine.run(("wc", "-c"), timeout_seconds=30).stdout.strip() == b"0"


def test_a_client_that_ends_early_is_not_an_error(machine: Machine) -> None:
    pieces = (b"x" * MIB for _ in range(64))

    done = machine.run(("head", "-c", "3"), timeout_seconds=60, stdin=pieces)

    assert (done.exit_code, done.stdout) == (0, b"xxx")
    assert done.fed_bytes < 64 * MIB
    assert next(pieces)


def test_a_client_that_closes_its_stdin_and_works_on_is_waited_for(machine: Machine) -> None:
    pieces = (b"x" * MIB for _ in range(64))

    done = machine.run(("sh", "-c", "exec <&-; sleep 1; echo done"), timeout_seconds=60, stdin=pieces)

    assert done.stdout == b"done\n"


def test_both_outputs_are_read_while_stdin_is_fed(machine: Machine) -> None:
    script = 'cd "$1" && mkfifo both && { cat both >&2 & tee both; wait; }'
    pieces = (b"x" * MIB for _ in range(12))

    done = machine.run(("sh", "-c", script, "test", machine.scratch), timeout_seconds=120, stdin=pieces)

    assert (len(done.stdout), len(done.stderr), done.cut) == (12 * MIB, 12 * MIB, False)


def test_output_beyond_the_limit_is_read_and_dropped(machine: Machine) -> None:
    done = machine.run(("head", "-c", str(KEPT_OUTPUT_BYTES + 5 * MIB), "/dev/zero"), timeout_seconds=60)

    assert (done.exit_code, len(done.stdout), done.cut) == (0, KEPT_OUTPUT_BYTES, True)


def test_output_can_be_handed_on_piece_by_piece(machine: Machine) -> None:
    seen = 0

    def count(piece: bytes) -> None:
        nonlocal seen
        seen += len(piece)

    done = machine.run(("head", "-c", str(40 * MIB), "/dev/zero"), timeout_seconds=60, stdout=count)

    assert (seen, done.stdout, done.cut) == (40 * MIB, b"", False)


@pytest.mark.parametrize("script", ["sleep 4242 & sleep 4242", "trap '' INT TERM; sleep 4242; sleep 4242"])
def test_a_timeout_leaves_nothing_of_the_command(row: Row, machine: Machine, script: str) -> None:
    with pytest.raises(TimeoutError):
        machine.run(("sh", "-c", script), timeout_seconds=1)

    assert "4242" not in row.processes(machine)
    assert sh(machine, "echo alive") == (0, b"alive\n")


def test_a_source_that_breaks_ends_the_command(row: Row, machine: Machine) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the disk was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        machine.run(("sh", "-c", "cat >/dev/null; sleep 4243"), timeout_seconds=30, stdin=broken())

    assert "4243" not in row.processes(machine)


def test_the_environment_is_no_argument(machine: Machine) -> None:
    given = {"PGPASSWORD": "not-for-ps"}
    command = ("sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline; echo; echo $PGPASSWORD")

    shown, value = machine.run(command, timeout_seconds=30, environment=given).stdout.decode().splitlines()

    assert (value, "not-for-ps" in shown) == ("not-for-ps", False)
    assert sh(machine, "echo $PGPASSWORD") == (0, b"\n")


def test_nothing_outside_can_be_reached(machine: Machine) -> None:
    assert machine.conditions.isolation is Isolation.SEALED
    assert sh(machine, "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '") == (0, b"lo\n")
    refused = sh(machine, "bash -c 'exec 3<>/dev/tcp/1.1.1.1/53' 2>&1 | grep -q unreachable && echo refused")
    assert refused == (0, b"refused\n")


def test_the_scratch_folder_is_the_machines_own(machine: Machine) -> None:
    script = 'cd "$1" && echo kept >file && cat file && stat -c "%a %u" . && id -u'

    code, said = sh(machine, script, machine.scratch)

    kept, mode, uid = said.decode().splitlines()
    assert (code, kept, mode, uid != "0") == (0, "kept", f"700 {uid}", True)


def test_a_started_server_lives_on(row: Row, machine: Machine) -> None:
    machine.start(("sh", "-c", 'echo "$GREETING"; exec sleep 4244'), environment={"GREETING": "hello"})

    look = 'for i in 1 2 3 4 5 6 7 8 9; do grep -s hello "$1"/server.log && exit; sleep 1; done'

    assert sh(machine, look, machine.scratch)[1] == b"hello\n"
    assert "4244" in row.processes(machine)


def test_nothing_is_left_afterwards(row_or_fake: Row, need: Need) -> None:
    with row_or_fake.sandbox.machine(need) as machine:
        created = machine.removals()
        assert created
        assert all(row_or_fake.still_there(each) and not each.gone for each in created)

    after = machine.removals()
    assert [each.name for each in after] == [each.name for each in created]
    assert all(each.gone and each.removed_at for each in after)
    assert not any(row_or_fake.still_there(each) for each in after)
    with pytest.raises(MachineFailed):
        machine.run(("true",), timeout_seconds=30)


@pytest.mark.parametrize("error", [ValueError("the first error"), KeyboardInterrupt()])
def test_an_exception_in_the_block_stays_the_first_error(row_or_fake: Row, need: Need, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, row_or_fake.sandbox.machine(need) as machine:
        raise error

    assert caught.value is error
    assert all(each.gone for each in machine.removals())
    assert not any(row_or_fake.still_there(each) for each in machine.removals())


def test_a_machine_is_found_again_from_its_handle(row: Row, need: Need) -> None:
    with row.sandbox.machine(need) as machine:
        sh(machine, 'echo kept >"$1"/file', machine.scratch)
        handle = replace(machine.handle, **json.loads(json.dumps({"label": machine.handle.label})))

        again = row.sandbox.attach(handle)

        assert sh(again, 'cat "$1"/file', again.scratch) == (0, b"kept\n")
        assert again.handle == machine.handle
    with pytest.raises(MachineFailed):
        row.sandbox.attach(handle)


def test_a_sweep_takes_only_the_expired_of_its_own_lab(row_or_fake: Row, need: Need) -> None:
    with row_or_fake.sandbox.machine(need) as machine:
        assert not list(row_or_fake.sandbox.sweep(now=datetime.now(UTC), lab_id=need.lab_id, ended=[need.drill_id]))
        later = need.expires_at + timedelta(seconds=1)
        assert not list(row_or_fake.sandbox.sweep(now=later, lab_id="another", ended=[need.drill_id]))

        swept = list(row_or_fake.sandbox.sweep(now=later, lab_id=need.lab_id, ended=()))

        assert {each.name for each in swept} == {each.name for each in machine.removals()}
        assert all(each.gone and not row_or_fake.still_there(each) for each in swept)


def test_what_a_host_lacks_is_said_in_one_line(row: Row) -> None:
    assert row.sandbox.lacks(SERVER) is None
    lacking = row.sandbox.lacks(replace(SERVER, series="1", image="restore-lab/postgresql:1", programs=("no-such",)))
    assert lacking
    assert "\n" not in lacking
