"""Cases of the pages that an application shows."""

from __future__ import annotations

from contract.cases import NOW, Case, engine
from fake_sandbox import FakeMachine, FakeSandbox

from restore_lab.checks.base import RunningApplication
from restore_lab.checks.http import Http
from restore_lab.findings import Code

NUMBER = Http(title="q", path="/surveys/1", number="<b>([0-9]+)</b>", equals=42)
ENOUGH = Http(title="q", path="/surveys/1", number="<b>([0-9]+)</b>", at_least=40)
TEXT = Http(title="q", path="/", contains="Satisfaction")


def showing(page: bytes) -> RunningApplication:
    """An application whose page reads so."""
    machine = FakeMachine(sandbox=FakeSandbox(says=page), label="application", created_at=NOW)
    return RunningApplication(machine=machine, port=8080)


PAGES: dict[str, tuple[Code, Case]] = {
    "a page without the number that must be on it": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=NUMBER, bad=engine(), near=engine(), bad_page=b"200 120 1 41\n", near_page=b"200 120 1 42\n"),
    ),
    "a page with too small a number": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=ENOUGH, bad=engine(), near=engine(), bad_page=b"200 120 1 0\n", near_page=b"200 120 1 40\n"),
    ),
    "a page on which something else stands where a number must": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=ENOUGH, bad=engine(), near=engine(), bad_page=b"200 120 1 -\n", near_page=b"200 120 1 41\n"),
    ),
    "a page without its text": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"200 120 0 -\n", near_page=b"200 120 1 -\n"),
    ),
    "a page that is not there": (
        Code.PAGE_NOT_AS_EXPECTED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"404 120 1 -\n", near_page=b"200 0 1 -\n"),
    ),
    "an application that answers with an error": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"500 120 1 -\n", near_page=b"200 120 1 -\n"),
    ),
    "an application that sends elsewhere": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"302 0 0 -\n", near_page=b"200 120 1 -\n"),
    ),
    "an application that does not answer": (
        Code.APPLICATION_FAILED,
        Case(check=TEXT, bad=engine(), near=engine(), bad_page=b"silent\n", near_page=b"200 120 1 -\n"),
    ),
}
