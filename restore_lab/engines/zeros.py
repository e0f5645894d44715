"""Counts dates of zero among the rows of a dump of MariaDB, as it passes; in fixed memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from restore_lab.engines import naming
from restore_lab.engines.naming import named_by

#: mysqldump writes no space between values, phpMyAdmin and HeidiSQL one, Adminer a tab.
_ZERO_DATE: Final = re.compile(rb",[ \t]?'0000-00-00")
_SIGN: Final = b"'0000-00-00"
_LONGEST: Final = len(_SIGN) + 2


@dataclass(kw_only=True, slots=True)
class Zeros:
    """How many dates of zero passed; `first_in` is the table of the first, `warned` whether the dump forbids them."""

    count: int = 0
    first_in: str = ""
    warned: bool = False
    _edge: bytes = field(default=b"", compare=False)

    def look(self, chunk: bytes, into: str) -> None:
        """Read on; `into` is the table whose rows had begun before."""
        data = self._edge + chunk
        dates = list(_ZERO_DATE.finditer(data)) if _SIGN in data else []
        if dates and not self.count:
            at = data.rfind(b"INSERT INTO ", 0, dates[0].start())
            named = naming.INTO.match(data, at) if at >= 0 else None
            self.first_in = named_by(named[1]).name if named else into
        self.count += len(dates)
        self._edge = data[max(dates[-1].end() if dates else 0, len(data) - _LONGEST + 1) :]
