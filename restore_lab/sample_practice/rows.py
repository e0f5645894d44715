"""What a row is made of."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

Value = int | str | bool | bytes | date | datetime | Decimal | None
"""`datetime` is naive: the practice's own clock, as its software writes it."""

Row = tuple[Value, ...]
"""One row, in the order of the table's columns."""
