"""How one question of the operator's is put to a PostgreSQL server, so that it can be one statement that brings rows.

The question becomes a cursor, which nothing else can be; psql reads nothing inside dollar quotes. Sources: PostgreSQL
manual, "Cursors", "Dollar-Quoted String Constants".
"""

from __future__ import annotations

import secrets
from typing import Final

from restore_lab.engines.base import MOST_ROWS

_OPEN: Final = """DO {outer}
DECLARE answer refcursor := 'restore_lab_answer';
BEGIN
  OPEN answer NO SCROLL FOR EXECUTE {inner}
{question}
{inner};
END {outer};
FETCH FORWARD {most} FROM restore_lab_answer;
"""
#: Makes room for the next question of the same transaction.
CLOSE: Final = "CLOSE restore_lab_answer;\n"


def asking(question: str, most_rows: int = MOST_ROWS) -> str:
    """Give the script that asks it, within a transaction, for one row more than an answer may have."""
    return _OPEN.format(outer=_dollar_quote(), inner=_dollar_quote(), question=question, most=most_rows + 1)


def _dollar_quote() -> str:
    """Make a quote that no question can end."""
    return f"$restore_lab_{secrets.token_hex(16)}$"
