"""The characters the shipped fonts can draw, and text from data brought down to them.

A character without glyph makes a PDF/A impossible, so every string that comes from outside passes through here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

#: What stands for a character that cannot be drawn.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

#: A run this long without a place to break is given one, so that it cannot leave its column.
LONGEST_RUN = 26

BREAK = "\N{ZERO WIDTH SPACE}"
_BREAK_AFTER = frozenset("_-./:@,;|")
_KEPT = frozenset((REPLACEMENT, BREAK))


@cache
def repertoire() -> frozenset[str]:
    """Give every character all the shipped fonts can draw; `fonts/repertoire.txt` lists them as ranges."""
    lines = resources.files("restore_lab.report").joinpath("fonts/repertoire.txt").read_text("ascii").split()
    ranges = (line.split("-") for line in lines)
    return frozenset(chr(point) for first, last in ranges for point in range(int(first, 16), int(last, 16) + 1))


def printable(text: str, limit: int = 160) -> str:
    """Give `text` with only characters that can be drawn, on one line, at most `limit` of them."""
    drawn = drawable(unicodedata.normalize("NFC", text[: limit * 4])).replace(BREAK, "")
    drawn = re.sub(" +", " ", drawn).strip()
    return drawn if len(drawn) <= limit else drawn[: limit - 1] + "…"


def drawable(text: str) -> str:
    """Give `text` with every character that cannot be drawn replaced; invisible places to break stay."""
    known = repertoire()
    return "".join(
        char if char in known or char in _KEPT else " " if char in "\t\r\n" else REPLACEMENT for char in text
    )


def breakable(text: str) -> str:
    """Give `text` with invisible places to break inside its long runs, for names without spaces."""
    return " ".join(_with_breaks(word) if len(word) > LONGEST_RUN else word for word in text.split(" "))


def _with_breaks(word: str) -> str:
    pieces: list[str] = []
    since = 0
    for char in word:
        pieces.append(char)
        since += 1
        if char in _BREAK_AFTER or since >= LONGEST_RUN:
            pieces.append(BREAK)
            since = 0
    return "".join(pieces).removesuffix(BREAK)
