"""A stream of bytes as a window that moves over it: what a reader of whole dumps stands on; bounded.

A reading is a generator that yields when it wants more: its decisions never depend on where the chunks were cut.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

Wait = Generator[None, None, None]


@dataclass(kw_only=True, slots=True)
class Window:
    """What of the stream lies ahead of `at`, and whether nothing will follow it."""

    data: bytes = b""
    at: int = 0
    ended: bool = False

    def move(self, chunk: bytes) -> None:
        """Drop what was read, and add a chunk."""
        rest = self.data[self.at :]
        self.data, self.at = (rest + chunk if rest else chunk), 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies ahead."""
        return self.at >= len(self.data)

    def starts(self, *words: bytes) -> bool:
        """Whether one of these lies directly ahead."""
        return self.data.startswith(words, self.at)

    def need(self, length: int) -> Wait:
        """Wait until so many bytes lie ahead, or the stream has ended."""
        while len(self.data) - self.at < length and not self.ended:
            yield

    def past(self, needle: bytes) -> Generator[None, None, bool]:
        """Pass everything over, up to and with `needle`; False when it is not there."""
        while (found := self.data.find(needle, self.at)) < 0:
            if self.ended:
                self.at = len(self.data)
                return False
            self.at = max(self.at, len(self.data) - len(needle) + 1)
            yield
        self.at = found + len(needle)
        return True
