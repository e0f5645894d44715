"""Files the operator writes: every fault at once, each with file, line, key path, value and what was allowed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest

from restore_lab.errors import ConfigurationError
from restore_lab.secret import Secret
from restore_lab.settings import STRICT, LabPath, OneOf, line_of, read_toml, shipped


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    __pydantic_config__ = STRICT

    kind: Literal["disk"] = "disk"
    path: LabPath
    speed: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    __pydantic_config__ = STRICT

    kind: Literal["share"] = "share"
    host: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    __pydantic_config__ = STRICT

    title: str
    count: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    __pydantic_config__ = STRICT

    name: str
    where: Annotated[Disk | Share, OneOf({"disk": Disk, "share": Share})] | None = None
    check: tuple[Check, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    __pydantic_config__ = STRICT

    title: str
    item: tuple[Item, ...] = ()
    secret: Secret | None = None
    limits: dict[str, int] = field(default_factory=dict)


def read(tmp_path: Path, text: str) -> File:
    path = tmp_path / "file.toml"
    path.write_text(text, "utf-8")
    return read_toml(path, File, root=tmp_path)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    return [line.removeprefix(f"{tmp_path}/") for line in caught.value.message.splitlines()]


GOOD = """\
title = "good"

[[item]]
name = "one"
[item.where]
kind = "disk"
path = "backups"
[[item.check]]
title = "a"
[[item.check]]
title = "b"
count = 2

[[item]]
name = "two"
where = { kind = "share", host = "nas" }
"""


def test_a_good_file_becomes_frozen_types(tmp_path: Path) -> None:
    seen = read(tmp_path, GOOD)

    assert seen.item[0].where == Disk(path=tmp_path / "backups")
    assert seen.item[1].where == Share(host="nas")
    assert [check.count for check in seen.item[0].check] == [0, 2]


def test_an_absolute_path_stays_and_a_home_is_the_operators(tmp_path: Path) -> None:
    seen = read(tmp_path, GOOD.replace('"backups"', '"/srv/backups"')).item[0].where
    home = read(tmp_path, GOOD.replace('"backups"', '"~/backups"')).item[0].where

    assert (seen, home) == (Disk(path=Path("/srv/backups")), Disk(path=Path("~/backups").expanduser()))


def test_every_fault_comes_at_once_with_line_path_value_and_what_was_allowed(tmp_path: Path) -> None:
    text = GOOD.replace("count = 2", 'count = "many"').replace('host = "nas"', "hast = 1").replace('"good"', "7")
    text = text.replace('title = "a"', 'titel = "a"') + "limit = 3\n"

    seen = faults(tmp_path, text)

    assert "file.toml:1: title = 7: input should be a valid string" in seen
    assert "file.toml:9: item[0].check[0].titel = 'a': unknown key" in seen
    assert "file.toml:8: item[0].check[0].title: required, but absent" in seen
    assert any(line.startswith("file.toml:12: item[0].check[1].count = 'many': ") for line in seen)
    assert "file.toml:16: item[1].where.hast = 1: unknown key" in seen
    assert "file.toml:16: item[1].where.host: required, but absent" in seen
    assert "file.toml:17: item[1].limit = 3: unknown key" in seen
    assert len(seen) == 7


def test_an_unknown_driver_is_told_which_there_are(tmp_path: Path) -> None:
    (seen,) = faults(tmp_path, GOOD.replace('kind = "disk"', 'kind = "tape"'))

    assert seen.startswith("file.toml:")
    assert "item[0].where" in seen
    assert "'disk', 'share'" in seen


def test_an_unknown_table_is_an_unknown_key(tmp_path: Path) -> None:
    assert faults(tmp_path, 'title = "x"\n\n[unheard]\nof = 1\n') == ["file.toml:3: unheard: unknown key"]


def test_a_file_that_is_no_toml_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (seen,) = faults(tmp_path, 'title = "x\n')
    assert seen.startswith("file.toml: not valid TOML: ")
    assert "line 1" in seen
    with pytest.raises(ConfigurationError, match="No such file"):
        read_toml(tmp_path / "absent.toml", File, root=tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"\n')
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        read_toml(tmp_path / "latin.toml", File, root=tmp_path)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["title"], 1),
        (["item", 0], 3),
        (["item", 0, "name"], 4),
        (["item", 0, "where", "kind"], 6),
        (["item", 0, "check", 0, "title"], 9),
        (["item", 0, "check", 1, "count"], 12),
        (["item", 1, "name"], 15),
        (["item", 1, "where", "host"], 16),
        (["nowhere"], 1),
    ],
)
def test_a_key_path_has_a_line(keys: list[str | int], line: int) -> None:
    assert line_of(GOOD, keys) == line


def test_a_dotted_key_has_a_line() -> None:
    assert line_of('title = "x"\nlimits.rows = 3\n', ["limits", "rows"]) == 2


@pytest.mark.parametrize(
    "secret", ["{}", '{ env = "A", file = "b" }', '{ env = "A", prompt = true }', "{ command = [] }"]
)
def test_a_secret_names_one_thing_it_can_come_from(tmp_path: Path, secret: str) -> None:
    assert faults(tmp_path, f'title = "x"\nsecret = {secret}\n')


def test_a_secret_written_into_the_file_is_not_shown(tmp_path: Path) -> None:
    (seen,) = faults(tmp_path, 'title = "x"\nsecret = "hunter2"\n')

    assert seen.startswith("file.toml:2: secret")
    assert "hunter2" not in seen


def test_what_is_shipped_is_found() -> None:
    assert (shipped("scenarios") / "annual" / "scenario.toml").is_file()
    assert os.access(shipped("images"), os.R_OK)
