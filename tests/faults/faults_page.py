"""docs/faults.md: the table of faults for people, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from faults.carrying import Seen
from faults.matrix import FAULTS, KILLED, NOTHING, STAGES, End, Fault

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
UNKNOWN: Final = ("to come",) * 3
NO_MEANING: Final = "no meaning"
_MACHINES: Final = {
    "local": "SQLite on this host",
    "container": "PostgreSQL in a container",
    "raspberry-pi": "SQLite on a node over SSH",
}
_HEAD: Final = (
    "| stage | exit code | verdict: reasons | left before the sweep | left after it | next drill |",
    "|---|---|---|---|---|---|",
)
_INTRODUCTION: Final = """# What a drill does when something dies under it

Each fault at each stage of a drill: *find* the backup, *fetch* its bytes, *start* the machine, *load*, *check*,
*destroy* the copy, *sign* the evidence, *register* it, *deliver* the mail. Every row is a drill by the installed
command, held at its stage until the fault is there; then one `sweep`, and another drill. `tests/faults/matrix.py`
declares the rows; `test_faults.py` carries them out and reads this page: a part of them with every `tox`, all of them
with `tox -e faults`. To write it anew, all of it or some faults:

```text
PYTHONPATH=tests python tests/faults/test_faults.py [fault ...]
```

The last three columns are what was seen. Beside what a row says, each one is held to this: the register verifies
and every drill in it is closed; no process of a drill lives; the command ends within 150 seconds and says nothing but
its own sentences; every machine was shown to be sealed; no duration in the evidence is negative or longer than its
command took by the tests' own clock; each report verifies; `status` says that the last drill passed and when the next
one is due.

- `killed`: the command itself was killed, and has no exit code of its own. Its drill is closed by the sweep.
- `ABANDONED`: the drill was opened and never closed by its own command.
- No verdict: nothing was opened, and nothing was restored.
- A drill that is signed is recorded in seconds, and puts interrupts off until it is.
"""


def declared(stage: str, end: End | str) -> tuple[str, ...]:
    """The cells of a row that its declaration gives."""
    if isinstance(end, str):
        return (f"`{stage}`", NO_MEANING, end)
    reasons = ", ".join(f"`{reason}`" for reason in end.reasons)
    verdict = f"{end.verdict}: {reasons}" if reasons else end.verdict or "none"
    code = "killed" if end.exit_code == KILLED else str(end.exit_code)
    return (f"`{stage}`", code, verdict)


def observed(seen: Seen) -> tuple[str, str, str]:
    """The cells that only a run can give; what must never be is said in the last."""
    wrong = f"; {'; '.join(seen.faults)}" if seen.faults else ""
    return (seen.left, seen.left_after, seen.next_drill + wrong)


def expected(end: End) -> tuple[str, str, str]:
    """What they must say."""
    return (end.left, NOTHING, end.next_drill)


def on_the_page() -> dict[tuple[str, str], tuple[str, ...]]:
    """The cells of every row on the page, by fault and stage."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    fault = ""
    for line in PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []:
        if line.startswith("## "):
            fault = line.removeprefix("## ")
        elif line.startswith("| `"):
            cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
            found[fault, cells[0].strip("`")] = cells
    return found


def write(seen: dict[tuple[str, str], tuple[str, str, str]]) -> None:
    """Write the page; a row that was not carried out keeps what it said."""
    before = {row: cells[-3:] for row, cells in on_the_page().items() if cells[1] != NO_MEANING}
    parts = [_INTRODUCTION]
    for fault in FAULTS:
        lines = [_line(fault, stage, (before | seen).get((fault.name, stage), UNKNOWN)) for stage in STAGES]
        what = f"{fault.does[0].upper()}{fault.does[1:]}. {_MACHINES[fault.machine]}."
        parts.append("\n".join((f"## {fault.name}\n", f"{what}\n", *_HEAD, *lines)) + "\n")
    PAGE.write_text("\n".join(parts), "utf-8")


def _line(fault: Fault, stage: str, last: tuple[str, ...]) -> str:
    end = fault.ends[stage]
    cells = (*declared(stage, end), *(last if isinstance(end, End) else ("-", "-", "-")))
    return f"| {' | '.join(cells)} |"
