"""The command line client by which a MariaDB server is spoken to, and what it says where it ends otherwise; no I/O."""

from __future__ import annotations

from restore_lab.engines.mariadb.messages import Message, read_message
from restore_lab.findings import safe_text
from restore_lab.process import Completed


def version_of(given: bytes) -> str:
    """Give a server's version without what its packager added."""
    number, dash, rest = given.decode("utf-8", "replace").strip().partition("-")
    return safe_text(f"{number}{dash}{rest.partition('-')[0]}", 32)


def client(option_file: str) -> tuple[str, ...]:
    """Give the command of a client that reads statements from stdin, and where it connects from an option file."""
    return (
        "mariadb",
        f"--defaults-file={option_file}",
        "--batch",
        "--skip-column-names",
        "--default-character-set=utf8mb4",
        "--local-infile=0",
        "--skip-reconnect",
        "--loose-skip-print-query-on-error",
        "--loose-sandbox",
    )


def refused_by(done: Completed) -> Message | None:
    """Find the first error a client reported."""
    messages = (read_message(line) for line in done.stderr.split(b"\n"))
    return next((message for message in messages if message is not None), None)


def refusal(done: Completed) -> str:
    """Say in one word why a client ended: the error's number, else its exit code."""
    message = refused_by(done)
    return message.problem.code if message is not None else f"exit {done.exit_code}"
