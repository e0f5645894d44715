"""Whole drills of databases nobody here wrote: from the folder they lie in to the verdict, and what of them holds.

`docs/real-databases.md` is the same table for people; `test_real_databases_page.py` reads both. What lies in wrappers:
`test_real_wrapped.py`. What cannot be restored: `test_real_in_pieces.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.real_databases import RESTORED
from integration.real_drills import ENGINES, Drill, drills_in, judged, need_machine, placed
from integration.real_rows import RESERVED, Asked, Restored
from needs import third_party

from restore_lab.controls import CUT
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.signature.keys import SigningKey


@pytest.fixture
def data() -> Path:
    return third_party()


@pytest.fixture
def run(tmp_path: Path, made_key: tuple[Path, SigningKey]) -> Drill:
    return drills_in(tmp_path, made_key[0])


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.docker if one.machine == "container" else ())
        for name, one in RESTORED.items()
    ],
)
def test_a_real_database_comes_back_as_its_row_says(data: Path, tmp_path: Path, run: Drill, name: str) -> None:
    one = RESTORED[name]
    need_machine(one)
    folder, pattern = placed(data, one.files, tmp_path / "joined")

    evidence = run(folder, pattern, one)

    assert judged(evidence) == (one.verdict, one.codes)
    (restore,) = evidence.restores
    assert restore.server is not None
    assert restore.conditions is not None
    assert f"{ENGINES[restore.server.engine]} {restore.server.version}".startswith(f"{one.server}.")
    assert (restore.server.own_series, restore.conditions.sandbox) == (one.own_series, one.machine)
    rows = {table.name: table.rows for table in restore.tables}
    assert (len(rows), sum(rows.values())) == (one.tables, one.rows)
    assert {table: rows.get(table, 0) for table in one.counts} == one.counts
    assert {kind.kind: kind.count for kind in restore.objects}.items() >= dict(one.objects).items()
    (cut,) = [control for control in restore.controls if control.name == CUT]
    comes_back = one.verdict in {Verdict.PASSED, RESERVED}
    assert (cut.silent, cut.not_judged) == (False, "") or (not comes_back and cut.not_judged == "already_found")
    # a dump in text is cut between two statements: nothing is refused, and what tells of a cut is found
    assert not comes_back or set(cut.raised) & set(cut.expected)
    assert not cut.end_forged or not {Code.LOAD_ERRORS, Code.LOAD_STOPPED} & set(cut.raised)
    if one.truth:
        truth = json.loads((data / f"groundtruth/{one.truth}.json").read_text("utf-8"))
        counted = truth.get("rows") or truth["rows_only"]
        assert rows == {table.removeprefix("public."): number for table, number in counted.items()}


@pytest.mark.data
def test_the_right_answer_is_what_the_questions_turn_on(data: Path, run: Drill) -> None:
    one = RESTORED["chinook-sqlite"]
    need_machine(one)
    wrong = Restored(
        files=one.files,
        server=one.server,
        machine="local",
        counts={"Customer": 60},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 12),),
        asked=(Asked(label="sum of totals", sql=one.asked[0].sql, answer="2328.61"),),
    )

    verdict, codes = judged(run(data / "chinook", "Chinook_Sqlite.sqlite", wrong))

    assert verdict is Verdict.FAILED
    assert set(codes) == {Code.ROWS_BELOW_MINIMUM, Code.OBJECTS_BELOW_MINIMUM, Code.SQL_EXPECTATION_UNMET}


@pytest.mark.data
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_a_database_file_that_is_cut_fails(data: Path, tmp_path: Path, run: Drill, kept: float) -> None:
    need_machine(RESTORED["chinook-sqlite"])
    whole = (data / "chinook/Chinook_Sqlite.sqlite").read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / "chinook.sqlite").write_bytes(whole[: int(len(whole) * kept)])

    verdict, codes = judged(run(folder, "*", RESTORED["chinook-sqlite"]))

    assert verdict is Verdict.FAILED
    assert Code.INTEGRITY_ERRORS in codes
