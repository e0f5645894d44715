"""`http`: does the application on top of the restored database show a page with what must be on it?

The page is read where the application runs (`page.pl`): a status, a length, whether something was found and one number
are all that comes back, for what a page shows are patients' data. Source: RFC 1945 (HTTP/1.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from restore_lab.checks.base import Answer, Restored, RunningApplication
from restore_lab.errors import MachineFailed
from restore_lab.findings import Code, Finding, finding
from restore_lab.settings import STRICT

_PAGE: Final = Path(__file__).with_name("page.pl")
_LONGEST_TEXT: Final = 200
_PATH: Final = re.compile(r"/[!-~]{0,500}")
_ANSWER: Final = re.compile(r"([1-5][0-9][0-9]) ([0-9]{1,7}) ([01]) ([0-9]{1,9}|-)")
#: How much longer than its own limit the reader of a page may take; then it is ended, whatever it is at.
_MARGIN_SECONDS: Final = 10
_OK, _NOT_THERE = 200, frozenset({404, 410})
#: What the reader says when there is no page, in our words.
_WITHOUT_PAGE: Final = {
    "silent": "the application does not answer",
    "failing": "the application answers with an error of its own",
    "foreign": "another program holds the port of the application",
    "slow": "the application does not end its page",
    "long": "the application's page is longer than 1 MiB",
    "strange": "the application's answer is not HTTP",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is known of a page: never a word of it."""

    status: int
    length_bytes: int
    found: bool
    number: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Http:
    """One page at `path`, and what must be on it: a text (`contains`), or a `number` with `equals` or `at_least`.

    `number` is a regular expression with one group, which must hold the digits and nothing else; the first place that
    it fits counts. At most 1 MiB is read. A page that is not there fails; an application that answers with an error of
    its own, or sends elsewhere, tells nothing of the backup.
    """

    __pydantic_config__ = STRICT

    kind: Literal["http"] = "http"
    title: str
    path: str
    contains: str | None = None
    number: str | None = None
    equals: int | None = None
    at_least: int | None = None
    timeout_seconds: int = 30

    def __post_init__(self) -> None:
        """Refuse a question without exactly one expectation, and what could not be searched for."""
        if not _PATH.fullmatch(self.path):
            raise ValueError("path begins with / and holds printable ASCII without spaces, at most 500 characters")
        if (self.contains is None) == (self.number is None):
            raise ValueError("name exactly one of contains, number")
        if sum(one is not None for one in (self.equals, self.at_least)) != (self.number is not None):
            raise ValueError("a number needs exactly one of equals, at_least; a text needs none")
        if not 0 < len(self.contains or self.number or "") <= _LONGEST_TEXT:
            raise ValueError(f"what is looked for has 1 to {_LONGEST_TEXT} characters")
        if not 1 <= self.timeout_seconds <= 600:
            raise ValueError("`timeout_seconds` is 1 to 600")
        if self.number is not None and _groups(self.number) != 1:
            raise ValueError("number is a regular expression with exactly one group: the digits")

    @property
    def proves_data(self) -> bool:
        """The operator asked about the practice's own data."""
        return True

    def ask(self, restored: Restored) -> Answer:
        """See `Check.ask`; the page is judged by what was found on it."""
        if restored.application is None:
            raise MachineFailed("the application does not run")
        page = request(
            restored.application,
            self.path,
            kind="number" if self.contains is None else "contains",
            text=self.contains or self.number or "",
            timeout_seconds=self.timeout_seconds,
        )
        if isinstance(page, str):
            return Answer(asked=1, findings=(finding(Code.APPLICATION_FAILED, reason=page),))
        if page.status != _OK and page.status not in _NOT_THERE:
            reason = f"the application answers with {page.status}"
            return Answer(asked=1, findings=(finding(Code.APPLICATION_FAILED, reason=reason),))
        return Answer(asked=1, findings=() if self._met(page) else (self._unmet(page),))

    def _met(self, page: Page) -> bool:
        if page.status != _OK or not page.found:
            return False
        if self.contains is not None:
            return True
        if page.number is None:
            return False
        return page.number == self.equals if self.equals is not None else page.number >= (self.at_least or 0)

    def _unmet(self, page: Page) -> Finding:
        """Say what was seen; a text that was looked for is not kept: it is one that a row was to hold."""
        expected = "contains …" if self.contains is not None else f"at_least {self.at_least}"
        if self.equals is not None:
            expected = f"equals {self.equals}"
        number = "-" if page.number is None else page.number
        return finding(Code.PAGE_NOT_AS_EXPECTED, name=self.title, code=page.status, number=number, expected=expected)


def request(
    application: RunningApplication,
    path: str,
    *,
    kind: Literal["ready", "contains", "number"],
    text: str = "",
    timeout_seconds: int,
) -> Page | str:
    """Ask for a page from inside the application's machine; give what was found, or why there is none.

    Nothing of it is an argument of a command. `ready` takes any page that is not an error of the application's own,
    and waits for it.

    Raises:
        MachineFailed: the machine broke, or cannot read pages, or not for that pattern.
        TimeoutError: the page, or the search in it, did not come to its end.
    """
    asked = f"{application.port}\n{path}\n{timeout_seconds}\n{kind}\n{text}".encode()
    done = application.machine.run(
        ("perl", "-e", _PAGE.read_text("utf-8")), timeout_seconds=timeout_seconds + _MARGIN_SECONDS, stdin=(asked,)
    )
    said = done.stdout.decode("ascii", "replace").strip()
    if said in _WITHOUT_PAGE:
        return _WITHOUT_PAGE[said]
    if said == "pattern":
        raise MachineFailed("the pattern cannot be searched for", hint="perl must know it too: perlre(1)")
    read = _ANSWER.fullmatch(said)
    if done.exit_code != 0 or read is None:
        raise MachineFailed("the machine of the application cannot read a page", hint="its image needs perl")
    return Page(
        status=int(read[1]),
        length_bytes=int(read[2]),
        found=read[3] == "1",
        number=None if read[4] == "-" else int(read[4]),
    )


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return -1
