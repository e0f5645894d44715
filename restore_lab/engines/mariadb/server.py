"""A MariaDB server of our own inside a machine: made, started, asked; with accounts that a dump cannot take from us.

A dump may replace `mysql.*` or drop our accounts. So one client logs in before anything is loaded and stays, reading a
FIFO: what privileges it has it keeps, and it makes the accounts anew after each load, with new passwords.
Sources: https://mariadb.com/kb/en/mariadb-install-db/, https://mariadb.com/kb/en/server-system-variables/,
https://mariadb.com/kb/en/account-management-sql-statements/.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from restore_lab.engines.mariadb.client import client, refusal, refused_by, version_of
from restore_lab.engines.mariadb.messages import Cause
from restore_lab.errors import EngineFailed
from restore_lab.sandboxes.base import Completed, Machine

#: Where a dump lands that names no database.
DEFAULT_DATABASE: Final = "restored"
ADMIN: Final = "restore_lab_admin"
READER: Final = "restore_lab_reader"
_PACKET_BYTES: Final = 1024**3
#: So many keys there are for encrypted tables; a live server has one or a few, numbered from 1.
_KEYS: Final = 255
#: What a table kept in memory may take; the server allots room for it by tenths of this.
_HEAP_TABLE_BYTES: Final = 1024**3
_BUFFER_POOL_BYTES: Final = 128 * 1024 * 1024
_START_SECONDS: Final = 120.0
_REACH_SECONDS: Final = 60.0
_WORK_SECONDS: Final = 30.0
#: What a dump may have set for the sessions to come, and our questions cannot do with.
_IN_FORCE: Final = """SET GLOBAL init_connect = '';
SET GLOBAL max_statement_time = 0;
SET GLOBAL sql_select_limit = 18446744073709551615;
SET GLOBAL wait_timeout = 2592000;
"""
#: With less, InnoDB cannot extend a file any more: it does so by 4 MiB.
_LEAST_ROOM_KIB: Final = 8 * 1024

_FOLDERS = 'umask 077; cd "$1"; mkdir -p nothing work; [ -p orders ] || mkfifo orders'
_WRITE = 'umask 077; exec cat >"$1"'
_ORDER = 'exec cat 1<>"$1"'
_KEEPER = """
for each in $(seq 1200); do "$@" <>"$0" >/dev/null 2>&1 && break; sleep 0.1; done
"""
#: Answered once the keeper is in as well: a dump may leave no account by which anybody gets in later.
_ALL_IN: Final = f"""BEGIN NOT ATOMIC IF 2 >
(SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{ADMIN}')
THEN SIGNAL SQLSTATE '45000'; END IF; SELECT 1; END"""  # noqa: S608 - nothing but our own text
_READY = r"""
until "$@" 2>/dev/null; do
  if grep -q -e '\[ERROR\] Aborting' -e 'Shutdown complete' -e ' got signal ' "$0" 2>/dev/null; then exit 3; fi
  sleep 0.1
done
"""
_TOGETHER = 'exec "$@" 2>&1'


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the practice's server may have set otherwise; None is the server's own default."""

    sql_mode: str | None
    innodb_strict_mode: bool | None
    lower_case_table_names: int | None
    character_set_server: str

    def options(self) -> tuple[str, ...]:
        """Give them as options of `mariadbd`."""
        chosen = [f"--character-set-server={self.character_set_server}"]
        if self.sql_mode is not None:
            chosen.append(f"--sql-mode={self.sql_mode}")
        if self.innodb_strict_mode is not None:
            chosen.append(f"--innodb-strict-mode={int(self.innodb_strict_mode)}")
        if self.lower_case_table_names is not None:
            chosen.append(f"--lower-case-table-names={self.lower_case_table_names}")
        return tuple(chosen)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveServer:
    """The server of one machine, reached through its socket by accounts whose passwords lie in the machine only."""

    machine: Machine

    def create(self, settings: Settings) -> None:
        """Make an empty data directory, start the server, log the keeper in, who takes orders whatever a dump does.

        Raises:
            EngineFailed: it did not come up within 120 s. MachineFailed: as `Machine.run`.
        """
        self._shell(_FOLDERS, self.machine.scratch)
        self._write("accounts.sql", f"{self._new_accounts()}CREATE DATABASE IF NOT EXISTS {DEFAULT_DATABASE};\n")
        self._write("keys", "".join(f"{number};{secrets.token_hex(32)}\n" for number in range(1, _KEYS + 1)))
        try:
            made = self.machine.run(self._install_argv(), timeout_seconds=_START_SECONDS)
        except TimeoutError as error:
            raise EngineFailed(f"no empty data directory within {_START_SECONDS:.0f} s") from error
        if made.exit_code != 0:
            raise EngineFailed(f"mariadb-install-db failed (exit {made.exit_code})", hint="is the machine too small?")
        self.machine.start((*self._server_argv(), *settings.options()))
        keeper = (*self.client(ADMIN), "--force")
        self.machine.start(("/bin/sh", "-c", _KEEPER, self.path("orders"), *keeper))
        self._reach(ADMIN, _ALL_IN, seconds=_START_SECONDS)

    def version(self) -> str:
        """Ask for the version, e.g. `10.11.19-MariaDB`, without what the packager added.

        Raises:
            EngineFailed: no answer.
        """
        return version_of(self.ask(["SELECT VERSION();"], timeout_seconds=_WORK_SECONDS))

    def ask(self, sql: Iterable[str | bytes], *, timeout_seconds: float) -> bytes:
        """Run statements of ours as administrator and give the client's tab-separated answer.

        Raises:
            EngineFailed: one of them was refused, or the answer is too long.
        """
        pieces = [piece.encode() if isinstance(piece, str) else piece for piece in sql]
        done = self.machine.run(self.client(ADMIN), timeout_seconds=timeout_seconds, stdin=pieces)
        if done.exit_code != 0 or done.cut:
            raise EngineFailed(f"the server refused a question of ours: {refusal(done)}")
        return done.stdout

    def ask_each(
        self, sql: Iterable[bytes], said: Callable[[bytes], object], *, user: str, timeout_seconds: float
    ) -> None:
        """Run statements of ours to the end, whatever is refused; answers and messages go to `said` as they come.

        Raises:
            TimeoutError: the limit passed; what was said until then was said.
        """
        argv = ("/bin/sh", "-c", _TOGETHER, "ask", *self.client(user), "--force", "--unbuffered")
        self.machine.run(argv, timeout_seconds=timeout_seconds, stdin=[*sql], stdout=said)

    def feed(
        self,
        pieces: Iterable[bytes],
        messages: Callable[[bytes], object],
        printed: Callable[[bytes], object],
        *,
        timeout_seconds: float,
    ) -> Completed:
        """Run a dump as administrator; errors go to `messages`, warnings and the dump's own result sets to `printed`.

        So a result set can never look like an error.
        """
        packet = f"--max-allowed-packet={_PACKET_BYTES}"
        argv = (*self.client(ADMIN), "--force", "--show-warnings", packet, f"--database={DEFAULT_DATABASE}")
        return self.machine.run(argv, timeout_seconds=timeout_seconds, stdin=pieces, stdout=printed, stderr=messages)

    def alive(self) -> bool:
        """Tell whether somebody still answers on the socket, whoever may log in."""
        said = self.machine.run((*self.client(ADMIN), "--execute=SELECT 1"), timeout_seconds=_WORK_SECONDS)
        message = refused_by(said)
        return message is None or message.cause is not Cause.SERVER_GONE

    def last_words(self) -> bytes:
        """Give the end of the server's log; it may quote rows and goes no further than the caller."""
        return self.machine.run(
            ("tail", "-c", "65536", self.path("server-errors")), timeout_seconds=_WORK_SECONDS
        ).stdout

    def has_room(self) -> bool:
        """Tell whether the disk under the server has any room: where it has none, the end of its log is missing too."""
        answer = self.machine.run(("df", "-Pk", self.machine.scratch), timeout_seconds=_WORK_SECONDS).stdout
        words = answer.split(b"\n")[-2:][0].split()  # the last line: file system, size, used, free, ...
        return len(words) < 4 or not words[3].isdigit() or int(words[3]) >= _LEAST_ROOM_KIB

    def renew_accounts(self) -> None:
        """Put the grant tables in force as a restart would, and make both our accounts anew in them.

        Raises:
            EngineFailed: the dump left system tables in which no account can be made.
        """
        self._shell(_ORDER, self.path("orders"), stdin=_IN_FORCE + self._new_accounts())
        try:
            self._reach(READER, "SELECT 1", seconds=_REACH_SECONDS)
        except EngineFailed as error:
            raise EngineFailed(
                "after the load no account can be made: the backup replaced the server's system tables",
                hint="restore a dump of the practice's own databases, without `mysql`",
            ) from error

    def client(self, user: str) -> tuple[str, ...]:
        """Give the command of a client that logs in as one of our two users and reads statements from stdin."""
        return client(self.path(user))

    def path(self, name: str) -> str:
        """Where a file of this server lies inside the machine."""
        return f"{self.machine.scratch}/{name}"

    def _new_accounts(self) -> str:
        passwords = {user: secrets.token_hex(24) for user in (ADMIN, READER)}
        for user, password in passwords.items():
            self._write(user, f"[client]\nsocket={self.path('socket')}\nuser={user}\npassword={password}\n")
        return "".join(
            (
                "SET GLOBAL event_scheduler = OFF;\n",
                "FLUSH PRIVILEGES;\n",
                f"DROP USER IF EXISTS {ADMIN}@localhost;\n",
                f"GRANT ALL PRIVILEGES ON *.* TO {ADMIN}@localhost IDENTIFIED BY '{passwords[ADMIN]}'",
                " WITH GRANT OPTION;\n",
                f"DROP USER IF EXISTS {READER}@localhost;\n",
                f"GRANT SELECT, SHOW VIEW, EXECUTE ON *.* TO {READER}@localhost IDENTIFIED BY '{passwords[READER]}';\n",
            )
        )

    def _reach(self, user: str, asked: str, *, seconds: float) -> None:
        probe = (*self.client(user), "--delimiter=//", f"--execute={asked}")
        argv = ("/bin/sh", "-c", _READY, self.path("server-errors"), *probe)
        try:
            done = self.machine.run(argv, timeout_seconds=seconds)
        except TimeoutError as error:
            raise EngineFailed(f"the database server did not answer within {seconds:.0f} s") from error
        if done.exit_code != 0 or done.stdout.strip() != b"1":
            raise EngineFailed(f"the database server did not come up (exit {done.exit_code})")

    def _install_argv(self) -> tuple[str, ...]:
        return (
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.path('database')}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--force",
        )

    def _server_argv(self) -> tuple[str, ...]:
        return (
            "mariadbd",
            "--no-defaults",
            f"--datadir={self.path('database')}",
            f"--socket={self.path('socket')}",
            f"--pid-file={self.path('pid')}",
            f"--log-error={self.path('server-errors')}",
            f"--init-file={self.path('accounts.sql')}",
            f"--tmpdir={self.path('work')}",
            f"--secure-file-priv={self.path('nothing')}",
            "--skip-symbolic-links",  # a table's own folder (DATA DIRECTORY) is one of the live server's disks
            "--plugin-load-add=file_key_management",  # where it is not there the server starts all the same
            f"--loose-file-key-management-filename={self.path('keys')}",
            "--skip-networking",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--local-infile=0",
            "--event-scheduler=OFF",  # DISABLED would refuse to bring events back at all
            f"--max-allowed-packet={_PACKET_BYTES}",
            f"--max-heap-table-size={_HEAP_TABLE_BYTES}",
            "--max-error-count=65535",  # the most there is: each warning of a statement that brings many rows
            f"--innodb-buffer-pool-size={_BUFFER_POOL_BYTES}",
            f"--loose-innodb-buffer-pool-size-max={_BUFFER_POOL_BYTES}",
            "--innodb-flush-log-at-trx-commit=0",
            "--loose-innodb-doublewrite=0",
            "--innodb-use-native-aio=0",
            "--wait-timeout=2592000",
            "--default-time-zone=+00:00",  # a dump without a zone must meet no hour that a summer skips
        )

    def _write(self, name: str, text: str) -> None:
        self._shell(_WRITE, self.path(name), stdin=text)

    def _shell(self, script: str, path: str, *, stdin: str = "") -> None:
        argv = ("/bin/sh", "-c", script, "restore-lab", path)
        done = self.machine.run(argv, timeout_seconds=_WORK_SECONDS, stdin=[stdin.encode()])
        if done.exit_code != 0:
            raise EngineFailed(f"the folder of the database server could not be prepared (exit {done.exit_code})")
