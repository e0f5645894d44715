"""A wall clock that lies to one command, by `clock.c`; monotonic clocks stay true."""

from __future__ import annotations

import struct
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Final

from needs import program

_SOURCE: Final = Path(__file__).with_name("clock.c")


def false_clock(library: Path, by: Path, ahead: timedelta = timedelta()) -> dict[str, str]:
    """Give the environment of a command whose clock is ahead; `library` is built if need be, `by` says how far."""
    if not library.exists():
        words = [program("cc"), "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)]
        subprocess.run(words, check=True, capture_output=True)
    by.write_bytes(bytes(8))
    put(by, ahead)
    return {"LD_PRELOAD": str(library), "CLOCK_FILE": str(by)}


def put(by: Path, ahead: timedelta) -> None:
    """Put the clock forward or back, also while the command runs."""
    with by.open("r+b") as stream:  # it is mapped: not another file in its place
        stream.write(struct.pack("=q", round(ahead.total_seconds())))
