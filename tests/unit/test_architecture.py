"""ARCHITECTURE.md names every module once, and the order in which they may import each other."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def _section(title: str) -> str:
    assert TEXT.count(f"\n## {title}\n") == 1
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _says_more_than_a_docstring(path: Path) -> bool:
    return len(ast.parse(path.read_text("utf-8")).body) > 1 or path.name != "__init__.py"


def test_every_module_is_listed_once_and_nothing_else() -> None:
    listed = Counter(re.findall(r"^- `(restore_lab/[^`]+\.py)`: \S", _section("Modules"), re.MULTILINE))
    modules = (path for path in (ROOT / "restore_lab").rglob("*.py") if _says_more_than_a_docstring(path))
    there = {path.relative_to(ROOT).as_posix() for path in modules}
    assert sorted(there - set(listed)) == [], "give each of these its line in ARCHITECTURE.md"
    assert sorted(set(listed) - there) == [], "these are no more: take their lines out of ARCHITECTURE.md"
    assert [name for name, times in listed.items() if times > 1] == []


def test_the_order_printed_is_the_one_that_lint_checks() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (layers,) = [one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    block = re.search(r"^```text\n(.*?)^```$", _section("Order of imports"), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert block.group(1).split("\n")[:-1] == layers["layers"]
