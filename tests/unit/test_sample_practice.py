from __future__ import annotations

import hashlib
import io
import sqlite3
import tracemalloc
from collections import Counter
from contextlib import closing
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from restore_lab.errors import EngineFailed, UsageError
from restore_lab.sample_practice import (
    NUMBER_STEM,
    STEM,
    TABLES,
    Dialect,
    Practice,
    backup_sqlite,
    expected_counts,
    roles_sql,
    sql_script,
    write_sqlite,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from restore_lab.sample_practice.rows import Value

DAY = date(2026, 3, 12)
PRACTICE = Practice(seed=7, day=DAY)
# text columns whose few values the schema itself gives away
VOCABULARY = {
    ("parametre", "cle"),
    ("utilisateur", "fonction"),
    ("patient", "sexe"),
    ("rendez_vous", "statut"),
    ("biologie", "examen"),
    ("biologie", "unite"),
    ("document", "type_mime"),
    ("document", "empreinte_sha256"),
    ("courrier", "statut"),
    ("historique", "nom_table"),
    ("historique", "action"),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("practice") / "cabinet.db"
    write_sqlite(path, seed=7, day=DAY)
    return path


@pytest.fixture(scope="module")
def cells() -> list[tuple[str, str, Value]]:
    return list(values(PRACTICE))


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        yield opened


def values(practice: Practice) -> Iterator[tuple[str, str, Value]]:
    for table in TABLES:
        for row in table.rows(practice):
            for column, value in zip(table.columns, row, strict=True):
                yield table.name, column, value


def consultation_times(practice: Practice) -> list[datetime]:
    (table,) = (table for table in TABLES if table.name == "consultation")
    at = table.columns.index("commencee_le")
    return [moment for row in table.rows(practice) if isinstance(moment := row[at], datetime)]


def digest(cells: Iterable[tuple[str, str, Value]]) -> str:
    seen = hashlib.sha256()
    for cell in cells:
        seen.update(repr(cell).encode())
    return seen.hexdigest()


def test_same_inputs_give_the_same_content(cells: list[tuple[str, str, Value]]) -> None:
    assert digest(cells) == digest(values(Practice(seed=7, day=DAY)))


def test_rows_are_the_same_on_any_machine(cells: list[tuple[str, str, Value]]) -> None:
    # a JPEG's bytes, size and digest belong to the encoder's release
    encoded = {"contenu", "empreinte_sha256", "taille_octets"}
    assert (
        digest(cell for cell in cells if cell[1] not in encoded)
        == "2be90aa66731243eaa9d08cb2beddf5fbab1d9309663fd1fa37d88d15713a9e7"
    )


def test_another_seed_gives_other_content(cells: list[tuple[str, str, Value]]) -> None:
    assert digest(cells) != digest(values(Practice(seed=8, day=DAY)))


@pytest.mark.parametrize("dialect", Dialect)
def test_script_is_the_same_twice(dialect: Dialect) -> None:
    first, second = (b"".join(sql_script(dialect, seed=7, day=DAY, patients=20)) for _ in range(2))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


@pytest.mark.parametrize(
    ("day", "newest"),
    [
        (date(2026, 3, 12), datetime(2026, 3, 11, 18, 45)),  # noqa: DTZ001 - the practice's own clock
        (date(2026, 3, 13), datetime(2026, 3, 12, 18, 45)),  # noqa: DTZ001
        (date(2026, 3, 15), datetime(2026, 3, 14, 12, 15)),  # noqa: DTZ001
        (date(2026, 3, 16), datetime(2026, 3, 14, 12, 15)),  # noqa: DTZ001
        (date(2026, 1, 1), datetime(2025, 12, 31, 18, 45)),  # noqa: DTZ001
    ],
)
@pytest.mark.parametrize("patients", [1, 150])
def test_newest_consultation_ends_the_last_opening_day(day: date, newest: datetime, patients: int) -> None:
    assert max(consultation_times(Practice(seed=7, day=day, patients=patients))) == newest


def test_tomorrow_adds_to_today() -> None:
    tomorrow = Practice(seed=7, day=DAY + timedelta(days=1))
    for table in TABLES:
        before, after = list(table.rows(PRACTICE)), list(table.rows(tomorrow))
        assert after[: len(before)] == before


@pytest.mark.parametrize("day", [DAY, date(2026, 3, 16), date(2026, 1, 1), date(2024, 2, 29)])
def test_nothing_is_dated_in_the_future(day: date) -> None:
    start = datetime.combine(day, time())
    for table, column, value in values(Practice(seed=7, day=day, patients=20)):
        if isinstance(value, datetime):
            assert value < start, (table, column)
        elif isinstance(value, date):
            assert value < day, (table, column)


@pytest.mark.parametrize("patients", [1, 150])
def test_every_closed_month_has_consultations(patients: int) -> None:
    seen = {(moment.year, moment.month) for moment in consultation_times(Practice(seed=3, day=DAY, patients=patients))}
    assert seen == {(year, month) for year in range(2020, 2027) for month in range(1, 13) if (year, month) <= (2026, 3)}


def test_consultations_fall_in_opening_hours_in_order() -> None:
    moments = consultation_times(PRACTICE)
    assert all(earlier < later for earlier, later in pairwise(moments))
    for moment in moments:
        assert moment.weekday() < 6
        assert time(8) <= moment.time() <= (time(12, 15) if moment.weekday() == 5 else time(18, 45))


def test_patients_are_seen_about_25_to_40_times(connection: sqlite3.Connection) -> None:
    seen = Counter(row[0] for row in connection.execute("SELECT patient_id FROM consultation"))
    assert len(seen) == 150
    assert min(seen.values()) > 15
    assert max(seen.values()) < 55
    assert sum(25 <= count <= 40 for count in seen.values()) > 110


def test_every_text_carries_a_stem(cells: list[tuple[str, str, Value]]) -> None:
    for table, column, value in cells:
        if isinstance(value, str) and (table, column) not in VOCABULARY:
            assert STEM in value or NUMBER_STEM in value, (table, column, value)


@pytest.mark.parametrize("column", ["nom", "prenom", "adresse", "commune", "courriel", "observation", "nom_fichier"])
def test_words_carry_the_word_stem(cells: list[tuple[str, str, Value]], column: str) -> None:
    seen = [value for _, name, value in cells if name == column and value is not None]
    assert seen
    assert all(isinstance(value, str) and STEM in value for value in seen)


@pytest.mark.parametrize("column", ["nir", "telephone", "rpps", "numero_dossier", "numero"])
def test_numbers_carry_the_number_stem(cells: list[tuple[str, str, Value]], column: str) -> None:
    seen = [value for _, name, value in cells if name == column and value is not None]
    assert seen
    assert all(isinstance(value, str) and NUMBER_STEM in value for value in seen)


def test_nothing_but_the_rows_carries_a_stem(cells: list[tuple[str, str, Value]]) -> None:
    schemas = [files("restore_lab.sample_practice") / f"schema_{name}.sql" for name in ("sqlite", *Dialect)]
    texts = [schema.read_text(encoding="utf-8") for schema in schemas] + [roles_sql(dialect) for dialect in Dialect]
    texts += [f"{table.name} {table.columns}" for table in TABLES]
    for text in texts:
        assert STEM not in text.lower()
        assert NUMBER_STEM not in text
    for table, column, value in cells:
        if (table, column) in VOCABULARY and column != "empreinte_sha256":
            assert STEM not in str(value)


def test_text_is_hard_to_escape_and_some_is_missing(cells: list[tuple[str, str, Value]]) -> None:
    texts = {value for _, _, value in cells if isinstance(value, str)}
    for hard in ("'", '"', "\\", "\n", "\t", "é", "œ", "🩺", "’"):
        assert any(hard in text for text in texts), hard
    assert any(value is None for _, _, value in cells)


def test_documents_are_what_their_row_says(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT type_mime, taille_octets, empreinte_sha256, contenu FROM document").fetchall()
    kinds = Counter(row[0] for row in rows)
    assert 35 <= kinds["application/pdf"] <= 50
    assert 15 <= kinds["image/jpeg"] <= 25
    for kind, size, sha256, content in rows:
        assert len(content) == size
        assert hashlib.sha256(content).hexdigest() == sha256
        assert STEM.encode() in content
        assert NUMBER_STEM.encode() in content
        if kind == "application/pdf":
            assert content.startswith(b"%PDF-")
            start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
            assert content[start : start + 4] == b"xref"
        else:
            assert 3_000 <= size <= 6_500
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert image.format == "JPEG"


def test_sqlite_file_holds_every_row_and_keeps_every_promise(connection: sqlite3.Connection, database: Path) -> None:
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    counted = {
        table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608
        for table in TABLES
    }
    assert counted == expected_counts(7, DAY)
    assert 2_000_000 < database.stat().st_size < 4_200_000


def test_sqlite_file_has_its_views_triggers_and_generated_column(
    connection: sqlite3.Connection, database: Path, tmp_path: Path
) -> None:
    assert connection.execute("SELECT sum(nombre) FROM vue_derniere_consultation").fetchone()[0] > 4_000
    assert connection.execute("SELECT count(*) FROM vue_biologie_anormale").fetchone()[0] > 100
    assert connection.execute("SELECT count(*) FROM patient WHERE nom_complet <> nom || ' ' || prenom").fetchone() == (
        0,
    )
    backup_sqlite(database, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        before = copy.execute("SELECT count(*) FROM historique").fetchone()[0]
        copy.execute("UPDATE consultation SET motif = motif WHERE id = 1")
        assert copy.execute("SELECT count(*) FROM historique").fetchone()[0] == before + 1
        with pytest.raises(sqlite3.IntegrityError, match="ne se supprime pas"):
            copy.execute("DELETE FROM patient")


def test_backup_is_the_database(connection: sqlite3.Connection, database: Path, tmp_path: Path) -> None:
    backup_sqlite(database, tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert list(copy.iterdump()) == list(connection.iterdump())


def test_nothing_is_overwritten(database: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"mine")
    with pytest.raises(UsageError, match="kept is already there"):
        write_sqlite(kept, seed=7, day=DAY, patients=1)
    with pytest.raises(UsageError, match="kept is already there"):
        backup_sqlite(database, kept)
    assert kept.read_bytes() == b"mine"


def test_backup_of_nothing_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"could not back up absent\.db: SQLITE_CANTOPEN"):
        backup_sqlite(tmp_path / "absent.db", tmp_path / "target.db")
    assert list(tmp_path.iterdir()) == []


def test_practice_without_patients_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one patient, got 0"):
        expected_counts(7, DAY, 0)


def test_script_is_refused_before_its_first_byte() -> None:
    with pytest.raises(UsageError):
        sql_script(Dialect.MARIADB, seed=7, day=DAY, patients=0)


def test_memory_stays_flat_however_many_patients() -> None:
    script = sql_script(Dialect.POSTGRESQL, seed=7, day=DAY, patients=3_000)
    read = 0
    tracemalloc.start()
    try:
        while read < 5_000_000:
            chunk = next(script)
            assert len(chunk) < 1_000_000
            read += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
