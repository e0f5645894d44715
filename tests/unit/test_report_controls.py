"""The auditor's table of negative controls: what was lost, what came of it, and what no control can see."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from restore_lab.evidence import RestoreRecord
from restore_lab.report.auditor_controls import control_section
from restore_lab.report.blocks import Note, Table
from restore_lab.report.wording import wording_for
from restore_lab.restored import DumpRecord
from restore_lab.tried import ControlRecord, NotJudged

FR: Final = wording_for("fr", "Europe/Paris")
SQL: Final = DumpRecord(
    engine="mariadb",
    format="sql",
    vendor="mariadb",
    version="11.8",
    tool="mariadb-dump 11.8",
    layers=(),
    compression="",
)
CUSTOM: Final = replace(SQL, engine="postgresql", format="custom", compression="gzip")
CUT: Final = ControlRecord(
    name="cut",
    expected=("DUMP_CUT",),
    raised=("DUMP_CUT",),
    silent=False,
    seconds=2.0,
    kept_bytes=1_300_000,
    end_forged=True,
)
SPOILT: Final = ControlRecord(
    name="spoilt",
    expected=("TABLE_EMPTY",),
    raised=("TABLE_EMPTY",),
    silent=False,
    seconds=1.0,
    emptied="consultation",
    emptied_rows=4866,
    index="par_date",
    routine="age",
)
ONE_CHARACTER: Final = "Une altération d'un caractère ne serait pas vue dans ce format."


def section(*controls: ControlRecord, dump: DumpRecord = SQL) -> tuple[list[str], str]:
    """What is printed: the rows of the table, and the sentence below it."""
    shown = control_section(RestoreRecord(restore_id="r", place="p", dump=dump, controls=controls), FR).blocks
    rows = [" | ".join(row) for block in shown if isinstance(block, Table) for row in block.rows]
    notes = [block.text for block in shown if isinstance(block, Note)]
    assert len(notes) <= 1
    return [plain(row) for row in rows], plain("".join(notes))


def plain(text: str) -> str:
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\xa0", " ").replace("\u202f", " ")


def test_a_forged_end_is_said_only_where_one_was_forged() -> None:
    ((forged,), _) = section(CUT)
    ((archive,), _) = section(replace(CUT, end_forged=False), dump=CUSTOM)

    assert forged.startswith(
        "Début de la sauvegarde (1,3 Mo), coupé entre deux instructions, fin refaite. Restauré sur"
    )
    assert archive.startswith("Début de la sauvegarde (1,3 Mo), coupé net, sans fin refaite. Restauré sur")


def test_what_was_taken_out_is_named() -> None:
    ((row,), _) = section(SPOILT)

    assert row.startswith(
        "Plus grande table vidée : consultation (4 866 lignes). Index retiré : par_date. Routine retirée : age. |"
    )


def test_a_larger_table_that_nothing_counts_is_named_too() -> None:
    ((row,), _) = section(replace(SPOILT, larger="ligne_ordonnance", index="", routine=""))

    assert row.startswith(
        "Table vidée : consultation (4 866 lignes), la plus grande de celles que le test compte."
        " Plus grande encore, mais non comptée : ligne_ordonnance. |"
    )


def test_what_an_engine_takes_out_besides_is_said() -> None:
    ((postgresql,), _) = section(SPOILT, dump=CUSTOM)
    ((sqlite,), _) = section(SPOILT, dump=replace(SQL, engine="sqlite", format="file"))
    ((documents,), _) = section(replace(SPOILT, emptied="pdf", index="", routine=""), dump=replace(SQL, engine="files"))

    assert "Tables qui s'y rattachent vidées avec elle." in postgresql
    assert "Déclencheurs retirés, dont age." in sqlite
    assert documents.startswith("Tous les documents d'une classe retirés : documents PDF. |")


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        ("copy_held", "contrôle non effectué : copie gardée"),
        ("already_found", "non jugé : des défauts ont déjà été trouvés dans la sauvegarde entière"),
        ("nothing_to_lose", "contrôle non effectué : il n'y avait rien à perdre"),
        ("nothing_lost", "non jugé : le début gardé contient tout ce qui est compté"),
        ("cut_refused", "non jugé : le début gardé n'a pas pu être chargé"),
    ],
)
def test_what_was_not_judged_is_never_printed_as_seen(reason: NotJudged, result: str) -> None:
    ((row,), _) = section(replace(CUT, raised=(), not_judged=reason))

    assert row.split(" | ")[2] == result


def test_seen_and_silent_stand_as_they_are() -> None:
    rows, _ = section(CUT, replace(SPOILT, silent=True))

    assert [row.split(" | ")[2] for row in rows] == ["vue", "RESTÉ MUET : non vue"]


def test_a_record_of_an_older_release_says_no_more_than_it_knows() -> None:
    rows, note = section(
        replace(CUT, kept_bytes=None, end_forged=None),
        replace(SPOILT, emptied="", index="", routine=""),
        dump=replace(CUSTOM, compression=None),
    )

    assert rows[0].startswith("début de la sauvegarde restauré sur une seconde machine |")
    assert rows[1].startswith("une table vidée, un index et une routine retirés |")
    assert note == ""


@pytest.mark.parametrize(
    "dump",
    [
        SQL,
        replace(CUSTOM, compression="none"),
        replace(CUSTOM, compression="lz4"),
        replace(CUSTOM, compression="zstd"),
        replace(CUSTOM, format="tar", compression=""),
        replace(SQL, engine="sqlite", format="file", layers=("tar",)),
    ],
)
def test_where_one_character_would_not_be_seen_it_is_said(dump: DumpRecord) -> None:
    assert section(CUT, dump=dump)[1] == ONE_CHARACTER


@pytest.mark.parametrize(
    "dump",
    [
        CUSTOM,
        replace(SQL, layers=("gzip",)),
        replace(SQL, layers=("tar", "bzip2")),
        replace(SQL, layers=("xz",)),
        replace(SQL, engine="files", format="zip"),
    ],
)
def test_where_a_checksum_would_show_it_nothing_is_said(dump: DumpRecord) -> None:
    assert section(CUT, dump=dump)[1] == ""
