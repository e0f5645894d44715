"""Backups that real pg_dump made, into real throwaway servers of every series: what comes back, what is found.

Every kind of broken backup must be told; the intact one beside it must not: `test_postgresql_broken.py`. What questions
find in a server that came back, or was fought over: `test_postgresql_questions.py`. Backups of others:
`test_postgresql_third_party.py`.
"""

from __future__ import annotations

from typing import Final

import pytest
from integration.postgresql_backups import (
    CIRCULAR,
    CONTAINERS,
    ELSEWHERE,
    ENGINE,
    FORGED,
    LOCAL,
    NO_END,
    OBJECTS,
    ROLES,
    SOME,
    TABLES,
    Place,
    backups,
    restored,
)

from restore_lab.findings import Code, Finding, finding


@pytest.fixture(params=LOCAL)
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=LOCAL + CONTAINERS)
def any_place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=SOME)
def some_place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["custom", "tar", "plain", "inserts"])
def test_a_whole_backup_comes_back_whole(any_place: Place, kind: str) -> None:
    with restored(any_place, backups(any_place)[kind]) as back:
        assert back.load.findings == (ROLES,)
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.objects == OBJECTS
        assert back.database.server_version.startswith(f"{any_place.series}.")
        integrity = back.database.integrity()
        assert integrity.problems == ()
        assert integrity.asked >= len(TABLES)
        # what amcheck needed is gone again
        assert back.database.inventory() == back.inventory
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'patients'"
        assert back.database.query(owner) == [("doctor",)]
        granted = "SELECT has_table_privilege('the secretary', 'visits', 'SELECT')::text"
        assert back.database.query(granted) == [("true",)]
        assert ENGINE.attach(back.machine, any_place.server).query("SELECT count(*) FROM patients") == [("500",)]


WHOLE: Final[dict[str, tuple[Finding, ...]]] = {
    "create": (ROLES, ELSEWHERE),
    "clean": (finding(Code.LOAD_ERRORS_HARMLESS, count=21), ROLES),
    "cluster": (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ELSEWHERE),
    "cluster clean": (finding(Code.LOAD_ERRORS_HARMLESS, count=5), ELSEWHERE),
    "read-only": (ROLES, finding(Code.SETTING_NEEDED, setting="default_transaction_read_only"), ELSEWHERE),
    "read-only cluster": (finding(Code.LOAD_ERRORS_HARMLESS, count=1), ELSEWHERE),
}


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_data_are_found_whatever_the_dump_does_around_them(place: Place, kind: str) -> None:
    with restored(place, backups(place)[kind]) as back:
        assert back.load.findings == WHOLE[kind]
        assert back.tables == TABLES
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]
        assert back.database.integrity().problems == ()
        assert back.objects.get("role", 0) == (2 if "cluster" in kind else 0)


def test_roles_alone_are_no_table(place: Place) -> None:
    with restored(place, backups(place)["globals"]) as back:
        assert back.load.findings == (finding(Code.LOAD_ERRORS_HARMLESS, count=1),)
        assert back.tables == {}
        assert back.objects == {"role": 2}


@pytest.mark.parametrize("kind", ["plain", "inserts"])
@pytest.mark.parametrize("forged", [b"", FORGED], ids=["cut", "forged end"])
def test_a_dump_cut_between_statements_is_told_whatever_its_last_line_says(
    some_place: Place, kind: str, forged: bytes
) -> None:
    whole = backups(some_place)[kind]
    at = whole.index(b"\n--\n-- Data for Name: visits; Type: TABLE DATA")
    # PostgreSQL's releases of August 2025 and later put their dumps between two lines of their own
    bare = b"\n".join(line for line in whole[:at].split(b"\n") if not line.startswith(b"\\restrict"))
    # without them, the last table without its rows is what leaving it out would look like too
    for cut, code, missing in ((whole[:at], Code.DUMP_CUT, 2), (bare, Code.CONTENTS_ABSENT, 1)):
        if code is Code.DUMP_CUT and cut == bare:
            continue
        with restored(some_place, cut + forged) as back:
            told = [
                one
                for one in back.load.findings
                if one.code in {Code.DUMP_CUT, Code.CONTENTS_ABSENT, Code.END_MARK_ABSENT}
            ]
            params = dict(told[0].params)
            assert (told[0].code, params["missing"]) == (code, missing)
            assert params["subject"] == "visits"
            assert told[1:] == ([] if forged else [NO_END])
            assert back.tables == TABLES | {"visits": 0}


@pytest.mark.parametrize("kind", ["plain", "cluster"])
def test_a_message_of_pg_dump_before_the_first_statement_costs_nothing(some_place: Place, kind: str) -> None:
    with restored(some_place, CIRCULAR + backups(some_place)[kind]) as back:
        harmless = 1 if kind == "plain" else 2
        assert back.load.findings[0] == finding(Code.LOAD_ERRORS_HARMLESS, count=harmless)
        assert back.codes == {}
        assert back.tables == TABLES


@pytest.mark.parametrize("change", [b"NOLOGIN", b"NOSUPERUSER"])
def test_a_dump_cannot_name_our_own_roles(some_place: Place, change: bytes) -> None:
    takes_them = b"".join(
        b"CREATE ROLE %b;\nALTER ROLE %b WITH %b;\n" % (role, role, change)
        for role in (b"restore_lab_admin", b"restore_lab_reader")
    )
    with restored(some_place, takes_them + backups(some_place)["plain"]) as back:
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.objects["role"] == 2
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]


def test_a_dump_that_makes_the_first_superuser_none_comes_back_whole(some_place: Place) -> None:
    with restored(some_place, b"ALTER ROLE postgres WITH NOSUPERUSER;\n" + backups(some_place)["cluster"]) as back:
        assert back.codes == {}
        assert back.tables == TABLES
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'visits'"
        assert back.database.query(owner) == [("postgres",)]


@pytest.mark.parametrize("change", [b"NOLOGIN", b"CONNECTION LIMIT 0", b"NOSUPERUSER"])
def test_what_a_dump_does_to_the_first_superuser_at_its_end_changes_nothing(some_place: Place, change: bytes) -> None:
    with restored(some_place, backups(some_place)["plain"] + b"\nALTER ROLE postgres WITH " + change + b";\n") as back:
        assert back.codes == {}
        assert back.tables == TABLES
        assert back.database.query("SELECT count(*) FROM patients") == [("500",)]
