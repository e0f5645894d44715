"""Sentences that drivers return or raise, read out of their code; the words on a page of the report."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from restore_lab import sandboxes
from restore_lab.checks import http
from restore_lab.report.blocks import Facts, Section, Table
from restore_lab.sandboxes.container import docker_engine

SANDBOXES_FOLDER = Path(next(iter(sandboxes.__path__)))
ENGLISH = re.compile(r"\b(the|is|not|host|no|first|machine was|image list|read-only|bytes|neither|install)\b")


def sentences_of(path: Path, *functions: str) -> Iterator[str]:
    """Give every sentence that those functions return or raise, `x` standing for what is set into it."""
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef) and function.name in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Return):
                    yield from sentence(node.value)
                elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    hints = [one.value for one in node.exc.keywords if one.arg == "hint"]
                    parts = [text for part in (*node.exc.args, *hints) for text in sentence(part)]
                    yield "; ".join(parts)


def sentence(node: ast.expr | None) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            text = "".join(part.value if isinstance(part, ast.Constant) else "x" for part in parts)  # type: ignore[misc]
            if re.search(r"\w{2}", text):
                yield text


def lacks() -> list[str]:
    lab = Path(next(iter(sandboxes.__path__))).parent / "lab.py"
    drivers = [
        text
        for name in ("container/driver.py", "local/driver.py", "raspberry_pi/lending.py")
        for text in sentences_of(SANDBOXES_FOLDER / name, "lacks")
    ]
    engine = sentences_of(Path(docker_engine.__file__), "socket_path", "reached")
    return [*drivers, *engine, *sentences_of(lab, "refuses")]


def why_applications_fail() -> list[str]:
    package = SANDBOXES_FOLDER.parent
    raised = (
        ("application.py", "_running", "_login", "_fail_unless_closed"),
        ("sandboxes/container/driver.py", "beside", "command", "relay"),
        ("sandboxes/container/egress.py", "tried"),
    )
    said = [text for name, *functions in raised for text in sentences_of(package / name, *functions)]
    return [*(text.partition("; ")[0] for text in said), *http._WITHOUT_PAGE.values()]


def words_in(sections: tuple[Section, ...]) -> Iterator[str]:
    for block in (block for section in sections for block in section.blocks):
        match block:
            case Table(rows=rows, columns=columns):
                yield from columns
                for row in rows:
                    yield from row
            case Facts(facts=facts):
                for one in facts:
                    yield from (one.label, one.value)
