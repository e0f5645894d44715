"""Whatever dies at any stage: the right exit code and verdict, a whole register, nothing left, a next drill.

`PYTHONPATH=tests python tests/faults/test_faults.py [fault ...]` writes docs/faults.md anew.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from faults import faults_page
from faults.aftermath import closed, evidence_of
from faults.carrying import carry_out, impossible, less_held
from faults.matrix import BY_NAME, FAULTS, STAGES, End, Fault, rows
from faults.scene import Samples, begin, ended, next_drill, scene
from faults.strikes import behind_an_engine, clock_put, engine_stopped, with_a_clock

from restore_lab.errors import ExitCode
from restore_lab.evidence import Conditions, Isolation, RestoreRecord
from restore_lab.findings import Code

MOST_OFTEN_DAILY = 8


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    with ExitStack() as ending:
        yield Samples(folder=tmp_path_factory.mktemp("samples"), ending=ending)


def parameters() -> list[object]:
    """Each fault at each stage where it has a meaning; what is of the daily run, and needs containers, is marked."""
    return [
        pytest.param(fault.name, stage, marks=marks(fault, end), id=f"{fault.name}-{stage}".replace(" ", "-"))
        for fault, stage, end in rows()
        if isinstance(end, End)
    ]


def marks(fault: Fault, end: End) -> list[pytest.MarkDecorator]:
    daily = [pytest.mark.faults_daily] if end.daily else []
    return [*daily, *([pytest.mark.docker] if fault.docker else [])]


@pytest.mark.faults
@pytest.mark.parametrize(("name", "stage"), parameters())
def test_a_drill_that_is_struck_ends_as_its_row_says_and_the_next_one_works(
    name: str, stage: str, tmp_path: Path, samples: Samples
) -> None:
    fault = BY_NAME[name]

    assert carry_out(fault, stage, tmp_path, samples).wrongs(fault.real[stage]) == []


def test_a_duration_below_nothing_or_beyond_its_command_is_impossible() -> None:
    assert impossible((None, 0, 3.9, 4), most_seconds=4) == []
    assert impossible((None, -0.1, 3, 4.1, 150), most_seconds=4) == [-0.1, 4.1, 150]


@pytest.mark.faults
@pytest.mark.faults_daily
def test_a_clock_that_is_put_forward_makes_no_backup_overdue(tmp_path: Path, samples: Samples) -> None:
    with scene(tmp_path, samples, machine="local", stage="find") as here:
        settings = here.lab / "lab.toml"
        text, times = re.subn(r"backup_every_days = \d+", "backup_every_days = 1", settings.read_text("utf-8"))
        settings.write_text(text, "utf-8")
        with_a_clock(here)
        running, release = begin(here)
        clock_put(timedelta(days=400))(here)
        release()

        code, said = ended(running)

    assert (times, code, said) == (1, ExitCode.PASSED, "")
    assert closed(here.lab) == [("PASSED WITH RESERVATIONS", ["CLOCK_JUMPED"])]


@pytest.mark.faults
@pytest.mark.docker
def test_a_container_left_at_the_start_is_in_the_evidence_and_named_by_the_next_drill(
    tmp_path: Path, samples: Samples
) -> None:
    with scene(tmp_path, samples, machine="container", stage="start") as here:
        behind_an_engine(here)
        with here.mending:
            running, release = begin(here)
            engine_stopped(here)
            release()
            code, _ = ended(running)
        left = here.left()["container"]
        next_drill(here)
        struck, following = evidence_of(here.lab)

        assert (code, len(left)) == (ExitCode.NOT_GONE, 1)
        assert [(one.kind, one.gone) for one in struck.restores[0].removals] == [("container", False)]
        told = {one.finding.code: dict(one.finding.params).get("drill") for one in following.findings}
        assert told.get(Code.EARLIER_COPY_GONE) == struck.drill_id
        assert here.left()["container"] == []


@pytest.mark.faults
def test_a_copy_is_held_for_its_time_also_when_the_clock_is_put_back(tmp_path: Path, samples: Samples) -> None:
    with scene(tmp_path, samples, machine="local", stage="sign") as here:
        with_a_clock(here)
        running, release = begin(here, "--hold", "3s")
        clock_put(timedelta(days=-400))(here)
        release()

        code, said = ended(running)

        assert code == ExitCode.NOT_GONE, said  # as when every copy that is held was still there
        assert "folder restore-lab-" in said.splitlines()[-1]
        assert here.left()["folder"] == []


def test_the_page_says_what_the_rows_declare_and_what_was_seen_is_that() -> None:
    assert faults_page.on_the_page() == {
        (fault.name, stage): (
            *faults_page.declared(stage, end),
            *(faults_page.expected(end) if isinstance(end, End) else ("-", "-", "-")),
        )
        for fault, stage, end in rows()
    }


def test_every_fault_has_its_word_for_every_stage_and_some_are_tried_daily() -> None:
    assert len(BY_NAME) == len(FAULTS)
    for fault in FAULTS:
        assert set(fault.ends) == set(STAGES), fault.name
        assert fault.real, fault.name
    assert 0 < sum(end.daily for fault in FAULTS for end in fault.real.values()) <= MOST_OFTEN_DAILY


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_no_fault_makes_a_sound_backup_a_bad_one_or_an_unknown_one_a_pass(fault: Fault) -> None:
    for end in fault.real.values():
        assert end.verdict in {"", "PASSED", "PASSED WITH RESERVATIONS", "INCONCLUSIVE"}
        assert bool(end.reasons) == (end.verdict not in {"", "PASSED"})
        assert end.exit_code != 0 or end.verdict != "INCONCLUSIVE"


def test_a_machine_that_is_held_otherwise_than_its_row_says_is_told() -> None:
    sealed = Conditions(sandbox="local", isolation=Isolation.SEALED, mechanism="x", storage="tmpfs", limits=())
    whole = RestoreRecord(restore_id="main", place="dossiers", conditions=sealed)
    partial = replace(whole, conditions=replace(sealed, isolation=Isolation.PARTIAL))

    assert list(less_held((whole, RestoreRecord(restore_id="none", place="dossiers")), Isolation.SEALED)) == []
    assert list(less_held((whole, partial), Isolation.SEALED)) == ["local was partial, expected sealed"]


def write_the_page(names: list[str]) -> int:
    """Carry out every fault, or those named, and write the page; what is not as declared is said aloud."""
    wrong = 0
    with ExitStack() as ending, tempfile.TemporaryDirectory() as folder:
        samples = Samples(folder=Path(folder) / "samples", ending=ending)
        for fault, stage, end in rows():
            if isinstance(end, str) or (names and fault.name not in names):
                continue
            seen = carry_out(fault, stage, Path(folder) / fault.name / stage, samples)
            wrongs = seen.wrongs(end)
            wrong += bool(wrongs)
            sys.stderr.write(f"{fault.name}, {stage}: {wrongs or 'as declared'}\n")
            faults_page.write({(fault.name, stage): faults_page.observed(seen)})
    return min(wrong, 1)


if __name__ == "__main__":
    os.environ["CI"] = "true"  # what is absent is no row that may be left out
    sys.exit(write_the_page(sys.argv[1:]))
