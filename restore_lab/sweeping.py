"""What the dead left: copies of this lab whose drill is gone, removed; and what the next drill says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from restore_lab.durable import undisturbed
from restore_lab.errors import MachineFailed
from restore_lab.evidence import Removal
from restore_lab.findings import Code, Finding, finding
from restore_lab.history import Earlier, is_of_this_host
from restore_lab.lab import Lab
from restore_lab.register import Entry, EntryType, Register
from restore_lab.sandboxes.base import Sandbox
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.raspberry_pi.driver import nodes_of
from restore_lab.scenario import Auto, Scenario
from restore_lab.signature.keys import SigningKey

#: So many drills of a kind are named; each finding says how many there are in all.
_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """What was found and removed, and why not everything could be looked at."""

    removals: tuple[Removal, ...] = ()
    unseen: tuple[str, ...] = ()
    is_interrupted: bool = False

    @property
    def all_gone(self) -> bool:
        """Whether everything was looked at, and nothing of it is left."""
        return not self.unseen and not self.is_interrupted and all(one.gone for one in self.removals)


def everywhere(lab: Lab) -> tuple[Sandbox, ...]:
    """Every kind of machine that a drill of this lab may have had, its nodes among them."""
    return (*Auto().sandboxes(), *nodes_of(lab.root))


def sweep(lab: Lab, sandboxes: Iterable[Sandbox], ended: Collection[str]) -> Swept:
    """Remove what dead drills of a lab left on these kinds of machines; an interrupt ends it, and is said.

    `ended` names the drills whose process is gone.
    """
    removals, unseen = list[Removal](), list[str]()
    try:
        for sandbox in sandboxes:
            try:
                removals.extend(sandbox.sweep(now=datetime.now(UTC), lab_id=lab.lab_id, ended=ended))
            except MachineFailed as error:
                unseen.append(error.message)
    except KeyboardInterrupt:
        return Swept(removals=tuple(removals), unseen=tuple(unseen), is_interrupted=True)
    return Swept(removals=tuple(removals), unseen=tuple(unseen))


def after_death(lab: Lab, scenario: Scenario, earlier: Earlier, register: Register, key: SigningKey) -> Swept:
    """Remove what earlier drills may have left, and append what was done."""
    swept = sweep(lab, _where(lab, scenario, earlier.entries), earlier.ended)
    with register.locked(), undisturbed():
        register.append(EntryType.SWEPT, entry_fields(swept, earlier.entries), key=key, at=datetime.now(UTC))
    return swept


def said_of(earlier: Earlier, swept: Swept, zone: ZoneInfo) -> Iterator[Finding]:
    """Name the drills that died or left a copy, the last first, and say whether one may still lie somewhere."""

    def named(code: Code, among: Sequence[Entry]) -> Iterator[Finding]:
        for one in among[: -_NAMED - 1 : -1]:
            began = f"{one.at.astimezone(zone):%Y-%m-%d}"
            yield finding(code, drill=str(one.fields.get("drill")), began=began, count=len(among))

    yield from named(Code.EARLIER_DRILL_DIED, earlier.died)
    if swept.all_gone and all(is_of_this_host(one) for one in earlier.entries):
        yield from named(Code.EARLIER_COPY_GONE, earlier.left)
    else:
        yield from named(Code.EARLIER_COPY_NOT_SHOWN_GONE, (*earlier.left, *earlier.died[-1:]))
    if swept.is_interrupted:
        yield finding(Code.INTERRUPTED, stage="sweep")


def entry_fields(swept: Swept, dead: Iterable[Entry]) -> dict[str, object]:
    """Give what a `swept` entry says: whose remains were looked for, what was removed, whether nothing is left."""
    drills = [one.fields.get("drill") for one in dead]
    return {"after": drills, "all_gone": swept.all_gone, **removed(swept.removals)}


def removed(removals: Iterable[Removal]) -> dict[str, list[dict[str, str | bool]]]:
    """Give what a `swept` entry says of things that were removed after their drill."""
    return {"removed": [{"kind": one.kind, "name": one.name, "gone": one.gone} for one in removals]}


def _where(lab: Lab, scenario: Scenario, dead: Sequence[Entry]) -> tuple[Sandbox, ...]:
    """Where the dead can have left a copy: anywhere, unless all of them ran this very scenario.

    On this host in any case: the operator's own tests are run here.
    """
    if any(one.fields.get("scenario_sha256") != scenario.sha256 for one in dead):
        return everywhere(lab)
    return (*(sandbox for restore in scenario.settings.restore for sandbox in restore.sandboxes), Local())
