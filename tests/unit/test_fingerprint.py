"""A fingerprint of the live database: its file, and which one is near a backup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.fingerprints import DAY, NOON, ONE

from restore_lab.errors import SealBroken
from restore_lab.fingerprint import PAYLOAD_TYPE, Fingerprints, Found, seal, unseal
from restore_lab.signature import dsse
from restore_lab.signature.keys import SigningKey, create_key


@pytest.fixture
def key(made_key: tuple[Path, SigningKey]) -> SigningKey:
    return made_key[1]


@pytest.fixture
def kept(tmp_path: Path, key: SigningKey) -> Fingerprints:
    return Fingerprints(root=tmp_path, scenario="annual", public_key=key.private_key.public_key())


def near(
    kept: Fingerprints,
    moment: datetime = NOON,
    *,
    place: str = "main",
    within: timedelta = DAY,
    until: datetime = NOON + 3 * DAY,
) -> Found:
    return kept.near(place, moment, engine="fake", within=within, until=until)


# ---- the file


def test_what_is_sealed_is_read_again(kept: Fingerprints, key: SigningKey) -> None:
    path = kept.keep(ONE, key)

    assert path.relative_to(kept.root).as_posix() == "fingerprints/annual/main-20261110T120000Z.dsse.json"
    assert unseal(path.read_bytes(), kept.public_key) == ONE
    assert near(kept).fingerprint == ONE


def test_a_changed_byte_makes_it_unusable_wherever_it_is(kept: Fingerprints, key: SigningKey) -> None:
    whole = seal(ONE, key)

    for at in range(0, len(whole), 7):
        changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
        with pytest.raises(SealBroken):
            unseal(changed, kept.public_key)


def test_another_key_and_another_kind_of_envelope_are_refused(
    kept: Fingerprints, key: SigningKey, tmp_path: Path
) -> None:
    other = create_key(tmp_path / "other", holder="Un autre", now=NOON)
    with pytest.raises(SealBroken, match="names key"):
        unseal(seal(ONE, other), kept.public_key)
    with pytest.raises(SealBroken, match="holds"):
        unseal(dsse.sign(dsse.PAYLOAD_TYPE, b"{}", key), kept.public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"tables": "all"},
        {"tables": [{"name": "patient", "rows": "many"}]},
        {"taken_at": "2026-11-10T12:00:00"},
        {"taken_at": None},
        {"keys": [{"key": 3}]},
        {"answers": None},
        {"practice": ["x"]},
    ],
)
def test_what_the_key_signed_and_is_no_fingerprint_is_refused(
    kept: Fingerprints, key: SigningKey, change: dict[str, Any]
) -> None:
    plain = json.loads(dsse.open_envelope(seal(ONE, key), payload_type=PAYLOAD_TYPE, public_key=kept.public_key))
    signed = dsse.sign(PAYLOAD_TYPE, json.dumps(plain | change).encode(), key)

    with pytest.raises(SealBroken, match="not a fingerprint"):
        unseal(signed, kept.public_key)


def test_fields_to_come_are_passed_over(kept: Fingerprints, key: SigningKey) -> None:
    plain = json.loads(dsse.open_envelope(seal(ONE, key), payload_type=PAYLOAD_TYPE, public_key=kept.public_key))

    assert unseal(dsse.sign(PAYLOAD_TYPE, json.dumps(plain | {"later": 1}).encode(), key), kept.public_key) == ONE


# ---- which one is near


def test_the_nearest_within_the_window_is_taken_on_either_side(kept: Fingerprints, key: SigningKey) -> None:
    for hours in (-30, -24, -5, 4, 24, 30):
        kept.keep(replace(ONE, taken_at=NOON + timedelta(hours=hours)), key)

    def of(seen: Found) -> timedelta | None:
        assert seen.unusable == ()
        assert (seen.record is None) == (seen.fingerprint is None)
        return seen.fingerprint.taken_at - NOON if seen.fingerprint else None

    assert of(near(kept)) == timedelta(hours=4)
    assert of(near(kept, until=NOON)) == timedelta(hours=-5)
    assert of(near(kept, NOON + timedelta(days=2))) == timedelta(hours=30)
    assert of(near(kept, NOON - timedelta(days=2))) == timedelta(hours=-30)
    assert of(near(kept, NOON - timedelta(days=3))) is None
    assert of(near(kept, within=timedelta(hours=3))) is None
    assert of(near(kept, place="other")) is None


@pytest.mark.parametrize(
    "change", [{"scenario": "monthly"}, {"engine": "sqlite"}, {"taken_at": NOON - DAY}, {"place": "other"}]
)
def test_a_file_that_is_not_what_its_name_says_is_unusable(
    kept: Fingerprints, key: SigningKey, change: dict[str, Any]
) -> None:
    kept.folder.mkdir(parents=True)
    (kept.folder / "main-20261110T120000Z.dsse.json").write_bytes(seal(replace(ONE, **change), key))

    assert near(kept) == Found(unusable=("main-20261110T120000Z.dsse.json",))


@pytest.mark.parametrize(
    "name", ["main.dsse.json", "main-99999999T999999Z.dsse.json", "main-2026.dsse.json", "é.dsse.json"]
)
def test_a_file_whose_name_tells_no_time_is_unusable(kept: Fingerprints, key: SigningKey, name: str) -> None:
    kept.keep(ONE, key)
    path = kept.folder / name
    path.write_bytes(seal(ONE, key))

    found = near(kept)

    assert (found.fingerprint, found.unusable) == (ONE, (path.name,))


def test_what_cannot_be_read_is_unusable_and_what_is_none_of_ours_is_let_be(
    kept: Fingerprints, key: SigningKey
) -> None:
    assert near(kept) == Found()
    path = kept.keep(ONE, key)
    (kept.folder / "readme.txt").write_text("notes", "ascii")
    (kept.folder / ".main-20261110T120001Z.dsse.json.new").write_text("half", "ascii")
    (kept.folder / "main-20261110T120002Z.dsse.json").symlink_to("/nowhere")
    (kept.folder / "main-20261110T120003Z.dsse.json").mkdir()
    (kept.folder / "main-20200101T120003Z.dsse.json").write_text("long ago", "ascii")
    assert near(kept).unusable == ("main-20261110T120002Z.dsse.json", "main-20261110T120003Z.dsse.json")

    with path.open("r+b") as stream:
        stream.truncate(dsse.ENVELOPE_CAP_BYTES + 10)
    assert near(kept).unusable[0] == path.name
