"""What a report says in one language: sentences, dates, durations and figures, in the lab's own time zone.

Messages are English in the code and translated by `locale/<language>.po`, read when first needed. A message given to
`Wording.text`, `Wording.count` or `msgid` is found by `babel.messages.extract`. French typography (no-break spaces
before « : ; ! ? » and inside guillemets, curly apostrophes) is set here, so that translators type plain spaces.
Source: Lexique des regles typographiques en usage a l'Imprimerie nationale.
"""

from __future__ import annotations

import gettext
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from restore_lab.errors import UsageError
from restore_lab.report.glyphs import printable

LANGUAGES: Final = ("fr", "en")

NBSP = "\N{NO-BREAK SPACE}"
THIN = "\N{NARROW NO-BREAK SPACE}"

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@dataclass(frozen=True, kw_only=True, slots=True)
class _Patterns:
    """Date and time patterns of one language (Unicode TR 35)."""

    day: str
    first_of_month: str
    moment_joint: str
    time: str
    stamp: str
    seconds: str


_PATTERNS: Final = {
    "fr": _Patterns(
        day=f"EEEE d{NBSP}MMMM y",
        first_of_month=f"EEEE '1er'{NBSP}MMMM y",
        moment_joint=" à ",
        time=f"HH{THIN}'h'{THIN}mm",
        stamp="dd/MM/y HH:mm:ss",
        seconds=f"{THIN}s",
    ),
    "en": _Patterns(
        day=f"EEEE d{NBSP}MMMM y",
        first_of_month=f"EEEE d{NBSP}MMMM y",
        moment_joint=" at ",
        time="HH:mm",
        stamp="y-MM-dd HH:mm:ss",
        seconds=f"{THIN}s",
    ),
}


def msgid(message: str) -> str:
    """Mark a message for the catalogue where it is written, to be translated where it is used."""
    return message


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """One language in one time zone; made by `wording_for`."""

    language: str
    zone: ZoneInfo

    def text(self, message: str, **params: object) -> str:
        """Give `message` in this language with `params` set in; a parameter that is missing reads « ? »."""
        return _fill(_catalogue(self.language).gettext(message), params)

    def count(self, one: str, many: str, n: int, **params: object) -> str:
        """Give the form of a message that fits `n`, which it may name as ``{n}``."""
        return _fill(_catalogue(self.language).ngettext(one, many, n), {**params, "n": self.figure(n)})

    def figure(self, number: int) -> str:
        """Write a whole number with its thousands grouped."""
        from babel.numbers import format_decimal  # noqa: PLC0415 - heavy, needed only when a report is written

        return format_decimal(number, locale=self.language)

    def day(self, when: date) -> str:
        """Write a date, or a moment's date in the lab's time zone: « mardi 10 novembre 2026 »."""
        from babel.dates import format_date  # noqa: PLC0415 - as in `figure`

        local = _local(when, self.zone).date() if isinstance(when, datetime) else when
        pattern = _PATTERNS[self.language].first_of_month if local.day == 1 else _PATTERNS[self.language].day
        return format_date(local, pattern, locale=self.language)

    def plain_day(self, when: datetime) -> str:
        """Write a moment's date in the lab's time zone without the weekday: « 10 novembre 2026 »."""
        return self.day(when).partition(" ")[2]

    def month(self, when: date) -> str:
        """Write a month: « novembre 2026 »."""
        from babel.dates import format_date  # noqa: PLC0415 - as in `figure`

        return format_date(when, f"MMMM{NBSP}y", locale=self.language)

    def time(self, when: datetime) -> str:
        """Write a time of day in the lab's time zone: « 04 h 00 »."""
        from babel.dates import format_datetime  # noqa: PLC0415 - as in `figure`

        return format_datetime(_local(when, self.zone), _PATTERNS[self.language].time, locale=self.language)

    def moment(self, when: datetime) -> str:
        """Write a moment in the lab's time zone: « mardi 10 novembre 2026 à 04 h 00 »."""
        return self.day(when) + _PATTERNS[self.language].moment_joint + self.time(when)

    def stamp(self, when: datetime, zone: ZoneInfo | None = None) -> str:
        """Write a moment for a table, to the second, in `zone` (the lab's unless given)."""
        from babel.dates import format_datetime  # noqa: PLC0415 - as in `figure`

        local = _local(when, zone or self.zone)
        return format_datetime(local, _PATTERNS[self.language].stamp, locale=self.language)

    def duration(self, seconds: float) -> str:
        """Write a duration with at most two units: « 14 min », « 2 h 05 min », « 3 j 4 h »."""
        whole = round(seconds)
        if whole < _MINUTE:
            return f"{self.decimal(seconds)}{_PATTERNS[self.language].seconds}"
        if whole < _HOUR:
            minutes, rest = divmod(whole, _MINUTE)
            return _join(f"{minutes}{THIN}min", rest and minutes < 10 and f"{rest:02}{THIN}s")
        if whole < _DAY:
            hours, rest = divmod(whole // _MINUTE, 60)
            return _join(f"{hours}{THIN}h", rest and f"{rest:02}{THIN}min")
        days, rest = divmod(whole // _HOUR, 24)
        unit = self.text("d")
        return _join(f"{self.figure(days)}{THIN}{unit}", rest and days < 10 and f"{rest}{THIN}h")

    def decimal(self, number: float) -> str:
        """Write a number with one decimal when it is small, none when it is not."""
        from babel.numbers import format_decimal  # noqa: PLC0415 - as in `figure`

        return format_decimal(number, "#,##0.#" if number < 10 else "#,##0", locale=self.language)

    def size(self, size_bytes: int) -> str:
        """Write a size in decimal units: « 48,2 Mo »."""
        if size_bytes < 1000:
            return self.count("{n} byte", "{n} bytes", size_bytes)
        units = (self.text("kB"), self.text("MB"), self.text("GB"), self.text("TB"))
        power = min(3, (len(str(size_bytes)) - 1) // 3 - 1)
        from babel.numbers import format_decimal  # noqa: PLC0415 - as in `figure`

        value = format_decimal(size_bytes / 1000 ** (power + 1), "#,##0.#", locale=self.language)
        return f"{value}{THIN}{units[power]}"


def wording_for(language: str, timezone: str) -> Wording:
    """Give the wording of one language with times shown in `timezone`.

    Raises:
        UsageError: there is no catalogue for this language, or no such time zone.
    """
    if language not in LANGUAGES:
        raise UsageError(
            f"no report in {language!r}, only in {', '.join(LANGUAGES)}", hint="set the language to fr or en"
        )
    try:
        return Wording(language=language, zone=ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"no time zone named {timezone!r}", hint="use a name such as Europe/Paris") from error


def _local(when: datetime, zone: ZoneInfo) -> datetime:
    try:
        return when.astimezone(zone)
    except OverflowError:  # within a day of year 1 or 9999
        return when


def _join(*parts: str | int | bool) -> str:
    return THIN.join(part for part in parts if isinstance(part, str))


def _fill(message: str, params: dict[str, object]) -> str:
    shown = {name: printable(str(value)) for name, value in params.items()}
    return message.replace("'", "’").format_map(defaultdict(lambda: "?", shown))


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - heavy, needed only when a report is written
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    source = resources.files("restore_lab.report").joinpath(f"locale/{language}.po").read_bytes()
    catalogue = read_po(io.BytesIO(source), locale=language, abort_invalid=True)
    for message in catalogue:
        if message.id:
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            set_forms = tuple(french(form) for form in forms)
            message.string = set_forms if message.pluralizable else set_forms[0]
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def french(text: str) -> str:
    """Give French text its no-break spaces and apostrophes; plain spaces are what a translator types."""
    text = text.replace("'", "’")
    text = re.sub(r" ([;!?%])", rf"{THIN}\1", text)
    text = re.sub(r" ([:»])", rf"{NBSP}\1", text)
    return re.sub(r"« ", f"«{NBSP}", text)
