"""Evidence: written once, read for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_lab.errors import SealBroken
from restore_lab.evidence import PREDICATE_TYPE, Evidence, Verdict, from_json, to_json

#: Written by the first release. Never change it: a later release that cannot read it breaks old reports.
GOLDEN = Path(__file__).parents[1] / "golden" / "drill-v1.json"


def test_what_is_written_is_read_back(drill: Evidence) -> None:
    assert from_json(to_json(drill)) == drill


def test_the_same_evidence_is_always_the_same_bytes(drill: Evidence) -> None:
    written = to_json(drill)

    assert to_json(from_json(written)) == written
    assert b"\n" not in written
    assert list(json.loads(written)) == sorted(json.loads(written))


def test_times_are_written_in_utc(passed: Evidence) -> None:
    assert json.loads(to_json(passed))["started_at"] == "2026-11-10T08:30:00Z"


def test_fields_of_a_later_release_are_ignored_wherever_they_stand(passed: Evidence) -> None:
    later = json.loads(to_json(passed))
    later["added_later"] = {"any": "thing"}
    later["people"]["added_later"] = 1
    later["restores"][0]["added_later"] = [1, 2]
    later["restores"][0]["tables"][0]["added_later"] = None
    later["places"][0]["added_later"] = True

    assert from_json(json.dumps(later).encode()) == passed


def test_the_golden_file_is_read_for_ever() -> None:
    seen = from_json(GOLDEN.read_bytes())

    assert (seen.schema_version, PREDICATE_TYPE) == (1, "urn:x-restore-lab:drill/v1")
    assert (seen.drill_id, seen.verdict) == ("20261110T083000Z-annual-7f3a", Verdict.PASSED_WITH_RESERVATIONS)
    assert seen.started_at == datetime(2026, 11, 10, 8, 30, tzinfo=UTC)
    assert [(one.name, one.rows) for one in seen.restores[0].tables] == [("consultation", 48112), ("patient", 2841)]
    assert seen.findings[0].finding.params == (("seconds", 16_000), ("objective", 14_400))
    assert seen.next_due_on == datetime(2027, 11, 10, 8, 47, tzinfo=UTC)


def test_the_golden_file_is_what_this_release_writes() -> None:
    """Fields may be added in a later release: then this test compares what was there before."""
    written = json.loads(to_json(from_json(GOLDEN.read_bytes())))

    _same_where_both(json.loads(GOLDEN.read_bytes()), written)


def _same_where_both(golden: object, written: object) -> None:
    if isinstance(golden, dict) and isinstance(written, dict):
        for name, value in golden.items():
            _same_where_both(value, written[name])
    elif isinstance(golden, list) and isinstance(written, list):
        for before, after in zip(golden, written, strict=True):
            _same_where_both(before, after)
    else:
        assert golden == written


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b'{"drill_id":1}', b"[" * 100_000])
def test_what_is_no_evidence_is_a_broken_seal(data: bytes) -> None:
    with pytest.raises(SealBroken):
        from_json(data)


@pytest.mark.parametrize("name", ["verdict", "restores", "previous_head", "people"])
def test_evidence_without_a_required_field_is_a_broken_seal(passed: Evidence, name: str) -> None:
    without = json.loads(to_json(passed))
    del without[name]

    with pytest.raises(SealBroken):
        from_json(json.dumps(without).encode())
