"""A small application over the tables of a survey program, named as LimeSurvey names them.

`/` lists the surveys; `/surveys/<number>` says how many answers one has. It reads, and changes nothing. Where the
database is, and who logs in, comes from the environment that restore-lab gives every application (images/README.md).
"""
# ruff: noqa: INP001 - one file, copied into an image

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VERSION = "1"
_CONNECT_SECONDS = 10
_PAGE = "<!DOCTYPE html><html lang='fr'><meta charset='utf-8'><title>{title}</title><h1>{title}</h1>{body}</html>"
_SURVEYS = """
    SELECT s.sid, s.active, l.surveyls_title
    FROM lime_surveys s JOIN lime_surveys_languagesettings l ON l.surveyls_survey_id = s.sid
    ORDER BY s.sid
"""
#: `submitdate` is empty until somebody has sent the last page off.
_ANSWERS = "SELECT count(submitdate), count(*) - count(submitdate) FROM lime_survey_{number}"


class Page(BaseHTTPRequestHandler):
    """Answers one request; what goes wrong is a page without a word of the database."""

    def do_GET(self) -> None:
        """Find the page, build it, send it."""
        try:
            with connected() as database:
                page = self._page(database)
        except Exception as error:  # noqa: BLE001 - one class name in the machine's own log, and nothing on the page
            print(type(error).__name__, file=sys.stderr)  # noqa: T201
            self._send(500, "Erreur", "<p>La base de données n'a pas répondu.</p>")
            return
        if page is None:
            self._send(404, "Introuvable", "<p>Cette enquête n'existe pas.</p>")
        else:
            self._send(200, *page)

    def _page(self, database: Any) -> tuple[str, str] | None:  # noqa: ANN401 - a connection of either client
        """Give title and body, None where there is no such page."""
        surveys = {int(number): (title, active) for number, active, title in rows(database, _SURVEYS)}
        if self.path == "/":
            return "Enquêtes", "".join(
                f"<p><a href='/surveys/{number}'>{html.escape(title)}</a></p>" for number, (title, _) in surveys.items()
            ) + f"<p>Nombre d'enquêtes : <b id='surveys'>{len(surveys)}</b></p>"
        asked = re.fullmatch(r"/surveys/([0-9]{1,9})", self.path)
        if asked is None or int(asked[1]) not in surveys:
            return None
        number = int(asked[1])
        title, active = surveys[number]
        ((complete, begun),) = rows(database, _ANSWERS.format(number=number)) if active == "Y" else ((0, 0),)
        return title, (
            f"<p>Réponses complètes : <b id='complete'>{complete}</b></p>"
            f"<p>Réponses commencées : <b id='begun'>{begun}</b></p>"
        )

    def _send(self, status: int, title: str, body: str) -> None:
        page = _PAGE.format(title=html.escape(title), body=body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


@contextmanager
def connected() -> Iterator[Any]:
    """Connect for one request; the password is read from a file, an empty one means that none is asked for."""
    given = {name: os.environ[f"RESTORE_LAB_DATABASE_{name}"] for name in ("KIND", "HOST", "PORT", "NAME", "USER")}
    password = Path(os.environ["RESTORE_LAB_DATABASE_PASSWORD_FILE"]).read_text("utf-8").strip()
    where = {"host": given["HOST"], "port": int(given["PORT"]), "user": given["USER"], "password": password}
    if given["KIND"] == "postgresql":
        import psycopg2  # noqa: PLC0415 - only the client that is needed

        database = psycopg2.connect(dbname=given["NAME"], connect_timeout=_CONNECT_SECONDS, **where)
    else:
        import pymysql  # noqa: PLC0415

        database = pymysql.connect(database=given["NAME"], connect_timeout=_CONNECT_SECONDS, charset="utf8mb4", **where)
    try:
        yield database
    finally:
        database.close()


def rows(database: Any, statement: str) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Ask one statement."""
    cursor = database.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall())


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print(f"survey {VERSION}")  # noqa: T201
    else:
        ThreadingHTTPServer(("127.0.0.1", int(os.environ["RESTORE_LAB_PORT"])), Page).serve_forever()
