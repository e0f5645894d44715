"""The names evidence uses for kinds, moments and states, in words; a name not listed stands for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Severity
from restore_lab.report.wording import msgid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restore_lab.report.wording import Wording

_NAMES: Final[Mapping[str, str]] = {
    # verdicts and severities
    Verdict.PASSED: msgid("passed"),
    Verdict.PASSED_WITH_RESERVATIONS: msgid("passed with reservations"),
    Verdict.INCONCLUSIVE: msgid("inconclusive"),
    Verdict.FAILED: msgid("failed"),
    Severity.NOTE: msgid("note"),
    Severity.RESERVATION: msgid("reservation"),
    Severity.INCONCLUSIVE: msgid("inconclusive"),
    Severity.FAILED: msgid("failed"),
    # the machine
    Isolation.SEALED: msgid("sealed"),
    Isolation.PARTIAL: msgid("partial"),
    Isolation.NONE: msgid("none"),
    "container": msgid("throwaway container"),
    "raspberry-pi": msgid("Raspberry Pi"),
    "local": msgid("sandboxed local process"),
    "tmpfs": msgid("in memory (tmpfs)"),
    "volume": msgid("anonymous volume"),
    "directory": msgid("private directory"),
    "enforced": msgid("enforced"),
    "watched": msgid("watched"),
    "memory_bytes": msgid("memory"),
    "disk_bytes": msgid("disk"),
    "pids": msgid("processes"),
    "processes": msgid("processes"),
    "data_bytes_per_process": msgid("memory of each process"),
    "bytes_per_file": msgid("size of each file"),
    "cpus": msgid("processors"),
    "seconds": msgid("seconds"),
    "production": msgid("production machine"),
    "dedicated": msgid("machine set aside for tests"),
    # moments: the stages of `restore_lab.events`, as each begins
    "find": msgid("looking for the backup"),
    "start": msgid("machine opened"),
    "load": msgid("load begun"),
    "count": msgid("counting begun"),
    "ask": msgid("questions begun"),
    "destroy": msgid("destruction begun"),
    # where a date was read
    "name": msgid("read in its name"),
    "name and mtime": msgid("day read in its name, hour of its last change"),
    "mtime": msgid("date of the file"),
    # kinds of question
    "integrity": msgid("integrity"),
    "objects": msgid("objects present"),
    "foreign_keys": msgid("links between tables"),
    "counts": msgid("counts"),
    "freshness": msgid("freshness"),
    "sql": msgid("question in SQL"),
    "documents": msgid("documents"),
    "pytest": msgid("test of the scenario"),
    # kinds of object
    "table": msgid("tables"),
    "view": msgid("views"),
    "index": msgid("indexes"),
    "trigger": msgid("triggers"),
    "routine": msgid("routines"),
    "function": msgid("functions"),
    "procedure": msgid("procedures"),
    "sequence": msgid("sequences"),
    "event": msgid("scheduled events"),
    "constraint": msgid("constraints"),
    "foreign_key": msgid("foreign keys"),
    "role": msgid("roles"),
    "user": msgid("user accounts"),
}


def named(name: str, wording: Wording) -> str:
    """Give the words for a name of ours, or the name itself."""
    message = _NAMES.get(name)
    return wording.text(message) if message else name
