"""Both negative controls on real engines: what each of them raises, and what a scenario that asks too little costs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from integration import postgresql_backups as postgresql
from needs import server_of

from restore_lab import drill
from restore_lab.controls import COPY_HELD
from restore_lab.demo import Sample, make_demo
from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.forging import forged, forgery
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.postgresql.backup import make_backup
from restore_lab.evidence import Evidence, RestoreRecord, Verdict
from restore_lab.findings import Code
from restore_lab.lab import load_lab
from restore_lab.report.auditor_controls import control_section
from restore_lab.report.blocks import Note
from restore_lab.report.wording import wording_for
from restore_lab.restored import DumpRecord
from restore_lab.sandboxes.base import Machine
from restore_lab.scenario import load_scenario
from restore_lab.tried import ControlRecord

ASKS_TOO_LITTLE: Final = """title = "Asks too little"
[[restore]]
place = "dossiers"
[[restore.check]]
kind = "counts"
main = ["patient"]
may_shrink = ["patient"]
"""
#: By engine: whether a forged end stands behind the cut, and the finding it must raise.
ENGINES: Final = {
    "sqlite": (False, Code.INTEGRITY_ERRORS),
    "postgresql": (False, Code.ARCHIVE_DAMAGED),
    "mariadb": (True, Code.DUMP_CUT),
}
ROWS: Final = """CREATE TABLE t (a int PRIMARY KEY, note text);
INSERT INTO t SELECT g, 'Secretname' || md5(g::text) FROM generate_series(1, 500) g;
"""
REFUSED: Final = {Code.LOAD_ERRORS, Code.LOAD_STOPPED}
#: A dump of an old tool that says nothing of itself: a table that nothing counts comes last, in one statement.
ONE_STATEMENT: Final = """CREATE TABLE `patient` (id INT PRIMARY KEY, nom TEXT);
INSERT INTO `patient` VALUES (1,'Essai'),(2,'Essai');
CREATE TABLE `journal` (id INT PRIMARY KEY, texte TEXT);
INSERT INTO `journal` VALUES {rows};
"""


def drilled(root: Path, engine: str, scenario: str | None = None, backup: bytes | None = None) -> Evidence:
    if not root.exists():
        path = make_demo(root, Sample(engine="sqlite" if backup else engine, day=datetime.now(UTC).date()))
        if backup:
            path.unlink()
            path.with_suffix(".sql").write_bytes(backup)
    if scenario:
        (root / "scenarios" / "annual" / "scenario.toml").write_text(scenario, "utf-8")
    lab = load_lab(root)
    return drill.run(lab, load_scenario(lab, "annual"), asked_for="latest", listen=lambda _event: None).evidence


def both(evidence: Evidence) -> tuple[ControlRecord, ControlRecord]:
    spoilt, cut = evidence.restores[0].controls
    assert (spoilt.name, cut.name) == ("spoilt", "cut")
    return spoilt, cut


def archived(machine: Machine, place: postgresql.Place, option: str) -> bytes:
    """A custom archive of 500 rows that pg_dump made."""
    taken = bytearray()
    make_backup(machine, place.server, [ROWS.encode()], lambda _: None)
    environment = {"PGHOST": machine.scratch, "PGUSER": "postgres", "PGDATABASE": "cabinet"}
    argv = ("pg_dump", "--format=custom", option)
    assert machine.run(argv, timeout_seconds=60, stdout=taken.extend, environment=environment).exit_code == 0
    return bytes(taken)


def said_of_one_character(dump: Dump) -> bool:
    """Whether the page says that the change of one would not be seen."""
    named = {name: getattr(dump, name) for name in ("engine", "format", "vendor", "version", "tool", "compression")}
    restore = RestoreRecord(restore_id="r", place="p", dump=DumpRecord(**named, layers=()), controls=(COPY_HELD,))
    blocks = control_section(restore, wording_for("en", "Europe/Paris")).blocks
    return "single character" in " ".join(block.text for block in blocks if isinstance(block, Note))


@pytest.mark.docker
@pytest.mark.parametrize("engine", ENGINES)
def test_both_controls_raise_what_they_must(tmp_path: Path, engine: str) -> None:
    evidence = drilled(tmp_path / "lab", engine)

    assert evidence.verdict in {Verdict.PASSED, Verdict.PASSED_WITH_RESERVATIONS}
    spoilt, cut = both(evidence)
    assert (spoilt.silent, spoilt.not_judged, cut.silent, cut.not_judged) == (False, "", False, "")
    assert set(spoilt.raised) >= set(spoilt.expected) == {"TABLE_EMPTY", "OBJECTS_BELOW_PREVIOUS"}
    rows = {table.name: table.rows for table in evidence.restores[0].tables}
    assert (spoilt.emptied, spoilt.emptied_rows) == ("consultation", rows["consultation"])
    assert spoilt.larger == max(rows, key=lambda name: rows[name]) == "ligne_ordonnance"
    assert spoilt.index
    assert spoilt.routine
    end_forged, named = ENGINES[engine]
    assert (cut.end_forged, named in cut.expected, named in cut.raised) == (end_forged, True, True)
    assert not end_forged or not REFUSED & set(cut.raised)
    assert 0 < (cut.kept_bytes or 0) <= evidence.restores[0].read_bytes // 2
    assert all(one.gone for one in evidence.restores[0].removals)
    assert rows["patient"] == 150


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_scenario_that_asks_little_is_still_tested_by_what_it_counts(tmp_path: Path, engine: str) -> None:
    spoilt, cut = both(drilled(tmp_path / "lab", engine, ASKS_TOO_LITTLE))

    assert (spoilt.silent, spoilt.emptied, cut.silent) == (False, "patient", False)


def test_a_dump_of_mariadb_dump_is_cut_between_two_statements_and_gets_its_end(tmp_path: Path) -> None:
    server_of("mariadb")
    data = make_demo(tmp_path / "lab", Sample(engine="mariadb", day=datetime.now(UTC).date())).read_bytes()
    dump = Mariadb().recognise(data[:HEAD_BYTES])
    assert dump is not None
    assert dump.tool.startswith("mariadb-dump")

    for part in range(1, 40):
        made = forgery([data], dump, most_bytes=len(data) * part // 40)
        copy = b"".join(forged([data], made))
        kept, _, end = copy.rpartition(b"\n-- Dump completed on ")
        assert data.startswith(kept)
        assert re.fullmatch(rb"[0-9: -]{19}\n", end)
        # this tool writes no line end within a value: each `;` at a line's end is one of a statement, or of a routine
        assert re.search(rb";[ ]?\n\Z", kept)
        assert kept.count(b"\nDELIMITER ;;\n") == kept.count(b"\nDELIMITER ;\n")


@pytest.mark.docker
def test_a_dump_in_which_nothing_that_is_counted_can_be_lost_is_not_blamed_for_it(tmp_path: Path) -> None:
    rows = ",".join(f"({number},'{'x' * 1000}')" for number in range(3_000))
    scenario = ASKS_TOO_LITTLE.replace('may_shrink = ["patient"]\n', "")

    evidence = drilled(tmp_path / "lab", "mariadb", scenario, ONE_STATEMENT.format(rows=rows).encode())

    _, cut = both(evidence)
    assert Code.CONTROL_SILENT not in {one.finding.code for one in evidence.findings}
    assert (cut.silent, cut.not_judged, cut.end_forged) == (False, "nothing_lost", True)
    assert cut.kept_bytes == ONE_STATEMENT.index("INSERT INTO `journal`")


def test_what_comes_before_is_lost_instead_where_that_can_be_seen(tmp_path: Path) -> None:
    """Nothing of the two main tables lies behind the first cut, and one of them behind the next."""
    last = "\n".join(f"INSERT INTO journal VALUES({number},'{'x' * 1000}');" for number in range(600))
    seen = "\n".join(f"INSERT INTO patient VALUES({number},'{'x' * 1000}');" for number in range(200))
    tables = "".join(f"CREATE TABLE {name} (id INT, texte TEXT);\n" for name in ("patient", "journal"))
    dump = f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{tables}{seen}\n{last}\nCOMMIT;\n"
    scenario = ASKS_TOO_LITTLE.replace('main = ["patient"]', "at_least = { patient = 200 }").replace(
        'may_shrink = ["patient"]\n', ""
    )

    evidence = drilled(tmp_path / "lab", "sqlite", scenario, dump.encode())

    _, cut = both(evidence)
    assert (cut.silent, cut.not_judged, cut.end_forged) == (False, "", True)
    assert "ROWS_BELOW_MINIMUM" in cut.raised
    assert (cut.kept_bytes or 0) < len(dump) // 16


@pytest.mark.parametrize(("option", "seen"), [("--compress=0", False), ("--compress=6", True)])
@pytest.mark.parametrize("place", postgresql.LOCAL)
def test_one_character_is_seen_where_contents_have_a_checksum_and_nowhere_else(
    place: postgresql.Place, option: str, *, seen: bool
) -> None:
    """One byte of a value is changed in an archive of pg_dump; the page says which of them would have told."""
    with place.machine(1024 * 1024) as machine:
        archive = archived(machine, place, option)
    at = len(archive) - 1500 if seen else archive.index(postgresql.SECRET.encode())
    dump = postgresql.ENGINE.recognise(archive[:HEAD_BYTES])
    assert dump is not None
    assert (dump.format, dump.compression) == ("custom", "gzip" if seen else "none")
    assert said_of_one_character(dump) is not seen

    with postgresql.restored(place, archive[:at] + bytes((archive[at] ^ 1,)) + archive[at + 1 :]) as back:
        damaged = {one.code for one in back.load.findings} & {Code.ARCHIVE_DAMAGED, Code.LOAD_ERRORS}
        assert bool(damaged) is seen
        assert seen or (back.tables == {"t": 500} and back.database.integrity().problems == ())
