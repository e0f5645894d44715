"""The auditor's pages, third part: what the restored data answered, what stayed unknown, what was removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore_lab.report.auditor_controls import control_section
from restore_lab.report.blocks import Block, Note, Section, table
from restore_lab.report.names import CREATED, DOCUMENT_KINDS, OBJECT_KINDS, QUESTION_KINDS, named, question

if TYPE_CHECKING:
    from restore_lab.evidence import CheckRecord, Evidence, Removal, RestoreRecord
    from restore_lab.report.wording import Wording

#: Beyond this many tables the list is cut; the attached evidence has them all.
TABLES_SHOWN = 20000


def answer_sections(restore: RestoreRecord, evidence: Evidence, wording: Wording) -> tuple[Section, ...]:
    """Say what one restore's questions brought, with all counts and what was seen of its removal."""
    sections = (
        _questions(restore, evidence, wording),
        _problems(restore, wording),
        _counts(restore, wording),
        control_section(restore, wording),
        _removals(restore, wording),
    )
    return tuple(section for section in sections if section.blocks)


def _questions(restore: RestoreRecord, evidence: Evidence, wording: Wording) -> Section:
    text = wording.text
    title = text("Questions asked")
    if not restore.checks:
        return Section(title=title, level=3, blocks=(Note(text=text("No question was asked.")),))
    rows = [_question(check, restore, evidence, wording) for check in restore.checks]
    columns = (text("Question"), text("Kind"), text("Looked at"), text("Result"), text("Time"))
    return Section(title=title, level=3, blocks=(table(text("Questions asked"), columns, rows, "LlrLr"),))


def _question(check: CheckRecord, restore: RestoreRecord, evidence: Evidence, wording: Wording) -> tuple[str, ...]:
    kind = named(check.kind, wording, QUESTION_KINDS)
    if check.on_test_machine_only:
        kind = wording.text("{kind} – control of the test machine", kind=kind)
    codes = [
        graded.finding.code
        for graded in evidence.findings
        if graded.finding.check == check.name and graded.finding.restore_id in {None, restore.restore_id}
    ]
    result = ", ".join(dict.fromkeys(codes)) or wording.text("nothing to report")
    if not check.answered:
        result = wording.text("no answer") + (f" ({result})" if codes else "")
    return question(check.name, wording), kind, wording.figure(check.asked), result, wording.duration(check.seconds)


def _problems(restore: RestoreRecord, wording: Wording) -> Section:
    text = wording.text
    rows = [
        (
            problem.code,
            problem.subject,
            wording.figure(problem.count),
            str(problem.first_line) if problem.first_line is not None else "–",
            text("yes") if problem.harmful else text("no"),
        )
        for problem in restore.load_problems
    ]
    columns = (text("Code"), text("About"), text("Count"), text("First line"), text("Harmful"))
    blocks: tuple[Block, ...] = (table(text("Load errors"), columns, rows, "lLrrl"),) if rows else ()
    return Section(title=text("Load errors"), level=3, blocks=blocks)


def _counts(restore: RestoreRecord, wording: Wording) -> Section:
    text = wording.text
    blocks: list[Block] = []
    if restore.documents:
        columns = (text("Class"), text("Documents"), text("Size"), text("Do not open"))
        blocks.append(table(text("Documents by class"), columns, _documents(restore, wording), "Lrrr"))
    opened = {one.kind for one in restore.documents}
    if objects := [one for one in restore.objects if one.kind not in opened]:
        kinds = {**DOCUMENT_KINDS, **OBJECT_KINDS}
        rows = [(named(item.kind, wording, kinds), wording.figure(item.count)) for item in objects]
        blocks.append(table(text("Objects"), (text("Objects"), text("Count")), rows, "Lr", repeat=2))
    shown = restore.tables[:TABLES_SHOWN]
    if shown:
        rows = [(item.name, wording.figure(item.rows)) for item in shown]
        blocks.append(table(text("Rows by table"), (text("Table"), text("Rows")), rows, "Lr", repeat=2))
    if restore.months:
        columns = (text("Table"), text("Closed months"), text("First"), text("Last"))
        blocks.append(table(text("Closed months counted"), columns, _months(restore, wording), "LrLL"))
    left = len(restore.tables) - len(shown)
    if left:
        blocks.append(
            Note(text=wording.count("One more table: attached evidence.", "{n} more: attached evidence.", left))
        )
    return Section(title=text("Counts"), level=3, blocks=tuple(blocks))


def _documents(restore: RestoreRecord, wording: Wording) -> list[tuple[str, ...]]:
    return [
        (
            named(one.kind, wording, DOCUMENT_KINDS),
            wording.figure(one.count),
            wording.size(one.size_bytes),
            wording.figure(one.unreadable),
        )
        for one in restore.documents
    ]


def _months(restore: RestoreRecord, wording: Wording) -> list[tuple[str, ...]]:
    """Give one line a table: how many months that were over hold rows, the first, the last; evidence has them all."""
    months: dict[str, list[str]] = {}
    for one in restore.months:
        months.setdefault(one.table, []).append(one.month)
    return [(name, wording.figure(len(seen)), min(seen), max(seen)) for name, seen in months.items()]


def _removals(restore: RestoreRecord, wording: Wording) -> Section:
    text = wording.text
    title = text("Destruction of the copy")
    if not restore.removals:
        created = text("No removal was recorded, though a machine was opened.")
        nothing = created if restore.conditions else text("Nothing was created, so nothing to remove.")
        return Section(title=title, level=3, blocks=(Note(text=nothing),))
    rows = [
        (
            named(item.kind, wording, CREATED),
            item.name,
            wording.stamp(item.removed_at) if item.removed_at else "–",
            _seen_afterwards(item, restore, wording),
        )
        for item in restore.removals
    ]
    columns = (text("Kind"), text("Name"), text("Removed"), text("Seen afterwards"))
    return Section(title=title, level=3, blocks=(table(title, columns, rows, "lLlL"),))


def _seen_afterwards(item: Removal, restore: RestoreRecord, wording: Wording) -> str:
    if item.gone:
        return wording.text("copy removed, not found when looked for")
    if restore.held_until is not None:
        until = wording.moment(restore.held_until)
        return wording.text("copy kept until {until}; the register records its removal", until=until)
    return wording.text("REMOVAL NOT CONFIRMED: still found, or not looked up")


def unknown_section(evidence: Evidence, wording: Wording) -> Section:
    """List what was not tested, not reached or not answered, over the whole drill."""
    lines = [
        wording.text("Place not tested: {place}", place=place.label) for place in evidence.places if not place.tested
    ]
    if not evidence.restores:
        lines.append(wording.text("No restore was begun."))
    for restore in evidence.restores:
        lines += _unknown(restore, wording)
    if not lines:
        lines = [wording.text("Nothing: every declared place was tested and every question was answered.")]
    rows = [(line,) for line in lines]
    caption = wording.text("Not tested, not reached, not answered")
    return Section(title=caption, blocks=(table(caption, (wording.text("What is missing"),), rows, "L"),))


def _unknown(restore: RestoreRecord, wording: Wording) -> list[str]:
    text, where = wording.text, restore.restore_id
    reached = (
        (restore.recovery_point, text("{where}: no recovery point", where=where)),
        (restore.sha256, text("{where}: bytes not read to their end", where=where)),
        (restore.conditions, text("{where}: no machine", where=where)),
        (restore.server, text("{where}: no server", where=where)),
        (restore.measured_restore_seconds is not None, text("{where}: load not completed", where=where)),
        *_counted(restore, wording),
    )
    unanswered = [
        text("{where}: question {name} without answer", where=where, name=question(check.name, wording))
        for check in restore.checks
        if not check.answered
    ]
    return [line for there, line in reached if not there] + unanswered


def _counted(restore: RestoreRecord, wording: Wording) -> tuple[tuple[object, str], ...]:
    """A folder of documents has no tables, and no newest entry; a database has no documents."""
    text, where = wording.text, restore.restore_id
    if restore.is_of_documents:
        return ((restore.documents, text("{where}: no document opened", where=where)),)
    return (
        (restore.tables, text("{where}: no table counted", where=where)),
        (restore.newest_entry_at, text("{where}: freshness of the data not established", where=where)),
    )
