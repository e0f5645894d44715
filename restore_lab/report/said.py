"""One finding, said: its parameters written by locale, names of ours in words, and set into its sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from restore_lab.findings import Code
from restore_lab.report import names
from restore_lab.report.finding_texts import FINDING_TEXTS
from restore_lab.report.wording import msgid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from restore_lab.findings import Finding, Param
    from restore_lab.report.finding_texts.form import Actor
    from restore_lab.report.wording import Wording

_DURATIONS: Final = frozenset({"seconds", "objective"})
_SIZES: Final = frozenset({"limit"})
_PLAIN_NUMBERS: Final = frozenset({"line", "code", "wanted", "used"})
#: Findings that name a function of a scenario's test_*.py.
_OF_TESTS: Final = frozenset({Code.PYTEST_FAILED, Code.PYTEST_BROKEN})
#: What sandboxes and the lab say when they cannot lend a machine, several joined by "; " or cut at their end.
_REASONS: Final = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (
            r"the image (?P<image>\S+) is not on this host( \(`restore-lab image list`\))?",
            msgid("the image {image} is not on this host"),
        ),
        (
            r"no image is made for (?P<engine>\w+): it runs locally",
            msgid("{engine} needs no container: it runs in a local process"),
        ),
        (r"only Linux can hold a local machine", msgid("only Linux can hold a local process")),
        (r"the program (?P<program>\S+) is not on this host", msgid("the program {program} is not on this host")),
        (
            r"the program (?P<program>\S+) is not on the node (?P<node>\S+)",
            msgid("the program {program} is not on the node {node}"),
        ),
        (
            r"the node (?P<node>\S+) has another host key than the one that was pinned",
            msgid("the node {node} has not the identity that was recorded for it"),
        ),
        (
            r"the node (?P<node>\S+) does not answer( \(`restore-lab node check`\))?",
            msgid("the node {node} does not answer"),
        ),
        (
            r"the node (?P<node>\S+) was not prepared( \(`restore-lab node prepare`\))?",
            msgid("the node {node} was not prepared"),
        ),
        (
            r"neither bubblewrap nor user namespaces work here(; install the package bubblewrap)?",
            msgid("nothing on this host can hold a local process (bubblewrap, namespaces)"),
        ),
        (
            r"local: refused, this host is in production( \(`role` in lab.toml\))?",
            msgid("no local process on a host that is in production"),
        ),
        (
            r"there is no Docker engine on this host(; install docker.io; `docker info` says more)?",
            msgid("there is no Docker engine on this host"),
        ),
        (
            r"DOCKER_HOST names an engine that is not this host's(; patients' data.*socket)?",
            msgid("the Docker engine named is not that of this host"),
        ),
        (
            r"the Docker engine did not do its part: .*?(; `docker info` says.*use it|$)",
            msgid("the Docker engine of this host does not answer"),
        ),
        (r"the application does not answer", msgid("no answer")),
        (r"the application answers with an error of its own", msgid("an error of its own")),
        (r"the application answers with (?P<status>[0-9]{3})", msgid("HTTP status {status}")),
        (r"another program holds the port of the (application|database)", msgid("its port is held by something else")),
        (r"the application does not end its page", msgid("a page that does not end")),
        (r"the application's page is longer than 1 MiB", msgid("a page longer than 1 MiB")),
        (r"the application's answer is not HTTP", msgid("an answer that is not HTTP")),
        (r"a connection out of the machines did not fail at once", msgid("a way out of the machines was not shut")),
        (
            r"the machine did not say whether there is a way out of it",
            msgid("whether the machines had a way out could not be found out"),
        ),
        (r"the image declares volumes", msgid("its image declares volumes")),
        (r"the image starts nothing by itself", msgid("its image starts nothing by itself")),
        (r"the database cannot be reached beside its machine", msgid("the database could not be reached")),
        (r"this kind of machine hosts no application", msgid("no software runs beside this kind of machine")),
        (r"(?P<engine>\w+) serves no application", msgid("{engine} serves no such software")),
        (r"the machine of the application cannot read a page", msgid("its machine cannot read a page")),
        (r"no server is known for this dump", msgid("no server is known for this form of backup")),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A finding in one language: `plain` for the doctor, `exact` for the auditor, `action` and who is to act."""

    plain: str
    exact: str
    action: str
    by: Actor


def say(finding: Finding, wording: Wording) -> Said:
    """Word a finding; a parameter its sentence needs and it lacks reads « ? », one too many is left out."""
    text = FINDING_TEXTS[finding.code]
    params = {name: _shown(name, value, wording) for name, value in finding.params}
    if finding.code in _OF_TESTS and "name" in params:
        params["name"] = params["name"].removeprefix("test_").replace("_", " ")
    return Said(
        plain=wording.text(text.plain, **params),
        exact=wording.text(text.exact, **params),
        action=wording.text(text.action, **params),
        by=text.by,
    )


def reason(said: str, wording: Wording) -> str:
    """Say why a machine could not be had, or why it was not the first kind thought of; what is not ours stands."""
    for pattern, message in _REASONS:
        for found in pattern.finditer(said):
            parts = {name: names.product(part) for name, part in found.groupdict().items()}
            said = said.replace(found[0], wording.text(message, **parts))
    return said


def _shown(name: str, value: Param, wording: Wording) -> str:
    if isinstance(value, str):
        return _IN_WORDS[name](value, wording) if name in _IN_WORDS else value
    if name in _PLAIN_NUMBERS:
        return str(value)
    if name in _DURATIONS:
        return wording.duration(value)
    return wording.size(value) if name in _SIZES else wording.figure(value)


def _day(written: str, wording: Wording) -> str:
    try:
        return wording.day(date.fromisoformat(written))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written
    return wording.day(moment if moment.tzinfo else moment.date())


def _month(written: str, wording: Wording) -> str:
    try:
        return wording.month(date.fromisoformat(f"{written}-01"))
    except ValueError:
        return written


#: How a parameter that is text is said; one that is not listed is a name of the data's own and stands.
_IN_WORDS: Final[Mapping[str, Callable[[str, Wording], str]]] = {
    "newest": _day,
    "taken": _day,
    "month": _month,
    "until": _day,
    "began": _day,
    "kind": partial(names.named, among={**names.OBJECT_KINDS, **names.DOCUMENT_KINDS, **names.CREATED}),
    "sign": partial(names.named, among=names.SIGNS),
    "layer": partial(names.named, among={**names.FORMATS, **names.LAYERS}),
    "control": partial(names.named, among=names.CONTROLS),
    "stage": partial(names.named, among=names.STAGES),
    "asked": partial(names.named, among=names.ASKED_FOR),
    "name": names.question,
    "mechanism": names.mechanism,
    "expected": names.expectation,
    "reason": reason,
    "used": lambda value, _: names.product(value),
    "wanted": lambda value, _: names.product(value.removesuffix(" ?")),
    "found": lambda value, _: names.product(value),
}
