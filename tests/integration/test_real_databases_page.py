"""`docs/real-databases.md` says what the tests of real databases declare, and names every file there is."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pytest
from integration import test_real_databases, test_real_in_pieces, test_real_wrapped
from integration.real_databases import REFUSED, RESTORED
from integration.real_rows import DDEV, DDEV_PG, Refused, Restored
from integration.real_wrappers import WRAPPERS
from needs import third_party

from restore_lab.evidence import Verdict
from restore_lab.findings import Code

HERE: Final = Path(__file__)
SHOWN: Final = (test_real_databases, test_real_wrapped, test_real_in_pieces)
PAGE: Final = HERE.parents[2] / "docs" / "real-databases.md"
#: What lies beside the data and is none.
BESIDE: Final = ("LICENSE", "README", "test_db-README")


@pytest.fixture
def data() -> Path:
    return third_party()


def figure(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def several(number: int, what: str) -> str:
    return f"{figure(number)} {what}{'' if number == 1 else 's'}"


def said_of(verdict: Verdict, codes: tuple[Code, ...]) -> str:
    return ": ".join(part for part in (verdict.value, ", ".join(f"`{code.value}`" for code in codes)) if part)


def row(name: str, one: Restored) -> tuple[str, ...]:
    host = " of the host" if one.machine == "local" and one.server[:6] != "SQLite" else ""
    holds = [f"{several(one.tables, 'table')}, {several(one.rows, 'row')}"]
    holds += [f"{table} {figure(rows)}" for table, rows in one.counts.items() if rows]
    holds += [several(number, kind.replace("_", " ")) for kind, number in one.objects]
    holds += [f"{asked.label} {asked.answer}" for asked in one.asked]
    return (
        f"`{name}`",
        end_to_end(one.files),
        f"{one.server}{host}, {'own series' if one.own_series else 'nearest'}",
        said_of(one.verdict, one.codes),
        "; ".join(holds),
        f"`{test_real_databases.test_a_real_database_comes_back_as_its_row_says.__name__}`",
    )


def end_to_end(files: tuple[str, ...]) -> str:
    """Name them; more than two are all the scripts of their folder."""
    if len(files) > 2:
        return f"`{files[0].rpartition('/')[0]}/*.sql`"
    return ", ".join(f"`{name}`" for name in files)


def refused_row(name: str, one: Refused) -> tuple[str, ...]:
    verdict = said_of(one.verdict, one.codes)
    return (f"`{name}`", end_to_end(one.files), f"not restored: {one.why}", verdict, one.holds, f"`{one.test}`")


def wrapped_row(name: str, folder: str, plain: str) -> tuple[str, ...]:
    shown = test_real_wrapped
    tests = (shown.test_a_wrapper_gives_the_dump_inside_it, shown.test_a_wrapped_dump_with_a_misleading_name_comes_back)
    return (
        f"`{name}`",
        f"`{folder}/users.*`",
        f"unpacked, then as `{plain}`",
        f"as `{plain}`",
        f"the bytes of `{plain}`, in each of {sum(one.startswith(folder) for one in WRAPPERS)} wrappers",
        ", ".join(f"`{test.__name__}`" for test in tests),
    )


def declared() -> list[tuple[str, ...]]:
    return [
        *(row(name, one) for name, one in RESTORED.items()),
        wrapped_row("ddev-wrapped", DDEV, "ddev-users"),
        wrapped_row("ddev-postgresql-wrapped", DDEV_PG, "ddev-postgresql-users"),
        *(refused_row(name, one) for name, one in REFUSED.items()),
    ]


def on_the_page() -> list[tuple[str, ...]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_page_says_what_the_tests_declare() -> None:
    wanted = ["| " + " | ".join(cells) + " |" for cells in declared()]

    assert ["| " + " | ".join(cells) + " |" for cells in on_the_page()] == wanted


def test_every_test_on_the_page_is_there() -> None:
    sources = (Path(str(module.__file__)).read_text("utf-8") for module in SHOWN)
    here = {node.name for text in sources for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    named = {name.strip("`") for cells in on_the_page() for name in cells[-1].split(", ")}

    assert named
    assert named <= here


@pytest.mark.data
def test_every_file_of_the_data_is_on_the_page(data: Path) -> None:
    patterns = {name.strip("`") for cells in on_the_page() for name in cells[1].split(", ")}
    files = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    beside = {name for name in files if name.startswith("groundtruth/") or Path(name).name.startswith(BESIDE)}

    assert {name for name in files - beside if not any(fnmatchcase(name, one) for one in patterns)} == set()
    assert {one for one in patterns if not any(fnmatchcase(name, one) for name in files)} == set()
