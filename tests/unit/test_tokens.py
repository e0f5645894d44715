"""How SQL is read over in one go, on every Python that there may be."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import restore_lab
from restore_lab.engines.tokens import Dialect, run_of

_POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[\d,]+\})\+")


def test_no_group_is_repeated_possessively_without_an_end_that_fails_at_once() -> None:
    """Python before 3.11.5 would go on where the last alternative failed (CPython's gh-106052)."""
    seen = 0
    for path in Path(restore_lab.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        for found in _POSSESSIVE_GROUP.finditer(text):
            seen += 1
            assert text[: found.start()].endswith("|(?!)"), f"{path.name}: {text[found.start() - 40 : found.end()]}"
    assert seen > 5


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_run_ends_where_one_that_only_goes_back_would_end(dialect: Dialect) -> None:
    run = run_of(dialect, b";")
    atomic = re.compile(b"(?>" + run.pattern.removesuffix(b"|(?!))*+") + b")*)", re.DOTALL)
    chosen = random.Random(20)  # noqa: S311 - the same texts every time

    for _ in range(20_000):
        text = bytes(chosen.choice(b"ab-'\\\"`/*;#$E") for _ in range(chosen.randrange(14)))
        ours, theirs = run.match(text), atomic.match(text)
        assert ours is not None
        assert theirs is not None
        assert ours.end() == theirs.end(), text
