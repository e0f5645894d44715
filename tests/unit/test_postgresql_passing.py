"""A dump on its way to psql or pg_restore: where a tar archive ends, and which tablespaces it wants."""

from __future__ import annotations

import pytest

from restore_lab.engines.outline import Outline
from restore_lab.engines.postgresql.passing import ArchiveCut, Passing
from restore_lab.engines.tokens import Dialect


def tar(*sizes: int) -> bytes:
    members = (b"name".ljust(124, b"\0") + b"%011o\0" % size for size in sizes)
    blocks = (
        member.ljust(512, b"\0") + b"x" * -(-size // 512) * 512 for member, size in zip(members, sizes, strict=True)
    )
    return b"".join(blocks) + b"\0" * 1024


@pytest.mark.parametrize("step", [1, 100, 512, 5000])
def test_a_tar_archive_is_followed_to_its_end(step: int) -> None:
    whole = tar(0, 1, 512, 513, 2000)
    passing = Passing(is_tar=True)

    assert b"".join(passing.through(whole[at : at + step] for at in range(0, len(whole), step))) == whole
    assert passing.ended


@pytest.mark.parametrize("length", [0, 100, 512, 1300, 4000])
def test_a_tar_archive_that_is_cut_is_told_before_pg_restore_waits_for_ever(length: int) -> None:
    passing = Passing(is_tar=True)

    with pytest.raises(ArchiveCut):
        list(passing.through([tar(0, 1, 512, 513, 2000)[:length]]))


WANTS = b"""SET default_tablespace = '';
SET default_tablespace = DEFAULT;
CREATE TABLESPACE "Fast" OWNER postgres LOCATION '/srv/fast';
CREATE DATABASE cabinet WITH TEMPLATE = template0 ENCODING = 'UTF8' TABLESPACE = Slow;
CREATE TABLE note (tablespace text);
INSERT INTO note VALUES ('SET default_tablespace = none');
SET default_tablespace = third;
"""


@pytest.mark.parametrize("step", [1, 50, 5000])
def test_a_tablespace_is_made_before_the_client_reads_what_wants_it(step: int) -> None:
    made: list[tuple[str, int]] = []
    given = bytearray()
    passing = Passing(
        outline=Outline(dialect=Dialect.POSTGRESQL), make=lambda name: made.append((name, given.count(b";")))
    )

    for piece in passing.through(WANTS[at : at + step] for at in range(0, len(WANTS), step)):
        given += piece

    assert bytes(given) == WANTS
    assert [name for name, _ in made] == ["Fast", "slow", "third"]
    assert all(ended <= before for (_, ended), before in zip(made, (2, 3, 6), strict=True))
