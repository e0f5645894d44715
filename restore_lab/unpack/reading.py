"""What every layer is read with: pieces as a file, the files that an archive holds, and the one fault there is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restore_lab.errors import RestoreLabError
from restore_lab.findings import Code
from restore_lab.unpack.foreign import kind_among

#: A client should not use up what waits in its pipe while the next piece is looked at.
PIECE_BYTES = 256 * 1024
#: Of an archive that holds several files, so many names and bytes are looked at for what they are.
_MOST_NAMES, _MOST_PASSED_OVER_BYTES = 10_000, 1024**3


class UnpackFault(RestoreLabError):
    """A layer could not be peeled: `code` is the finding it is, `layer` which one."""

    def __init__(self, code: Code, layer: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.layer = layer


@dataclass(slots=True)
class Held:
    """The files that an archive holds: one alone is the backup; of several, their names may tell what they are."""

    layer: str
    files: int = 0
    kind: str = ""
    passed_over_bytes: int = 0

    def has(self, name: str) -> bool:
        """Count one more file, and tell whether it is the first.

        Raises:
            UnpackFault: there are several, and what they are is known, or enough names were looked at.
        """
        self.files += 1
        self.kind = self.kind or kind_among(name)
        if self.files > 1 and (self.kind or self.files == _MOST_NAMES):
            self.settle()
        return self.files == 1

    def pass_over(self, content: Iterable[bytes]) -> None:
        """Read a further file to its end.

        Raises:
            UnpackFault: there are several, and enough of them was looked at.
        """
        for piece in content:
            self.passed_over_bytes += len(piece)
            if self.passed_over_bytes > _MOST_PASSED_OVER_BYTES:
                self.settle()

    def settle(self) -> None:
        """Say that there are several files, or none, once all were counted that will be.

        Raises:
            UnpackFault: there is not one file.
        """
        if self.files > 1 and self.kind:
            message = f"the {self.layer} holds the files of a backup of {self.kind}"
            raise UnpackFault(Code.BACKUP_OF_ANOTHER_KIND, self.kind, message)
        if self.files > 1:
            raise UnpackFault(Code.ARCHIVE_HOLDS_SEVERAL, self.layer, f"the {self.layer} holds more than one file")
        if not self.files:
            raise UnpackFault(Code.BACKUP_EMPTY, self.layer, f"the {self.layer} holds no file")


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
