"""The auditor's pages, second part: one restore, from the bytes of the backup to the server that took them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from restore_lab.report.blocks import Block, Fact, Facts, Note, Section, fact, table
from restore_lab.report.names import (
    FORMATS,
    LAYERS,
    LIMITS,
    SOURCES,
    UNPROVED,
    mechanism,
    named,
    named_first,
    product,
)
from restore_lab.report.said import reason

if TYPE_CHECKING:
    from restore_lab.evidence import Conditions, Limit, RestoreRecord
    from restore_lab.report.wording import Wording
    from restore_lab.restored import DumpRecord

_UTC = ZoneInfo("UTC")
_NANO: Final = 1_000_000_000


def restore_sections(restore: RestoreRecord, wording: Wording) -> tuple[Section, ...]:
    """Say how one restore went; what it did not reach is said to be absent."""
    sections = (
        _backup(restore, wording),
        _machine(restore, wording),
        _application(restore, wording),
        _timeline(restore, wording),
    )
    return tuple(section for section in sections if section.blocks)


def _backup(restore: RestoreRecord, wording: Wording) -> Section:
    text = wording.text
    title = text("Backup and recovery point")
    point = restore.recovery_point
    if point is None:
        return Section(title=title, level=3, blocks=(Note(text=text("No recovery point was reached.")),))
    why = {
        "latest": text("the latest by date alone"),
        "oldest": text("the oldest, asked for by hand"),
        "random": text("drawn at random, asked for by hand"),
    }.get(point.asked_for, text("asked for by hand"))
    chosen = wording.count("{why}, out of one candidate", "{why}, out of {n} candidates", point.candidates, why=why)
    facts = (
        fact(text("Source"), named_first(point.source, wording, SOURCES)),
        fact(text("Recovery point"), point.point),
        fact(text("Taken"), f"{wording.moment(point.taken_at)} ({named(point.dated_by, wording)})"),
        fact(text("Why this one"), chosen),
        fact(text("Size"), _size(point.size_bytes, wording)),
        fact(text("Bytes read"), _size(restore.read_bytes, wording)),
        fact(text("SHA-256 of the bytes"), restore.sha256, mono=True, absent=text("not computed")),
        fact(text("Key supplied by"), restore.key_supplied_by, absent=text("none recorded")),
        *_dump(restore, wording),
        *_fingerprint(restore, wording),
    )
    return Section(title=title, level=3, blocks=(Facts(facts=facts),))


def _fingerprint(restore: RestoreRecord, wording: Wording) -> tuple[Fact, ...]:
    compared, text = restore.fingerprint, wording.text
    if restore.is_of_documents:
        return ()
    if compared is None:
        return (fact(text("Fingerprint of the live database"), text("none was compared")),)
    return (
        fact(text("Fingerprint of the live database"), wording.moment(compared.taken_at)),
        fact(text("SHA-256 of the fingerprint"), compared.sha256, mono=True),
    )


def _size(size_bytes: int, wording: Wording) -> str:
    return f"{wording.size(size_bytes)} ({wording.count('{n} byte', '{n} bytes', size_bytes)})"


def _dump(restore: RestoreRecord, wording: Wording) -> tuple[Fact, ...]:
    text, dump, server = wording.text, restore.dump, restore.server
    facts: list[Fact] = []
    if dump:
        facts += [
            fact(text("Layers"), ", ".join(named(one, wording, LAYERS) for one in dump.layers) or text("none")),
            fact(text("Dump"), _described(dump, wording)),
        ]
    else:
        facts.append(fact(text("Dump"), text("not recognised, or not reached")))
    if server and restore.is_of_documents:  # an archive is of no series
        facts.append(fact(text("Server of the test"), f"{product(server.engine)} {server.version}"))
    elif server:
        series = text("the dump's own series") if server.own_series else text("another series than the dump's")
        facts.append(fact(text("Server of the test"), f"{product(server.engine)} {server.version} ({series})"))
    else:
        facts.append(fact(text("Server of the test"), text("not started")))
    return tuple(facts)


def _described(dump: DumpRecord, wording: Wording) -> str:
    origin = product(f"{dump.vendor} {dump.version}".strip())
    tool = wording.text("written by {tool}", tool=dump.tool) if dump.tool else ""
    return ", ".join(part for part in (origin, named(dump.format, wording, FORMATS), tool) if part)


def _machine(restore: RestoreRecord, wording: Wording) -> Section:
    conditions = restore.conditions
    title = wording.text("Machine")
    if conditions is None:
        return Section(title=title, level=3, blocks=(Note(text=wording.text("No machine was opened.")),))
    blocks: list[Block] = [Facts(facts=_conditions(conditions, wording))]
    if conditions.limits:
        rows = [
            (named(limit.name, wording, LIMITS), _value(limit, wording), named(limit.how, wording))
            for limit in conditions.limits
        ]
        columns = (wording.text("Limit"), wording.text("Value"), wording.text("How it is held"))
        blocks.append(table(wording.text("Limits of the machine"), columns, rows, "lrL"))
    if any(limit.how == "not enforced" for limit in conditions.limits):
        blocks.append(Note(text=_not_enforced(wording)))
    return Section(title=title, level=3, blocks=tuple(blocks))


def _not_enforced(wording: Wording) -> str:
    return wording.text(
        "A limit marked as not enforced was asked for, and nothing held it. The test could have slowed its host; who"
        " could reach the data does not depend on it."
    )


def _value(limit: Limit, wording: Wording) -> str:
    if limit.name == "nano_cpus":
        cpus = limit.value / _NANO
        return wording.count("{number} processor", "{number} processors", math.ceil(cpus), number=wording.decimal(cpus))
    if limit.name == "seconds":
        return wording.duration(limit.value)
    return wording.size(limit.value) if "bytes" in limit.name else wording.figure(limit.value)


def _conditions(conditions: Conditions, wording: Wording) -> tuple[Fact, ...]:
    text = wording.text
    isolation = f"{named(conditions.isolation, wording)} ({mechanism(conditions.mechanism, wording)})"
    return (
        fact(text("Kind"), named(conditions.sandbox, wording)),
        *_node(conditions, wording),
        fact(text("Isolation in force"), isolation),
        *_unproved(conditions, wording),
        fact(text("Data held"), named(conditions.storage, wording)),
        fact(text("Image"), conditions.image, absent=text("not applicable")),
        fact(text("Image ID"), conditions.image_id, mono=True, absent=text("not applicable")),
        *_packages(conditions, wording),
        fact(text("Why this machine"), _chosen(conditions.chosen_because, wording), absent=text("not stated")),
    )


def _node(conditions: Conditions, wording: Wording) -> tuple[Fact, ...]:
    if conditions.node is None:
        return ()
    name = wording.text("{name} ({hardware})", name=conditions.node, hardware=conditions.hardware)
    return (fact(wording.text("Test machine"), name),)


def _unproved(conditions: Conditions, wording: Wording) -> tuple[Fact, ...]:
    if not conditions.unproved:
        return ()
    names = ", ".join(named(one, wording, UNPROVED) for one in conditions.unproved)
    return (fact(wording.text("Not tried from inside"), names),)


def _packages(conditions: Conditions, wording: Wording) -> tuple[Fact, ...]:
    if conditions.sbom_sha256 is None:  # an image that is not ours, or none
        return ()
    return (fact(wording.text("SHA-256 of the list of its packages (SBOM)"), conditions.sbom_sha256, mono=True),)


def _application(restore: RestoreRecord, wording: Wording) -> Section:
    """Say what ran on top of the database, and what came of the tries to get out of both machines."""
    text, application = wording.text, restore.application
    title = text("Software on top of the data")
    if application is None:
        return Section(title=title, level=3, blocks=())
    ready = application.ready_seconds
    tried = sum(one.tried for one in application.egress)
    not_shut = sum(one.open for one in application.egress)
    facts = (
        *_conditions(application.conditions, wording),
        fact(
            text("Connections tried out of both machines"),
            text("{tried}, not refused at once: {open}", tried=wording.figure(tried), open=wording.figure(not_shut))
            if tried
            else None,
            absent=text("none"),
        ),
        fact(text("First page after"), None if ready is None else wording.duration(ready), absent=text("no page")),
    )
    return Section(title=title, level=3, blocks=(Facts(facts=facts),))


def _chosen(because: str, wording: Wording) -> str:
    if because == "first choice":
        return wording.text("first choice, nothing better was passed over")
    return reason(because, wording)


def _timeline(restore: RestoreRecord, wording: Wording) -> Section:
    text = wording.text
    blocks: list[Block] = []
    if restore.timeline:
        rows = [
            (named(moment.name, wording), wording.stamp(moment.at, _UTC), wording.stamp(moment.at))
            for moment in restore.timeline
        ]
        columns = (text("Moment"), text("UTC"), text("Local time"))
        blocks.append(table(text("Timeline"), columns, rows, "llL"))
    blocks.append(Facts(facts=_figures(restore, wording)))
    return Section(title=text("Timeline and figures"), level=3, blocks=tuple(blocks))


def _figures(restore: RestoreRecord, wording: Wording) -> tuple[Fact, ...]:
    text = wording.text

    def lasted(seconds: float | None) -> str | None:
        return None if seconds is None else wording.duration(seconds)

    not_measured = text("not measured")
    newest = wording.moment(restore.newest_entry_at) if restore.newest_entry_at else None
    return (
        fact(text("Load alone"), lasted(restore.load_seconds), absent=not_measured),
        fact(
            text("Restore, on this machine"),
            lasted(restore.measured_restore_seconds),
            absent=not_measured,
        ),
        fact(text("Objective (RTO)"), lasted(restore.objective_rto_seconds), absent=text("none set")),
        fact(text("Newest past-dated entry"), newest, absent=text("not established")),
        fact(text("Age of the data at backup time"), lasted(restore.data_age_at_backup_seconds), absent=not_measured),
        fact(text("Age of the data at the drill"), lasted(restore.data_age_at_drill_seconds), absent=not_measured),
    )
