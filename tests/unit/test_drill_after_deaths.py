"""What the next drill on fakes tells of those that died and of the copies they left."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fake_faults import interrupt
from fakes import Stand
from unit.drilling import codes, judged, register_of, run

from restore_lab import drill as drills
from restore_lab.drill import Outcome
from restore_lab.errors import (
    ExitCode,
    MachineFailed,
)
from restore_lab.evidence import Verdict
from restore_lab.findings import Code
from restore_lab.history import identity
from restore_lab.register import EntryType


def test_an_abandoned_drill_is_closed_by_the_next_and_a_living_one_is_not(stand: Stand) -> None:
    register, key = register_of(stand), drills.open_key(stand.lab)
    dead = {"drill": "20200101T000000Z-annual-dead", "scenario": "annual", **identity(), "pid": 2**22 + 5}
    alive = {"drill": "20200101T000000Z-annual-live", "scenario": "annual", **identity()}
    with register.locked():
        for fields in (dead, alive):
            register.append(EntryType.OPENED, fields, key=key, at=datetime.now(UTC))

    run(stand)

    checked = register.verify()
    closed = [one for one in checked.entries if one.kind is EntryType.CLOSED]
    assert [(one.fields["verdict"], one.fields["reasons"]) for one in closed] == [
        ("INCONCLUSIVE", ["ABANDONED"]),
        ("PASSED", []),
    ]
    assert closed[0].fields["drill"] == dead["drill"]
    assert [one.fields["drill"] for one in checked.unanswered] == [alive["drill"]]


def dies(stand: Stand, name: str = "dead", **fields: object) -> str:
    """A drill of this scenario that was opened and whose process is gone."""
    register, key = register_of(stand), drills.open_key(stand.lab)
    scenario = {"scenario": "annual", "scenario_sha256": stand.scenario.sha256}
    opened = {"drill": f"20200101T000000Z-annual-{name}", **scenario, **identity(), "pid": 2**22 + 5, **fields}
    with register.locked():
        register.append(EntryType.OPENED, opened, key=key, at=datetime(2020, 1, 1, 23, 30, tzinfo=UTC))
    return str(opened["drill"])


def earlier(outcome: Outcome) -> list[tuple[Code, dict[str, object]]]:
    found = [one.finding for one in outcome.evidence.findings if one.finding.code.value.startswith("EARLIER_")]
    return sorted(((one.code, dict(one.params)) for one in found), key=str)


def test_the_next_drill_tells_of_one_that_died_with_its_day_in_the_practices_zone(stand: Stand) -> None:
    dead = dies(stand)

    seen = judged(stand)

    assert earlier(seen) == [(Code.EARLIER_DRILL_DIED, {"drill": dead, "began": "2020-01-02", "count": 1})]
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED, ExitCode.PASSED)
    swept = [one.fields for one in register_of(stand).verify().entries if one.kind is EntryType.SWEPT]
    assert swept == [{"after": [dead], "all_gone": True, "removed": []}]
    assert earlier(judged(stand)) == []


def test_a_place_that_cannot_be_looked_at_after_a_death_is_a_reservation_and_exit_code_6(stand: Stand) -> None:
    dead = dies(stand)
    stand.sandbox.faults["sweep"] = MachineFailed("the node does not answer")

    for _ in range(2):
        seen = judged(stand)
        assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED_WITH_RESERVATIONS, ExitCode.NOT_GONE)
        assert seen.evidence.reasons == ("EARLIER_COPY_NOT_SHOWN_GONE",)
        assert {code for code, _ in earlier(seen)} == {Code.EARLIER_DRILL_DIED, Code.EARLIER_COPY_NOT_SHOWN_GONE}
        assert {params["drill"] for _, params in earlier(seen)} == {dead}


def test_a_death_on_another_host_is_told_once_and_its_copy_is_not_called_gone(stand: Stand) -> None:
    dies(stand, host="another")

    seen = judged(stand)

    assert {code for code, _ in earlier(seen)} == {Code.EARLIER_DRILL_DIED, Code.EARLIER_COPY_NOT_SHOWN_GONE}
    assert seen.exit_code is ExitCode.NOT_GONE
    assert earlier(judged(stand)) == []


def ends(stand: Stand, fields: dict[str, object], name: str = "left", host: str = "") -> str:
    """A drill of this scenario that was closed with more in its entry, and whose process is gone."""
    drill = dies(stand, name, **({"host": host} if host else {}))
    register, key = register_of(stand), drills.open_key(stand.lab)
    said = {"drill": drill, "scenario": "annual", "verdict": "PASSED", "reasons": [], **fields}
    with register.locked():
        register.append(EntryType.CLOSED, said, key=key, at=datetime(2020, 1, 2, tzinfo=UTC))
    return drill


LEFT = "20200101T000000Z-annual-left"
LONG_AGO, LONG_AFTER = "2020-01-02T08:00:00+00:00", "2999-01-02T08:00:00+00:00"


@pytest.mark.parametrize("said", [{"not_gone": True}, {"held_until": LONG_AFTER}])
def test_the_next_drill_looks_for_a_copy_that_outlived_its_drill(stand: Stand, said: dict[str, object]) -> None:
    left = ends(stand, said)

    seen = judged(stand)

    assert earlier(seen) == [(Code.EARLIER_COPY_GONE, {"drill": left, "began": "2020-01-02", "count": 1})]
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.PASSED, ExitCode.PASSED)
    swept = [one.fields for one in register_of(stand).verify().entries if one.kind is EntryType.SWEPT]
    assert swept == [{"after": [left], "all_gone": True, "removed": []}]
    assert earlier(judged(stand)) == []


@pytest.mark.parametrize("error", [MachineFailed("the engine is gone"), KeyboardInterrupt()])
def test_what_a_machine_that_could_not_be_lent_left_is_told_and_on_record_for_the_next_drill(
    stand: Stand, error: BaseException
) -> None:
    stand.sandbox.faults["create"], stand.sandbox.stays = error, True

    seen = judged(stand)

    (restore,) = seen.evidence.restores
    assert [(one.kind, one.gone) for one in restore.removals] == [("fake", False)]
    assert Code.COPY_NOT_SHOWN_GONE in codes(seen)
    assert (seen.evidence.verdict, seen.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.NOT_GONE)
    assert register_of(stand).verify().entries[-1].fields["not_gone"] is True


def test_a_machine_that_could_not_be_lent_and_left_nothing_is_no_removal(stand: Stand) -> None:
    stand.sandbox.faults["create"] = MachineFailed("the engine is gone")

    seen = judged(stand)

    assert (seen.evidence.restores[0].removals, seen.exit_code) == ((), ExitCode.INCONCLUSIVE)
    assert Code.COPY_NOT_SHOWN_GONE not in codes(seen)


def test_a_drill_that_left_nothing_is_not_looked_for(stand: Stand) -> None:
    ends(stand, {})

    assert earlier(judged(stand)) == []
    assert EntryType.SWEPT not in {one.kind for one in register_of(stand).verify().entries}


@pytest.mark.parametrize(
    ("said", "swept", "is_told"),
    [
        ({"held_until": LONG_AGO}, {"drill": LEFT, "removed": [{"gone": True}]}, False),
        ({"held_until": LONG_AGO}, {"drill": LEFT, "removed": [{"gone": True}, {"gone": False}]}, True),
        ({"held_until": LONG_AGO}, {"drill": "another", "removed": [{"gone": True}]}, True),
        ({"held_until": LONG_AGO, "not_gone": True}, {"drill": LEFT, "removed": [{"gone": True}]}, True),
        ({"not_gone": True}, {"after": [LEFT], "all_gone": True, "removed": []}, False),
        ({"not_gone": True}, {"after": [LEFT], "all_gone": False, "removed": []}, True),
        ({"not_gone": True}, {"after": ["another"], "all_gone": True, "removed": []}, True),
    ],
)
def test_what_a_sweep_or_the_holds_end_showed_gone_is_not_looked_for_again(
    stand: Stand, said: dict[str, object], swept: dict[str, object], *, is_told: bool
) -> None:
    assert ends(stand, said) == LEFT
    register, key = register_of(stand), drills.open_key(stand.lab)
    with register.locked():
        register.append(EntryType.SWEPT, swept, key=key, at=datetime(2020, 1, 3, tzinfo=UTC))

    assert [code for code, _ in earlier(judged(stand))] == [Code.EARLIER_COPY_GONE] * is_told


def test_a_copy_that_was_left_and_cannot_be_looked_for_is_said_at_every_drill(stand: Stand) -> None:
    left = ends(stand, {"not_gone": True})
    stand.sandbox.faults["sweep"] = MachineFailed("the node does not answer")

    for _ in range(2):
        seen = judged(stand)
        assert (seen.evidence.reasons, seen.exit_code) == (("EARLIER_COPY_NOT_SHOWN_GONE",), ExitCode.NOT_GONE)
        assert [(code, params["drill"]) for code, params in earlier(seen)] == [(Code.EARLIER_COPY_NOT_SHOWN_GONE, left)]


def test_a_hold_on_another_host_is_told_once_when_its_time_is_over(stand: Stand) -> None:
    ends(stand, {"held_until": LONG_AFTER}, "holds", host="another")
    over = ends(stand, {"held_until": LONG_AGO}, "over", host="another")

    told = [[(code, params["drill"]) for code, params in earlier(judged(stand))] for _ in range(2)]

    assert told == [[(Code.EARLIER_COPY_NOT_SHOWN_GONE, over)], []]


def test_many_deaths_are_counted_and_three_of_them_named(stand: Stand) -> None:
    names = [dies(stand, f"dea{number}") for number in range(5)]

    seen = earlier(judged(stand))

    assert [params["drill"] for _, params in seen] == names[2:]
    assert {params["count"] for _, params in seen} == {5}


def test_an_interrupt_while_the_dead_are_swept_ends_the_drill_with_its_record(stand: Stand) -> None:
    dies(stand)
    stand.sandbox.faults["sweep"] = interrupt()

    seen = judged(stand)

    assert (seen.evidence.verdict, seen.evidence.restores) == (Verdict.INCONCLUSIVE, ())
    assert Code.INTERRUPTED in codes(seen)
    assert seen.exit_code is ExitCode.NOT_GONE
    assert stand.sandbox.lent == []
    assert seen.recorded.report is not None
