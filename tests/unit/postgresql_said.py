"""Messages of psql and pg_restore, written as they write them, and read."""

from __future__ import annotations

from restore_lab.counted import ProblemCount
from restore_lab.engines.postgresql.messages import Messages

HARMLESS, HARMFUL = False, True


def read(*pieces: str) -> Messages:
    messages = Messages()
    for piece in pieces:
        messages.take(piece.encode())
    messages.close()
    return messages


def only(text: str) -> ProblemCount:
    (problem,) = read(text).problems()
    return problem


def psql(message: str, statement: str, *more: str, line: int = 7) -> str:
    lines = [f"psql:<stdin>:{line}: ERROR:  {message}", *more, "LOCATION:  somewhere, some.c:1"]
    return "\n".join((*lines, f"psql:<stdin>:{line}: STATEMENT:  {statement}", ""))


def pg_restore(message: str, statement: str = "", *more: str) -> str:
    command = (f"Command was: {statement}", "") if statement else ()
    return "\n".join((f"pg_restore: error: could not execute query: ERROR:  {message}", *more, *command, ""))
