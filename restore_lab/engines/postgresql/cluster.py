"""One throwaway PostgreSQL cluster on a machine: made, started, connected to; our fixed questions go through here.

It listens on a Unix socket in the machine's own 0700 folder and on nothing else, so that `trust` is enough: whoever
reaches the socket already holds the machine. Durability is off, for nothing here outlives the machine. The bootstrap
superuser is called `postgres`, as on every default server, since dumps name it; ours stands beside it, so that a dump
that alters or locks `postgres` leaves us able to ask. Sources: PostgreSQL manual, "initdb", "Server Configuration",
"libpq Environment Variables".
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from restore_lab.engines.base import Row
from restore_lab.engines.postgresql.catalogue import READER, quoted
from restore_lab.engines.postgresql.messages import Messages
from restore_lab.engines.postgresql.settings import LOADING, LOGIN_TRIGGERS_SINCE, QUESTIONING, SERVER
from restore_lab.errors import EngineFailed
from restore_lab.process import KEPT_OUTPUT_BYTES, Completed
from restore_lab.sandboxes.base import Machine

BOOTSTRAP: Final = "postgres"
#: What our superuser's name begins with; what follows is the cluster's own, so that no dump can name it.
ADMIN: Final = "restore_lab_admin"
_OURS: Final = (ADMIN, READER)
TARGET: Final = "restored"
_CREATE_TARGET: Final = f"CREATE DATABASE {TARGET} OWNER {BOOTSTRAP} TEMPLATE template0"
#: Where there is always somebody to connect to; a dump may drop any one of them.
_MAINTENANCE: Final = (TARGET, "postgres", "template1")
_START_SECONDS: Final = 120.0
_QUESTION_SECONDS: Final = 60.0
#: How much longer than the server's own limit a client may take.
MARGIN_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.1
#: An empty cluster, made by the very `initdb` below, that an image may hold to be copied.
_MADE: Final = "/usr/share/restore-lab/cluster"
_COPY_OR = '[ -d "$1" ] && exec cp -a "$1" "$2"; shift 2; exec "$@"'
#: A tablespace that is not empty stays, whatever a dump drops before it makes it.
_KEEP: Final = 'cd "$1"/PG_* && mkdir kept && : >kept/here'
#: Run a client under another name.
_LOAD: Final = 'program=$(command -v "$1") && shift && ln -sf "$program" "$0" && exec "$0" "$@" 2>&1 >/dev/null'

REFUSAL = re.compile(rb"^(?:psql:<stdin>:\d+: )?(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): ", re.MULTILINE)

#: psql as we ask: nothing of a user's own files, errors with their SQLSTATE, never a password.
PSQL: Final = ("psql", "--no-psqlrc", "--quiet", "--no-password", "--set=VERBOSITY=verbose")
PSQL_ASKS: Final = (*PSQL, "--tuples-only", "--csv")
#: How psql ends when it could not connect, or was cut off.
NO_CONNECTION: Final = 2
#: query_canceled: the server's own limit passed.
QUERY_CANCELLED: Final = "57014"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A cluster on a machine; `series` is the major one of its programs."""

    machine: Machine
    series: str

    @property
    def folder(self) -> str:
        """The data directory, inside the machine."""
        return f"{self.machine.scratch}/postgresql"

    def role(self, name: str) -> str:
        """Give the name in this cluster of one of our two roles; any other role is called what it is called."""
        if name not in _OURS:
            return name
        return f"{name}_{hashlib.sha256(self.machine.handle.machine_id.encode()).hexdigest()[:16]}"

    def make(self) -> None:
        """Bring the cluster up, add our superuser and the target database.

        Raises:
            EngineFailed: as `bring_up`.
        """
        self.bring_up()
        self.rows(
            f"CREATE ROLE {self.role(ADMIN)} SUPERUSER LOGIN;\n{_CREATE_TARGET};\n", database="postgres", user=BOOTSTRAP
        )

    def forgo_encoding(self) -> None:
        """Make the still empty target database take any bytes: those of a dump may have no encoding that is known."""
        locale = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        self.rows(f"DROP DATABASE {TARGET};\n{_CREATE_TARGET} {locale};\n", database="postgres")

    def make_tablespace(self, name: str) -> None:
        """Make a tablespace that whoever loads may fill, in a folder of the machine; it cannot be dropped again.

        Raises:
            EngineFailed, TimeoutError: as `rows_anywhere`.
        """
        folder = f"{self.machine.scratch}/tablespace-{secrets.token_hex(8)}"
        self.machine.run(("mkdir", "-m", "0700", folder), timeout_seconds=_QUESTION_SECONDS)
        named = quoted(name)
        self.rows_anywhere(
            f"CREATE TABLESPACE {named} LOCATION '{folder}';\nGRANT CREATE ON TABLESPACE {named} TO PUBLIC;\n"
        )
        self.machine.run(("/bin/sh", "-c", _KEEP, "keep", folder), timeout_seconds=_QUESTION_SECONDS)

    def bring_up(self) -> None:
        """Make and start a cluster as initdb gives it, and wait for an answer.

        Raises:
            EngineFailed: it could not be made, or did not come up within two minutes.
        """
        said = self.machine.run(("postgres", "--version"), timeout_seconds=_QUESTION_SECONDS)
        if not re.search(rb"\) %s\b" % self.series.encode("ascii"), said.stdout):
            raise EngineFailed(f"the machine does not hold the programs of PostgreSQL {self.series}", hint=_HINT)
        made = self.machine.run(
            (
                *("/bin/sh", "-c", _COPY_OR, "make", _MADE, self.folder),
                *("initdb", f"--pgdata={self.folder}", f"--username={BOOTSTRAP}", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
            ),
            timeout_seconds=_START_SECONDS,
        )
        if made.exit_code != 0:
            raise EngineFailed(f"initdb of PostgreSQL {self.series} ended {made.exit_code}", hint=_HINT)
        settings = {**SERVER, "unix_socket_directories": self.machine.scratch}
        words = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        self.machine.start(("postgres", "-D", self.folder, *words))
        self._await()

    def environment(self, user: str, database: str, settings: Mapping[str, str]) -> dict[str, str]:
        """Give what a client needs to connect; `settings` outweigh what the dump set for databases and roles."""
        words = (f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
        return {
            "PGHOST": self.machine.scratch,
            "PGPORT": "5432",
            "PGUSER": self.role(user),
            "PGDATABASE": database,
            "PGOPTIONS": " ".join(words),
            "PGCLIENTENCODING": "UTF8",
            "PGCONNECT_TIMEOUT": "30",
            "LC_MESSAGES": "C",
        }

    def questioning(self, timeout_seconds: float) -> dict[str, str]:
        """Give the settings our own questions run under."""
        triggers = {"event_triggers": "off"} if self.has_login_triggers else {}
        return {**QUESTIONING, **triggers, "statement_timeout": str(max(1, int(timeout_seconds * 1000)))}

    @property
    def has_login_triggers(self) -> bool:
        """Whether this series lets an event trigger fire at login."""
        return int(self.series) >= LOGIN_TRIGGERS_SINCE

    def rows(
        self, script: str, *, database: str, timeout_seconds: float = _QUESTION_SECONDS, user: str = ADMIN
    ) -> list[Row]:
        """Ask our own fixed statements and give the rows of all; stops at the first error.

        Raises:
            EngineFailed: the server refused or is gone.
            TimeoutError: the limit passed.
        """
        done, rows = self.ask(script, database=database, timeout_seconds=timeout_seconds, user=user, stops=True)
        _fail_unless_answered(done, timeout_seconds)
        return rows

    def ask(
        self, script: str, *, database: str, timeout_seconds: float, user: str = ADMIN, stops: bool = False
    ) -> tuple[Completed, list[Row]]:
        """Ask our own fixed statements, to the end unless it `stops` at errors; how it went, and the rows of all."""
        null = secrets.token_hex(16)
        done = self.machine.run(
            (*PSQL_ASKS, f"--set=ON_ERROR_STOP={int(stops)}", f"--pset=null={null}", "--file=-"),
            timeout_seconds=timeout_seconds + MARGIN_SECONDS,
            stdin=(script.replace(READER, self.role(READER)).encode(),),
            environment=self.environment(user, database, self.questioning(timeout_seconds)),
        )
        return done, parsed(done.stdout, null) if done.exit_code == 0 else []

    def rows_anywhere(self, script: str) -> list[Row]:
        """As `rows`, in the first database that lets us in: a dump may drop any of those a server is made with.

        Raises:
            EngineFailed: none does, or the server refused.
            TimeoutError: as `rows`.
        """
        for database in _MAINTENANCE:
            done, rows = self.ask(script, database=database, timeout_seconds=_QUESTION_SECONDS, stops=True)
            if done.exit_code != NO_CONNECTION:
                _fail_unless_answered(done, _QUESTION_SECONDS)
                return rows
        raise EngineFailed("no database of the throwaway server answers")

    def databases(self) -> list[str]:
        """Name every database that can be connected to, but for the templates a server is made with; the target first.

        Raises:
            EngineFailed, TimeoutError: as `rows_anywhere`.
        """
        question = (
            "SELECT datname FROM pg_database WHERE datallowconn AND datname NOT IN ('template0', 'template1')"
            " ORDER BY datname <> 'restored', datname;"
        )
        return [name or "" for (name,) in self.rows_anywhere(question)]

    def load(
        self,
        argv: Iterable[str],
        *,
        stdin: Iterable[bytes],
        messages: Messages,
        timeout_seconds: float,
        connection: tuple[str, str] = (BOOTSTRAP, TARGET),
    ) -> Completed:
        """Run a loading client over a `connection` (user, database); its `messages` are read as they come.

        What it prints, which could be rows, is dropped. A database that a dump makes read-only is still written to. The
        client runs under a name that begins with the mark by which its messages are known.
        """
        program, *words = argv
        environment = self.environment(*connection, LOADING)
        del environment["PGCLIENTENCODING"]
        environment["PGAPPNAME"] = program  # else it would be the name with its mark, which a dump could read
        return self.machine.run(
            ("/bin/sh", "-c", _LOAD, f"{self.machine.scratch}/{messages.mark}{program}", program, *words),
            timeout_seconds=timeout_seconds,
            stdin=stdin,
            stdout=messages.take,
            environment=environment,
        )

    def _await(self) -> None:
        limit = time.monotonic() + _START_SECONDS
        while True:
            try:
                if self.rows("SELECT 1;", database="postgres", user=BOOTSTRAP, timeout_seconds=10) == [("1",)]:
                    return
            except (EngineFailed, TimeoutError) as error:
                if time.monotonic() > limit:
                    raise EngineFailed(f"PostgreSQL {self.series} did not come up", hint=_HINT) from error
            time.sleep(_PAUSE_SECONDS)


_HINT: Final = "`restore-lab doctor` says whether this machine can run it"


def _fail_unless_answered(done: Completed, timeout_seconds: float) -> None:
    if (code := refusal(done)) == QUERY_CANCELLED:
        raise TimeoutError(f"the server did not answer within {timeout_seconds:.0f} s")
    if done.exit_code != 0 or done.cut:
        raise EngineFailed(f"the server did not answer a question of ours ({code or done.exit_code})")


def refusal(done: Completed) -> str:
    """Give the SQLSTATE of the first error a client reported, "" when there is none."""
    found = REFUSAL.search(done.stderr)
    return found.group(1).decode("ascii") if found else ""


def parsed(answer: bytes, null: str) -> list[Row]:
    """Read what `psql --csv --tuples-only` printed; `null` is the unguessable mark it printed for NULL."""
    csv.field_size_limit(KEPT_OUTPUT_BYTES)
    table = csv.reader(io.StringIO(answer.decode("utf-8", "replace"), newline=""), strict=True)
    # psql prints a row of one empty text as an empty line.
    return [tuple(None if value == null else value for value in row) if row else ("",) for row in table]
