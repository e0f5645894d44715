"""The names evidence uses for kinds, limits, moments and states, in words; a name not listed stands for itself.

One table a family, since one word may name two things: a `volume` holds the copy, and is removed with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from restore_lab.evidence import Isolation, Verdict
from restore_lab.findings import Severity
from restore_lab.report.wording import msgid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restore_lab.report.wording import Wording

#: Verdicts, severities, machines, moments: what no other table names.
NAMES: Final[Mapping[str, str]] = {
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
    "enforced": msgid("enforced by the system"),
    "watched": msgid("watched by the tool"),
    "not enforced": msgid("not enforced"),
    # whose host it is: `role` in lab.toml
    "contractor": msgid("the contractor's machine"),
    "practice": msgid("the practice's machine"),
    "production": msgid("production machine"),
    "test node": msgid("machine set aside for tests"),
    "dedicated": msgid("machine set aside for tests"),
    # moments: the stages of `restore_lab.events`, as each begins
    "find": msgid("looking for the backup"),
    "start": msgid("machine opened"),
    "load": msgid("load begun"),
    "count": msgid("counting begun"),
    "ask": msgid("questions begun"),
    "control": msgid("negative control begun"),
    "destroy": msgid("destruction begun"),
    "seal": msgid("sealing begun"),
    # where a date was read
    "name": msgid("read in its name"),
    "name and mtime": msgid("day read in its name, hour of its last change"),
    "mtime": msgid("date of the file"),
}
QUESTION_KINDS: Final[Mapping[str, str]] = {
    "identity": msgid("identity of the practice"),
    "integrity": msgid("integrity"),
    "objects": msgid("objects present"),
    "foreign_keys": msgid("links between tables"),
    "counts": msgid("counts"),
    "freshness": msgid("freshness"),
    "sql": msgid("question in SQL"),
    "fingerprint": msgid("tables of the live database"),
    "documents": msgid("documents"),
    "document_names": msgid("documents named in the records"),
    "pytest": msgid("test of the scenario"),
    "http": msgid("page of the software"),
}
#: Every kind an engine's catalogue can count; each engine has its own way to write a kind of two words.
OBJECT_KINDS: Final[Mapping[str, str]] = {
    "table": msgid("tables"),
    "virtual table": msgid("virtual tables"),
    "foreign_table": msgid("foreign tables"),
    "view": msgid("views"),
    "materialized_view": msgid("materialised views"),
    "index": msgid("indexes of tables"),
    "sequence": msgid("sequences"),
    "primary_key": msgid("primary keys"),
    "foreign_key": msgid("foreign keys"),
    "foreign key": msgid("foreign keys"),
    "unique": msgid("uniqueness constraints"),
    "check": msgid("check constraints"),
    "exclusion": msgid("exclusion constraints"),
    "constraint": msgid("constraints"),
    "trigger": msgid("triggers"),
    "event_trigger": msgid("event triggers"),
    "routine": msgid("stored routines"),
    "function": msgid("functions"),
    "procedure": msgid("procedures"),
    "event": msgid("scheduled events"),
    "type": msgid("data types"),
    "policy": msgid("row security policies"),
    "extension": msgid("extensions"),
    "large_object": msgid("large objects"),
    "role": msgid("roles"),
    "user": msgid("user accounts"),
}
#: Classes of documents, and what an archive of them holds besides.
DOCUMENT_KINDS: Final[Mapping[str, str]] = {
    "pdf": msgid("PDF documents"),
    "jpeg": msgid("JPEG pictures"),
    "png": msgid("PNG pictures"),
    "tiff": msgid("TIFF pictures and faxes"),
    "picture": msgid("other pictures"),
    "office": msgid("office documents"),
    "compound": msgid("office documents of before 2007"),
    "legacy": msgid("letters of older programs"),
    "rtf": msgid("RTF letters"),
    "text": msgid("text files"),
    "dicom": msgid("DICOM images"),
    "signed": msgid("signed files"),
    "encrypted": msgid("files encrypted on purpose"),
    "archive": msgid("archives"),
    "database": msgid("database files"),
    "recording": msgid("sound and video recordings"),
    "system": msgid("files of the system"),
    "empty": msgid("empty files"),
    "other": msgid("other files"),
    "symbolic_link": msgid("symbolic links, not restored"),
    "hard_link": msgid("hard links, not restored"),
    "special_file": msgid("device files, not restored"),
    "outside_path": msgid("files with a path out of the folder, not restored"),
}
#: What ransomware leaves, as the question about documents names it.
SIGNS: Final[Mapping[str, str]] = {
    "content": msgid("content that is no longer of its type and looks like random bytes"),
    "entropy": msgid("text replaced by what looks like random bytes"),
    "renamed": msgid("one unknown ending appended to the names"),
    "notes": msgid("notes that ask for money"),
}
LIMITS: Final[Mapping[str, str]] = {
    "memory_bytes": msgid("memory"),
    "memory_and_swap_bytes": msgid("memory and swap together"),
    "disk_bytes": msgid("disk"),
    "data_bytes_per_process": msgid("memory of each process"),
    "bytes_per_file": msgid("size of each file"),
    "nano_cpus": msgid("computing power"),
    "cpus": msgid("processors"),
    "pids": msgid("number of processes"),
    "processes": msgid("number of processes"),
    "seconds": msgid("lifetime"),
}
#: What held the machine is said as what was asked for: `isolation` is what was seen of it from inside.
MECHANISMS: Final[Mapping[str, str]] = {
    "docker": msgid(
        "asked of Docker: no network, read-only root, no capability, no new privilege, a user without rights"
    ),
    "docker, one loopback": msgid(
        "asked of Docker: only the loopback of the database's machine, read-only root, no capability, no new privilege,"
        " a user without rights"
    ),
    "podman": msgid(
        "asked of Podman: no network, read-only root, no capability, no new privilege, a user without rights"
    ),
    "podman, one loopback": msgid(
        "asked of Podman: only the loopback of the database's machine, read-only root, no capability, no new privilege,"
        " a user without rights"
    ),
    "bubblewrap": msgid("asked of bubblewrap: no network, read-only system, no capability"),
    "namespaces": msgid("asked of the Linux kernel (namespaces): no network, read-only system, no capability"),
    "systemd, bubblewrap": msgid(
        "asked of systemd: one slice for all that runs; of bubblewrap: no network, read-only system, no capability"
    ),
    "systemd, namespaces": msgid(
        "asked of systemd: one slice for all that runs; of the Linux kernel (namespaces): no network, read-only system,"
        " no capability"
    ),
    "bare process": msgid("an ordinary process, held by nothing"),
}
#: What could not be tried from inside a machine.
UNPROVED: Final[Mapping[str, str]] = {
    "network": msgid("connections out of it"),
    "memory": msgid("memory past its limit"),
}
#: What a drill creates, as it is removed.
CREATED: Final[Mapping[str, str]] = {
    "container": msgid("container"),
    "volume": msgid("volume of data"),
    "folder": msgid("folder"),
    "slice": msgid("slice of systemd with all its processes"),
}
LAYERS: Final[Mapping[str, str]] = {
    "gzip": msgid("gzip compression"),
    "bzip2": msgid("bzip2 compression"),
    "xz": msgid("xz compression"),
    "lzma": msgid("lzma compression"),
    "zip": msgid("zip archive"),
    "tar": msgid("tar archive"),
}
FORMATS: Final[Mapping[str, str]] = {
    "plain": msgid("SQL script"),
    "sql": msgid("SQL script"),
    "custom": msgid("archive in pg_dump's own format"),
    "tar": msgid("tar archive"),
    "zip": msgid("zip archive"),
    "file": msgid("database file"),
    "file-wal": msgid("database file in WAL mode"),
}
#: Stages, as the place where a drill was interrupted.
STAGES: Final[Mapping[str, str]] = {
    "find": msgid("search for the backup"),
    "start": msgid("start of the machine"),
    "load": msgid("load"),
    "count": msgid("counting"),
    "ask": msgid("questions"),
    "control": msgid("negative controls"),
    "destroy": msgid("destruction of the copy"),
    "seal": msgid("sealing of the report"),
    "sweep": msgid("removal of what an earlier test left"),
}
#: Negative controls, by the loss made on purpose.
CONTROLS: Final[Mapping[str, str]] = {
    "cut": msgid("first part of the backup restored on a second machine"),
    "spoilt": msgid("a table emptied, an index and a routine dropped"),
}
#: Why nothing can be said of one.
NOT_JUDGED: Final[Mapping[str, str]] = {
    "copy_held": msgid("control not carried out: copy kept"),
    "already_found": msgid("not judged: faults were found in the whole backup already"),
    "nothing_to_lose": msgid("control not carried out: nothing there to be lost"),
    "nothing_lost": msgid("not judged: what was kept held all that is counted"),
    "cut_refused": msgid("not judged: the copy broke in another way"),
}
SOURCES: Final[Mapping[str, str]] = {"directory": msgid("folder"), "folder": msgid("mirrored folder")}
#: Which backup was asked for, when it was not named.
ASKED_FOR: Final[Mapping[str, str]] = {"oldest": msgid("the oldest"), "random": msgid("one drawn at random")}
#: What an answer was to be.
EXPECTATIONS: Final[Mapping[str, str]] = {
    "equals": msgid("equal to {value}"),
    "at_least": msgid("at least {value}"),
    "at_most": msgid("at most {value}"),
    "no_rows": msgid("no row"),
    "newer_than_days": msgid("at most {value} days old"),
    "not_below_previous": msgid("not below the last passed test"),
    "same_as_fingerprint": msgid("the same answer as the live database"),
    "contains": msgid("a text of the scenario's"),
}
#: Trade names, the same in every language.
_TRADE_NAMES: Final = {
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
    "sqlite": "SQLite",
    "files": "Python",
}


def named(name: str, wording: Wording, among: Mapping[str, str] = NAMES) -> str:
    """Give the words for a name of ours, or the name itself."""
    message = among.get(name)
    return wording.text(message) if message else name


def named_first(words: str, wording: Wording, among: Mapping[str, str]) -> str:
    """Give the words for a name that leads a longer one: `directory backups`."""
    name, space, rest = words.partition(" ")
    return named(name, wording, among) + space + rest


def question(name: str, wording: Wording) -> str:
    """Give a question's title: the operator's own, or the words for its kind where there is none."""
    return named(name, wording, QUESTION_KINDS)


def mechanism(name: str, wording: Wording) -> str:
    """Say what held a machine; the first evidence had `Docker: ` and a sentence where there is `docker` now."""
    known = name.partition(":")[0].lower()
    return named(known, wording, MECHANISMS) if known in MECHANISMS else name


def product(name: str) -> str:
    """Give a database product its trade name, with the version that follows it."""
    first, space, rest = name.partition(" ")
    return _TRADE_NAMES.get(first, first) + space + rest


def expectation(expected: str, wording: Wording) -> str:
    """Say what an answer was to be, from the scenario's key and its value."""
    key, _, value = expected.partition(" ")
    message = EXPECTATIONS.get(key)
    return wording.text(message, value=value.removesuffix(".0")) if message else expected
