"""Backups that real pg_dump made, broken in every way there is: each must be told. See `test_postgresql_restore.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from integration.postgresql_backups import (
    CIRCULAR,
    DOCTOR,
    LOCAL,
    NO_END,
    ROLES,
    TABLES,
    Place,
    backups,
    changed,
    found,
    restored,
)

from restore_lab.findings import Code, finding

DAMAGED: Final = finding(Code.ARCHIVE_DAMAGED, layer="custom")


@pytest.fixture(params=LOCAL)
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


def _after_toc(archive: bytes) -> int:
    """A place in the middle of the last block of data, past everything that describes it."""
    return len(archive) - 1500


BROKEN_ARCHIVES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut in the data": lambda whole: whole[: _after_toc(whole)],
    "cut in the contents": lambda whole: whole[:2000],
    "cut in the header": lambda whole: whole[:20],
    "only its magic": lambda whole: whole[:5],
    "through a text editor": lambda whole: whole.decode("latin-1").encode("utf-8"),
    "flipped in the data": lambda whole: whole[: _after_toc(whole)] + b"\x55\xaa\x00" + whole[_after_toc(whole) + 3 :],
    "of a version there is not": lambda whole: whole[:6] + b"\x63" + whole[7:],
}


@pytest.mark.parametrize("how", sorted(BROKEN_ARCHIVES))
def test_a_ruined_archive_is_damaged(place: Place, how: str) -> None:
    assert DAMAGED in found(place, BROKEN_ARCHIVES[how](backups(place)["custom"]))


@pytest.mark.parametrize("length", [1000, 20_000, -1024])
def test_a_cut_tar_archive_is_damaged_and_waits_for_nothing(place: Place, length: int) -> None:
    assert finding(Code.ARCHIVE_DAMAGED, layer="tar") in found(place, backups(place)["tar"][:length])


def test_an_archive_newer_than_the_server_is_not_called_damaged(place: Place) -> None:
    faked = backups(place)["custom"].replace(f"{place.series}.".encode(), b"19.")
    # from layout 1.15 on the compression, here at byte 11, is one byte in place of five
    rest = faked[12:] if faked[6] >= 15 else faked[16:]
    (newer,) = found(place, faked[:6] + b"\x63" + faked[7:11] + b"\x01" + rest)

    params = dict(newer.params)
    assert newer.code is Code.ENGINE_NOT_MATCHED
    assert str(params["used"]).startswith(f"{place.series}.")
    assert str(params["wanted"]).startswith("19.")


def test_a_dump_cut_inside_a_statement_fails(place: Place) -> None:
    plain = backups(place)["plain"]
    cut = plain[: plain.index(b"CREATE TABLE public.visits") + 40]

    errors, doctor, told, no_end = found(place, cut)
    assert (errors, doctor, no_end) == (finding(Code.LOAD_ERRORS, count=1, code="42601", subject=""), DOCTOR, NO_END)
    assert told.code is Code.DUMP_CUT  # by the line that lifts the restriction, which is not there


ROW: Final = b"\n10\tSecretname10\till\t"
BROKEN_ROWS: Final = {
    "duplicate key": (b"\n11\tSecretname10\till\t", {("23505", "patients_pkey"): 1, ("42830", ""): 1}, TABLES),
    "wrong type": (
        b"\nSecretname\tSecretname10\till\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
    "wrong label": (
        b"\n10\tSecretname10\tSecretname\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
    "missing column": (
        b"\nSecretname10\till\t",
        {("22P02", "patients"): 1, ("23503", "visits_patient_fkey"): 1},
        TABLES | {"patients": 0},
    ),
}


@pytest.mark.parametrize("how", sorted(BROKEN_ROWS))
def test_a_broken_row_fails_and_appears_nowhere(place: Place, how: str) -> None:
    row, codes, tables = BROKEN_ROWS[how]
    with restored(place, changed(backups(place)["plain"], ROW, row)) as back:
        (code, subject), *_ = codes
        assert back.load.findings == (finding(Code.LOAD_ERRORS, count=2, code=code, subject=subject), ROLES)
        assert back.codes == codes
        assert back.tables == tables


def test_a_failed_insert_is_not_repeated_in_the_record(place: Place) -> None:
    broken = changed(backups(place)["inserts"], b"VALUES (10, 'Secretname10'", b"VALUES (11, 'Secretname10'")

    errors = finding(Code.LOAD_ERRORS, count=2, code="23505", subject="patients_pkey")
    assert found(place, broken) == (errors, ROLES)


def test_a_reference_to_nobody_fails(place: Place) -> None:
    broken = changed(backups(place)["plain"], b"\n10\t10\ta ", b"\n10\t9999\ta ")

    errors = finding(Code.LOAD_ERRORS, count=1, code="23503", subject="visits_patient_fkey")
    assert found(place, broken) == (errors, ROLES)


def test_what_the_machine_lacks_is_not_the_backup_s_fault(place: Place) -> None:
    plain = backups(place)["plain"]
    collation = changed(plain, b"name text NOT NULL", b'name text COLLATE "xx_XX.utf8" NOT NULL')

    assert found(place, plain.replace(b"pg_trgm", b"postgis")) == (
        finding(Code.EXTENSION_ABSENT, name="postgis"),
        ROLES,
    )
    assert found(place, collation) == (finding(Code.COLLATION_ABSENT, name="xx_XX.utf8"), ROLES)


def test_a_setting_of_another_series_is_harmless(place: Place) -> None:
    newer = changed(backups(place)["plain"], b"SET lock_timeout = 0;", b"SET lock_timeout = 0;\nSET newer_timeout = 0;")

    assert found(place, newer) == (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ROLES)


def test_one_missing_role_in_a_transaction_of_its_own_loses_all(place: Place) -> None:
    wrapped = b"BEGIN;\n" + backups(place)["plain"] + b"\nCOMMIT;\n"
    with restored(place, wrapped) as back:
        assert Code.LOAD_ERRORS in {one.code for one in back.load.findings}
        assert back.tables == {}


def test_a_dump_that_ends_itself_is_stopped(place: Place) -> None:
    findings = found(place, b"\\set ON_ERROR_STOP on\n" + backups(place)["plain"])

    assert findings == (finding(Code.LOAD_STOPPED, code="exit 3", line=0), DOCTOR)


def test_bytes_of_no_known_encoding_come_back_as_they_were(place: Place) -> None:
    plain = changed(backups(place)["plain"], b"client_encoding = 'UTF8'", b"client_encoding = 'SQL_ASCII'")
    with restored(place, changed(plain, ROW, ROW.replace(b"Secretname10", b"Secretname\xe9"))) as back:
        assert back.load.findings == (ROLES, finding(Code.SETTING_NEEDED, setting="ENCODING SQL_ASCII"))
        assert back.tables == TABLES
        asked = "SELECT encode(substr(name, 11)::bytea, 'hex') FROM patients WHERE id = 10"
        assert back.database.query(asked) == [("e9",)]


@pytest.mark.parametrize(
    ("before", "code", "lost"),
    [
        (b"CREATE TABLE public.visits", "42601", {"visits"}),
        (b"10\tSecretname10", "22P02", set()),
    ],
)
def test_a_message_of_pg_dump_before_anything_else_loses_it(
    place: Place, before: bytes, code: str, lost: set[str]
) -> None:
    mixed = changed(backups(place)["plain"], before, CIRCULAR + before)
    with restored(place, mixed) as back:
        found = {one.code: dict(one.params) for one in back.load.findings}
        assert found[Code.LOAD_ERRORS]["code"] == code
        assert set(TABLES) - set(back.tables) == lost


def test_a_pg_dump_that_failed_and_said_so_at_the_end_fails(place: Place) -> None:
    plain = backups(place)["plain"]
    cut = plain[: plain.index(b"\nCOPY public.visits")] + b"\npg_dump: error: query failed: server closed\n"

    assert found(place, cut)[0] == finding(Code.LOAD_ERRORS, count=1, code="42601", subject="")


def test_utf_16_from_a_windows_shell_fails(place: Place) -> None:
    wide = ("\ufeff" + backups(place)["plain"].decode()).encode("utf-16-le")

    assert found(place, wide)[0] == finding(Code.LOAD_ERRORS, count=1, code="22021", subject="")
