"""What every layer is read with: pieces as a file, and the one fault there is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from restore_lab.errors import RestoreLabError
from restore_lab.findings import Code

PIECE_BYTES = 1024 * 1024


class UnpackFault(RestoreLabError):
    """A layer could not be peeled: `code` is the finding it is, `layer` which one."""

    def __init__(self, code: Code, layer: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.layer = layer


@dataclass(slots=True)
class Reader(io.RawIOBase):
    """Pieces read as a file, exactly as many bytes as asked for while there are any."""

    pieces: Iterator[bytes]
    _held: bytes = b""

    def take(self, size: int) -> bytes:
        """Give the next `size` bytes, fewer only at the end."""
        while len(self._held) < size and (piece := next(self.pieces, b"")):
            self._held += piece
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        return self.take(PIECE_BYTES if size < 0 else size)

    def look(self, size: int) -> bytes:
        """Give the next `size` bytes and leave them there."""
        self._held = self.take(size) + self._held
        return self._held[:size]
