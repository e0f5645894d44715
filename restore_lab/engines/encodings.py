"""How the bytes of a dump stand for letters and lines: what a copy or a connection in the wrong mode did to them; pure.

Source: The Unicode Standard, section 3.10 (UTF-16, byte order mark).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MARKS: Final = ((b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE"))
_LOOKED_AT_BYTES: Final = 4096
#: Of plain text in 16 bits, nearly every other byte is 0.
_MOST_OTHER: Final = 0.1
#: « Ã » and the beginning of what followed it: an accented letter of UTF-8, taken for two letters and encoded again.
_TWICE: Final = b"\xc3\x83\xc2"
#: The first byte of an accented letter of Western Europe.
_ONCE: Final = b"\xc3"
_FEWEST: Final = 20
#: So many line feeds, each behind a carriage return, stand in no archive that was copied as it was.
_TELLING_LINE_FEEDS: Final = 8
#: All of a dump's first bytes are looked at, then every so manieth chunk.
_ALL_BYTES: Final = 32 * 1024 * 1024
_EVERY: Final = 8


def sixteen_bits(head: bytes) -> str:
    """Name the encoding of text in 16-bit units, by its mark or by the zeros between its letters; "" for other text."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    looked = head[: min(len(head), _LOOKED_AT_BYTES) // 2 * 2]
    even, odd = looked[::2], looked[1::2]
    for zeros, letters, name in ((odd, even, "UTF-16LE"), (even, odd, "UTF-16BE")):
        if letters and letters.count(0) == 0 and len(zeros) - zeros.count(0) <= _MOST_OTHER * len(zeros):
            return name
    return ""


def in_eight_bits(head: bytes, encoding: str) -> bytes:
    """Give text in 16-bit units as UTF-8, its line ends as they were; what is none becomes U+FFFD."""
    return head.decode(encoding, "replace").removeprefix("\ufeff").encode("utf-8", "replace")


def ends_as_windows(head: bytes) -> bool:
    """Tell whether the lines of a plain dump end with CR LF, as its beginning shows."""
    lines = head.count(b"\n")
    return lines > 0 and head.count(b"\r\n") * 2 > lines


def copied_as_text(head: bytes) -> bool:
    """Tell whether an archive was copied in text mode, which ruins it: no line feed without its carriage return."""
    feeds = head.count(b"\n")
    return feeds >= _TELLING_LINE_FEEDS and feeds == head.count(b"\r\n")


@dataclass(kw_only=True, slots=True)
class Letters:
    """Counts accented letters of a dump as it passes: those encoded `twice`, in what was looked at, and all others."""

    twice: int = 0
    once: int = 0
    _passed_bytes: int = 0
    _chunks: int = 0

    def look(self, chunk: bytes) -> None:
        """Read on."""
        self._passed_bytes += len(chunk)
        self._chunks += 1
        if self._passed_bytes <= _ALL_BYTES or self._chunks % _EVERY == 0:
            twice = chunk.count(_TWICE)
            self.twice += twice
            self.once += chunk.count(_ONCE) - twice

    @property
    def doubly_encoded(self) -> int:
        """How many letters are encoded twice; 0 where they are few, or fewer than those encoded rightly."""
        return self.twice if self.twice >= _FEWEST and self.twice > self.once else 0
