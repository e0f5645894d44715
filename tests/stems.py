"""Where a patient's data could hide: the invented practice's stems, looked for in everything a drill leaves."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from restore_lab.sample_practice import NUMBER_STEM, STEM

COMMAND = Path(sys.executable).with_name("restore-lab")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def spellings(stem: str) -> dict[str, bytes]:
    """Every way in which a stem could hide, as bytes to look for."""
    plain = stem.encode("ascii")
    found = {
        "plain": plain,
        "upper": stem.upper().encode("ascii"),
        "utf-16-le": stem.encode("utf-16-le"),
        "utf-16-be": stem.encode("utf-16-be"),
        "hex": plain.hex().encode("ascii"),
        "upper hex": plain.hex().upper().encode("ascii"),
        "utf-16 hex": stem.encode("utf-16-be").hex().encode("ascii"),
    }
    for lead in range(3):
        coded = base64.b64encode(bytes(lead) + plain)
        found[f"base64 {lead}"] = coded[(lead * 8 + 5) // 6 : (lead + len(plain)) * 8 // 6]
    return found


NEEDLES = {f"{stem} {name}": needle for stem in (STEM, NUMBER_STEM) for name, needle in spellings(stem).items()}


def layers(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """The bytes, what is compressed in a PDF's streams, and what is coded in base64 within, several layers deep."""
    yield data
    if not depth:
        return
    for match in _STREAM.finditer(data):
        opened = inflated(match.group(1))
        if opened:
            yield from layers(opened, depth - 1)
    for match in _BASE64.finditer(data):
        coded = match.group(0).rstrip(b"=")
        if len(coded) >= 200:
            yield from (
                layers(base64.b64decode(coded + b"=" * (-len(coded) % 4)), depth - 1) if len(coded) % 4 != 1 else ()
            )


def inflated(data: bytes) -> bytes:
    opener = zlib.decompressobj()
    try:
        return opener.decompress(data, 64 * 1024 * 1024)
    except zlib.error:
        return b""


def leaks(data: bytes) -> set[str]:
    return {name for layer in layers(data) for name, needle in NEEDLES.items() if needle in layer}


def command(lab: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run the installed command; bug reports go to a folder of their own."""
    lab.parent.joinpath("tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(lab.parent / "tmp")}
    return subprocess.run([str(COMMAND), *words], capture_output=True, timeout=120, check=False, env=environment)


def drill(lab: Path) -> subprocess.CompletedProcess[bytes]:
    return command(lab, "--lab", str(lab), "run", "--scenario", "annual")


def rest(path: Path) -> None:
    """Let a file look as if it had been written half an hour ago."""
    past = time.time() - 1800
    os.utime(path, (past, past))


def replace_backup(lab: Path, data: bytes, ending: str) -> None:
    for backup in (lab / "backups").iterdir():
        backup.unlink()
    path = lab / "backups" / f"cabinet_{datetime.now(UTC):%Y-%m-%d}.{ending}"
    path.write_bytes(data)
    rest(path)


def assert_no_leak(lab: Path, *outputs: bytes) -> None:
    files = [path for path in (lab / "reports").rglob("*") if path.is_file()]
    files += [path for path in (lab.parent / "tmp").rglob("*") if path.is_file()]
    assert any(path.suffix == ".pdf" for path in files)
    for path in files:
        assert leaks(path.read_bytes()) == set(), path
    for output in outputs:
        assert leaks(output) == set(), output


def killed_while_loading(lab: Path, number: signal.Signals, *, after_seconds: float = 0) -> tuple[str, bytes, bytes]:
    """Send a signal to a drill once it loads, and see it end so; its id, what it printed, what it complained of."""
    before = set(lab.glob("reports/*/*/drill.log"))
    words = [str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 90
    loading: list[Path] = []
    while not loading and time.monotonic() < deadline:
        logs = set(lab.glob("reports/*/*/drill.log")) - before
        loading = [log for log in logs if '"stage": "load"' in log.read_text("ascii")]
        time.sleep(0.02)
    time.sleep(after_seconds)
    child.send_signal(number)
    out, err = child.communicate(timeout=90)
    assert child.returncode == (130 if number is signal.SIGTERM else -signal.SIGKILL)
    (log,) = loading
    return log.parent.name, out, err
