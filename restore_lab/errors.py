"""Every error of ours, in one tree.

::

    RestoreLabError                     70  a bug, when nothing more precise was raised
    ├── UsageError                       2  refused before a drill starts
    │   ├── ConfigurationError           2  lab.toml or scenario.toml, every fault at once
    │   └── KeyMissing                   2  no signing key, or one that is not private to its owner
    ├── CouldNotFindOut                  3  ends as INCONCLUSIVE evidence, never as FAILED
    │   ├── SourceUnreachable            3
    │   │   └── SourceNotPluggedIn       3  an empty mount point is not « no backup »
    │   ├── MachineFailed                3
    │   │   ├── MachineDiskFull          3
    │   │   └── MachineOutOfMemory       3
    │   ├── RegisterLocked               3  nothing can be written to it: nothing was run, or it is not recorded
    │   └── EngineFailed                 3
    │       └── QueryRefused             3  one question the server did not answer
    ├── NotDelivered                     4  recorded, but not where it was to go
    └── SealBroken                       5  a register, a signature or an envelope does not verify

A backup that does not restore is *not* an error: it is a finding (`restore_lab.findings`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The public table of exit codes; the README prints it."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_DELIVERED = 4
    SEAL_BROKEN = 5
    NOT_GONE = 6
    BUG = 70
    INTERRUPTED = 130


#: When several apply, the first of these wins.
EXIT_CODE_PRECEDENCE = (
    ExitCode.SEAL_BROKEN,
    ExitCode.NOT_GONE,
    ExitCode.BUG,
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.NOT_DELIVERED,
    ExitCode.PASSED,
)


class RestoreLabError(Exception):
    """What failed, got and expected; `hint` says what to do next."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RestoreLabError):
    """Refused before a drill starts: nothing was touched."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """A file the operator wrote is not what it must be; the message lists every fault."""


class KeyMissing(UsageError):
    """There is no usable signing key, so nothing may be restored."""


class CouldNotFindOut(RestoreLabError):
    """A tool, a machine or a source broke: we do not know whether the backup is good."""

    exit_code = ExitCode.INCONCLUSIVE


class SourceUnreachable(CouldNotFindOut):
    """The place where backups are kept could not be read."""


class SourceNotPluggedIn(SourceUnreachable):
    """The disk that holds the backups is not there: an empty mount point, an absent folder."""


class MachineFailed(CouldNotFindOut):
    """No disposable machine, or one that broke while in use."""


class MachineDiskFull(MachineFailed):
    """The machine's disk, or its limit of it, is used up."""


class MachineOutOfMemory(MachineFailed):
    """The machine's memory limit was passed, and the kernel or we ended it."""


class RegisterLocked(CouldNotFindOut):
    """Another process holds the register and does not let go: nothing can be written to it."""


class EngineFailed(CouldNotFindOut):
    """The database server of the throwaway machine did not do its part."""


class QueryRefused(EngineFailed):
    """The server refused a question: `code` is its own (SQLSTATE, errno), `subject` an identifier; no raw text."""

    def __init__(self, code: str, subject: str = "") -> None:
        super().__init__(f"the database refused the question: {code} {subject}".rstrip())
        self.code = code
        self.subject = subject


class NotDelivered(RestoreLabError):
    """The result is recorded and signed, but did not reach where it was to go."""

    exit_code = ExitCode.NOT_DELIVERED


class SealBroken(RestoreLabError):
    """A signature, an envelope or the register does not verify."""

    exit_code = ExitCode.SEAL_BROKEN
