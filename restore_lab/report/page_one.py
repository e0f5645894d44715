"""Page 1, for the doctor: what was restored, what it means, what to do; no word of computing.

Never here: RPO, RTO, hashes, isolation, "valid signature", a score (DESIGN, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, assert_never

from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.report.advice import NAME_LENGTH, SHOWN, Line, Point, more, next_test, points, steps
from restore_lab.report.glyphs import printable
from restore_lab.report.outcome import Outcome, outcome_of
from restore_lab.report.wording import THIN

if TYPE_CHECKING:
    from restore_lab.counted import DocumentCount
    from restore_lab.evidence import Evidence, RestoreRecord
    from restore_lab.report.wording import Wording

Kind = Literal["passed", "reserved", "inconclusive", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOne:
    """All the text of page 1, in reading order."""

    kind: Kind
    overline: str
    practice: str
    tested_on: str
    verdict: str
    lead: tuple[str, ...]
    facts: tuple[Line, ...]
    steps_title: str
    steps: tuple[str, ...]
    points_title: str
    points: tuple[Point, ...]
    more: str
    proof_title: str
    proof: tuple[Line, ...]
    next_test: Line


def page_one(evidence: Evidence, wording: Wording) -> PageOne:
    """Say a drill to the doctor."""
    found = points(evidence, wording)
    steps_title, to_do = steps(evidence, wording)
    return PageOne(
        kind=_kind(evidence.verdict),
        overline=wording.text("Backup restore test"),
        practice=printable(evidence.people.practice, NAME_LENGTH),
        tested_on=wording.text("Test of {day}", day=wording.day(evidence.finished_at)),
        verdict=_verdict(evidence.verdict, wording),
        lead=_lead(evidence, wording),
        facts=_facts(evidence, wording),
        steps_title=steps_title,
        steps=to_do,
        points_title=_points_title(evidence.verdict, wording),
        points=found[:SHOWN],
        more=more(len(found) - SHOWN, wording),
        proof_title=wording.text("What this test proves, and what it does not prove"),
        proof=_proof(evidence, wording),
        next_test=next_test(evidence, wording),
    )


def _kind(verdict: Verdict) -> Kind:
    match verdict:
        case Verdict.PASSED:
            return "passed"
        case Verdict.PASSED_WITH_RESERVATIONS:
            return "reserved"
        case Verdict.INCONCLUSIVE:
            return "inconclusive"
        case Verdict.FAILED:
            return "failed"
        case _:
            assert_never(verdict)


def _verdict(verdict: Verdict, wording: Wording) -> str:
    match verdict:
        case Verdict.PASSED:
            return wording.text("Test passed")
        case Verdict.PASSED_WITH_RESERVATIONS:
            return wording.text("Test passed, with reservations")
        case Verdict.INCONCLUSIVE:
            return wording.text("Test without result:")
        case Verdict.FAILED:
            return wording.text("Failed")
        case _:
            assert_never(verdict)


def _lead(evidence: Evidence, wording: Wording) -> tuple[str, ...]:
    restores = [restore for restore in evidence.restores if restore.recovery_point]
    said = [_outcome(restore, evidence, wording) for restore in restores[:SHOWN]]
    if len(restores) > 1:
        places = [printable(restore.place, NAME_LENGTH) for restore in restores[:SHOWN]]
        said = [f"{place} – {text}" for place, text in zip(places, said, strict=True)]
    if len(restores) > SHOWN:
        said.append(more(len(restores) - SHOWN, wording))
    if evidence.verdict is Verdict.INCONCLUSIVE:
        return (wording.text("we do not know whether your backup is good."), *said)
    if evidence.verdict is Verdict.FAILED:
        none = (wording.text("No backup could be restored."),)
        return (*said, wording.text("Do not rely on this backup.")) if said else none
    return tuple(said) or (wording.text("No backup could be restored."),)


def _outcome(restore: RestoreRecord, evidence: Evidence, wording: Wording) -> str:
    moment = wording.moment(restore.recovery_point.taken_at) if restore.recovery_point else "?"
    if restore.is_of_documents:
        return _outcome_of_documents(outcome_of(restore, evidence), moment, wording)
    match outcome_of(restore, evidence):
        case Outcome.RESTORED:
            return wording.text("The backup of {moment} could be restored on a test machine.", moment=moment)
        case Outcome.IN_PART:
            return wording.text("The backup of {moment} could not be restored entirely.", moment=moment)
        case Outcome.NOT_RESTORED:
            return wording.text("The backup of {moment} could not be restored.", moment=moment)
        case Outcome.NOT_SUITABLE:
            return wording.text(
                "The backup of {moment} could be put back, but it did not pass the test.", moment=moment
            )
        case Outcome.UNKNOWN:
            return wording.text("The test was about the backup of {moment}.", moment=moment)


def _outcome_of_documents(outcome: Outcome, moment: str, wording: Wording) -> str:
    match outcome:
        case Outcome.RESTORED:
            return wording.text("The documents saved on {moment} could be restored on a test machine.", moment=moment)
        case Outcome.IN_PART:
            return wording.text("The documents saved on {moment} could not all be restored.", moment=moment)
        case Outcome.NOT_RESTORED:
            return wording.text("The documents saved on {moment} could not be restored.", moment=moment)
        case Outcome.NOT_SUITABLE:
            return wording.text(
                "The documents saved on {moment} could be put back, but did not pass the test.", moment=moment
            )
        case Outcome.UNKNOWN:
            return wording.text("The test was about the documents saved on {moment}.", moment=moment)


def _facts(evidence: Evidence, wording: Wording) -> tuple[Line, ...]:
    loaded = [restore for restore in evidence.restores if restore.measured_restore_seconds is not None]
    databases = [restore for restore in loaded if not restore.is_of_documents]
    facts = [_newest(databases, wording)] if databases else []
    documents = [one for restore in loaded for one in restore.documents]
    facts += [_documents(documents, wording)] if documents else []
    facts += [_seconds(loaded, wording)] if loaded else []
    facts.append(_not_tested(evidence, wording))
    facts += _earlier(evidence, wording)
    suppliers = [restore.key_supplied_by for restore in evidence.restores if restore.key_supplied_by]
    if suppliers or loaded:
        facts.append(_key(suppliers, wording))
    return tuple(facts)


def _newest(loaded: list[RestoreRecord], wording: Wording) -> Line:
    label = wording.text("Last consultation found:")
    newest = [restore.newest_entry_at for restore in loaded if restore.newest_entry_at]
    if not newest:
        return Line(label=label, text=wording.text("this test did not establish its date."))
    day, time = wording.day(max(newest)), wording.time(max(newest))
    return Line(
        label=label,
        text=wording.text(
            "{day}, {time}. What was entered afterwards would have to be typed again.", day=day, time=time
        ),
    )


def _documents(documents: list[DocumentCount], wording: Wording) -> Line:
    found = sum(one.count for one in documents)
    broken = sum(one.unreadable for one in documents)
    seen = wording.count("one letter, photo or other file,", "{n} letters, photos and other files,", found)
    how = (
        wording.count("one of them cannot be opened.", "{n} of them cannot be opened.", broken)
        if broken
        else wording.text("none of them damaged as far as we can open them.")
    )
    return Line(label=wording.text("Documents found:"), text=f"{seen} {how}")


def _seconds(loaded: list[RestoreRecord], wording: Wording) -> Line:
    took = sum(restore.measured_restore_seconds or 0 for restore in loaded)
    return Line(
        label=wording.text("Putting the data back:"),
        text=wording.text(
            "{duration} on the test machine. This is not how long you would be down: add hardware, software, "
            "licence, health professional card.",
            duration=wording.duration(took),
        ),
    )


def _not_tested(evidence: Evidence, wording: Wording) -> Line:
    label = wording.text("Not tested:")
    places = {restore.restore_id: printable(restore.place, NAME_LENGTH) for restore in evidence.restores}
    passed_over = [one.finding.restore_id for one in evidence.findings if one.finding.code is Code.NOT_THE_LATEST]
    untested = [wording.text("the latest backup ({place})", place=places.get(one or "", "?")) for one in passed_over]
    untested += [printable(place.label, NAME_LENGTH) for place in evidence.places if not place.tested]
    if not untested and not evidence.places:
        return Line(label=label, text=wording.text("no other place with patient data was declared."))
    if not untested:
        return Line(label=label, text=wording.text("every declared place with patient data was tested."))
    shown = (f"{THIN}; " if wording.language == "fr" else "; ").join(untested[:SHOWN])
    rest = f" {more(len(untested) - SHOWN, wording)}" if len(untested) > SHOWN else "."
    return Line(label=label, text=shown + rest)


def _earlier(evidence: Evidence, wording: Wording) -> list[Line]:
    """Say which earlier tests died or left a copy, unless a reservation says it with more reason: it may be there."""
    if any(one.finding.code is Code.EARLIER_COPY_NOT_SHOWN_GONE for one in evidence.findings):
        return []
    lines = []
    if days := _begun(evidence, Code.EARLIER_DRILL_DIED, wording):
        text = wording.text("test begun on {days}. Whatever it left of the data was removed.", days=days)
        lines.append(Line(label=wording.text("Stopped before its end:"), text=text))
    if days := _begun(evidence, Code.EARLIER_COPY_GONE, wording):
        text = wording.text("that of the test begun on {days}. It was looked for again and is gone.", days=days)
        lines.append(Line(label=wording.text("Copy not removed in time:"), text=text))
    return lines


def _begun(evidence: Evidence, code: Code, wording: Wording) -> str:
    """Name the days on which the tests that a code is about began, the first of them first."""
    found = [one.finding for one in evidence.findings if one.finding.code is code]
    began = [value for one in reversed(found) for name, value in one.params if name == "began"]
    return ", ".join(dict.fromkeys(wording.day(date.fromisoformat(str(day))) for day in began)) or "?" * bool(found)


def _key(suppliers: list[str], wording: Wording) -> Line:
    label = wording.text("Key of the backup supplied by:")
    if not suppliers:
        return Line(label=label, text=wording.text("not needed: this backup is not encrypted."))
    names = ", ".join(dict.fromkeys(printable(name, NAME_LENGTH) for name in suppliers[:SHOWN]))
    return Line(label=label, text=f"{names}.")


def _points_title(verdict: Verdict, wording: Wording) -> str:
    if verdict is Verdict.PASSED_WITH_RESERVATIONS:
        return wording.text("Reservations")
    return wording.text("What was seen")


def _proof(evidence: Evidence, wording: Wording) -> tuple[Line, ...]:
    proves, does_not = wording.text("It proves:"), wording.text("It does not prove:")
    if evidence.verdict is Verdict.INCONCLUSIVE:
        text = wording.text("nothing: neither that your backup is good, nor that it is bad.")
        return (Line(label=proves, text=text),)
    if evidence.verdict is Verdict.FAILED:
        tested = any(restore.recovery_point for restore in evidence.restores)
        copy = wording.text("that this copy, on this date, did not pass on this machine.")
        return (
            Line(label=proves, text=copy if tested else wording.text("that no backup was there to test on this date.")),
            Line(
                label=does_not,
                text=wording.text("anything about your other copies, or about the data you are working with."),
            ),
        )
    asked = sum(bool(check.answered and check.asked) for restore in evidence.restores for check in restore.checks)
    seen = wording.count(
        "that this copy, on this date, loads and answers one question on this machine.",
        "that this copy, on this date, loads and answers {n} questions on this machine.",
        asked,
    )
    compared = _compared(evidence, wording)
    limits = (
        wording.text(
            "that each of its values equals your live data, that the other copies work, that the medical software "
            "starts, that next month's backup will be good, or that the practice can restore without its contractor."
        )
        if compared
        else wording.text(
            "that it equals your live data, that the other copies work, that the medical software starts, that next "
            "month's backup will be good, or that the practice can restore without its contractor."
        )
    )
    return Line(label=proves, text=" ".join((seen, *compared))), Line(label=does_not, text=limits)


def _compared(evidence: Evidence, wording: Wording) -> tuple[str, ...]:
    """Say with which fingerprints of the live database copies were compared."""
    taken = dict.fromkeys(one.fingerprint.taken_at for one in evidence.restores if one.fingerprint)
    return tuple(
        wording.text(
            "It was compared with the fingerprint of your live data taken on {moment}.", moment=wording.moment(at)
        )
        for at in taken
    )
