"""Where a patient's data could hide: the invented practice's stems, looked for in everything a drill leaves."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
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


def needles(*stems: str) -> dict[str, bytes]:
    """What to look for, when these are the stems."""
    return {f"{stem} {name}": needle for stem in stems for name, needle in spellings(stem).items()}


NEEDLES = needles(STEM, NUMBER_STEM)


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


def leaks(data: bytes, sought: dict[str, bytes] = NEEDLES) -> set[str]:
    return {name for layer in layers(data) for name, needle in sought.items() if needle in layer}


def mail_layers(data: bytes) -> Iterator[bytes]:
    """A mail as it travels, its headers as they are read, each part without its coding, a PDF's words beside it."""
    yield data
    message = message_from_bytes(data, policy=default)
    for part in message.walk():
        yield "\n".join(f"{name}: {value}" for name, value in part.items()).encode()
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content
            if part.get_content_type() == "application/pdf":
                yield pdf_words(content)


def pdf_words(data: bytes) -> bytes:
    """What a reader reads in a PDF, whose pages hold numbers of glyphs and no letters; without line ends within words.

    Needs Poppler; without it, nothing is read.
    """
    if shutil.which("pdftotext") is None:
        return b""
    said = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, timeout=60, check=True).stdout
    return said + b"\n" + re.sub(rb"\s+|\xe2\x80\x8b|\xc2\xad", b"", said)


def environment_of(lab: Path, **more: str) -> dict[str, str]:
    """What the command is run with: what it leaves behind goes to a folder of its own."""
    lab.parent.joinpath("tmp").mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(lab.parent / "tmp"), **more}


def command(lab: Path, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run the installed command, with more in its environment if need be."""
    environment = environment_of(lab, **more)
    return subprocess.run([str(COMMAND), *words], capture_output=True, timeout=120, check=False, env=environment)


def drill(lab: Path, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return command(lab, "--lab", str(lab), "run", "--scenario", "annual", *words, **more)


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


def left(lab: Path) -> list[Path]:
    """Every file that drills left in the lab's reports and in their own temporary folder."""
    found = [*(lab / "reports").rglob("*"), *(lab.parent / "tmp").rglob("*")]
    return [path for path in found if path.is_file()]


def assert_no_leak(lab: Path, *outputs: bytes) -> None:
    assert any(path.suffix == ".pdf" for path in left(lab))
    assert_nothing_left(lab, *outputs)


def assert_nothing_left(lab: Path, *outputs: bytes) -> None:
    """As `assert_no_leak`, also where no report could be written."""
    for path in left(lab):
        data = path.read_bytes()
        assert leaks(data) == set(), path
        assert path.suffix != ".pdf" or leaks(pdf_words(data)) == set(), path
    for output in outputs:
        assert leaks(output) == set(), output


def killed_when(
    lab: Path, number: signal.Signals, reached: Callable[[Path], bool], *, cwd: Path | None = None
) -> tuple[Path, int, bytes, bytes]:
    """Send a signal to a drill once its folder of reports shows it is time.

    Gives that folder, how the drill ended, what it printed, and what it complained of.
    """
    before = set(lab.glob("reports/*/*/"))
    words = ["prlimit", "--core=unlimited", str(COMMAND), "--lab", str(lab), "run", "--scenario", "annual"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment_of(lab), cwd=cwd
    ) as child:
        deadline = time.monotonic() + 60
        folder: Path | None = None
        while folder is None and child.poll() is None and time.monotonic() < deadline:
            folder = next((one for one in set(lab.glob("reports/*/*/")) - before if reached(one)), None)
            time.sleep(0.01)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert folder is not None, out + err
    return folder, child.returncode, out, err


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
