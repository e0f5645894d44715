"""The wording is complete in both languages, and French is set as French is set."""

from __future__ import annotations

import io
import re
import string
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib import resources
from itertools import chain
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from restore_lab import delivery, report
from restore_lab.errors import UsageError
from restore_lab.findings import Code, Finding, finding
from restore_lab.report.finding_texts import FINDING_TEXTS
from restore_lab.report.said import say
from restore_lab.report.wording import LANGUAGES, NBSP, THIN, Wording, french, wording_for

KEYWORDS = {"text": None, "msgid": None, "count": (1, 2)}

PARAMS: dict[str, str | int] = {
    "age_days": 12,
    "asked": "a.gz",
    "began": "2026-11-20",
    "code": "1064",
    "control": "cut",
    "count": 3,
    "database": "base",
    "databases": "cabinet, essai",
    "definer": "app@localhost",
    "drill": "d-1",
    "encoding": "UTF-16",
    "expected": "equals",
    "found": "sqlite",
    "key": "fk_patient",
    "keys": 2,
    "kind": "trigger",
    "layer": "gzip",
    "limit": 5_000_000,
    "limit_days": 3,
    "line": 40112,
    "mechanism": "bwrap",
    "minimum": 1000,
    "missing": 3,
    "month": "2026-09",
    "name": "question-1",
    "newest": "2026-11-09",
    "number": 41,
    "objective": 3600,
    "place": "scans",
    "point": "p.sql",
    "live": 15,
    "previous": 12000,
    "reason": "docker",
    "role": "app",
    "rows": 12,
    "seconds": 7300,
    "sequence": "entry_id_seq",
    "sequences": 2,
    "setting": "max_allowed_packet",
    "sign": "entropy",
    "source": "nas",
    "stage": "load",
    "subject": "t",
    "table": "patients",
    "tables": 3,
    "taken": "2026-11-01T03:00:00+00:00",
    "total": 40,
    "until": "2026-12-31",
    "used": "MariaDB 11.4",
    "view": "v_patients",
    "views": 3,
    "wanted": "MariaDB 10.11",
}


def messages() -> set[str | tuple[str, ...]]:
    found: set[str | tuple[str, ...]] = set()
    folders = [Path(next(iter(package.__path__))) for package in (report, delivery)]
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        with path.open("rb") as file:
            found |= {message for _, message, _, _ in extract("python", file, keywords=KEYWORDS)}
    return found


def catalogue() -> Catalog:
    source = resources.files("restore_lab.report").joinpath("locale/fr.po").read_bytes()
    return read_po(io.BytesIO(source), locale="fr", abort_invalid=True)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.fixture(params=LANGUAGES)
def wording(request: pytest.FixtureRequest) -> Wording:
    return wording_for(str(request.param), "Europe/Paris")


@pytest.fixture
def fr() -> Wording:
    return wording_for("fr", "Europe/Paris")


@pytest.fixture
def en() -> Wording:
    return wording_for("en", "Europe/Paris")


def test_every_code_has_its_texts() -> None:
    assert set(FINDING_TEXTS) == set(Code)
    for code, text in FINDING_TEXTS.items():
        assert text.plain.endswith("."), code
        assert not text.exact.endswith("."), code
        assert not text.action.endswith("."), code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_said_with_its_parameters(code: Code, wording: Wording) -> None:
    said = say(Finding(code=code, params=tuple(PARAMS.items())), wording)
    for sentence in (said.plain, said.exact, said.action):
        assert sentence
        assert not re.search(r"[{}?]", sentence), sentence


@pytest.mark.parametrize("code", list(Code))
def test_a_missing_parameter_reads_as_a_question_mark(code: Code, wording: Wording) -> None:
    said = say(Finding(code=code), wording)
    needed = fields(FINDING_TEXTS[code].exact)
    assert said.exact.count("?") >= len(needed)


@pytest.mark.parametrize("code", list(Code))
def test_plain_sentences_hold_no_word_of_computing(code: Code, fr: Wording) -> None:
    said = say(Finding(code=code, params=tuple(PARAMS.items())), fr)
    banned = r"\b(rpo|rto|hash|sha|isol\w*|score|sql|serveur|table|signature valide|registre)\b"
    assert not re.search(banned, f"{said.plain} {said.action}", re.IGNORECASE)


def test_every_message_of_the_code_is_translated() -> None:
    translated = {message.id: message.string for message in catalogue() if message.id}
    missing = [message for message in messages() if not translated.get(message)]
    assert not missing
    for forms in translated.values():
        assert all((forms,) if isinstance(forms, str) else forms or ("",))


def test_the_catalogue_holds_nothing_the_code_does_not_say() -> None:
    assert {message.id for message in catalogue() if message.id} == messages()


def test_translations_keep_their_parameters() -> None:
    for message in catalogue():
        if message.id:
            ids = (message.id,) if isinstance(message.id, str) else message.id
            strings = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            wanted = set(chain.from_iterable(fields(text) for text in ids)) - {"n"}
            for text in strings:
                assert fields(text) - {"n"} == wanted, text


def test_what_is_not_consistent_is_said_in_the_words_that_were_asked_for(fr: Wording) -> None:
    said = say(finding(Code.NOT_TRANSACTIONAL, count=1, table="journal"), fr)

    assert said.plain.startswith("Cohérence entre tables non garantie")
    assert said.exact.startswith("Cohérence entre tables non garantie")


def test_nothing_is_claimed_that_was_not_seen() -> None:
    claims = re.compile(
        r"\b(?<!non )(garanti\w*|conforme\w*|prouvé\w*|guarantee\w*|provabl\w*|compl(y|ies|iant))\b", re.IGNORECASE
    )
    for message in catalogue():
        for text in (message.id, message.string):
            assert not claims.search(str(text)), text


def test_the_register_has_one_name_in_french() -> None:
    for message in catalogue():
        assert not re.search(r"\bregistres?\b", str(message.string), re.IGNORECASE)


def test_dates_and_times_are_french_and_local(fr: Wording) -> None:
    taken = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
    assert fr.moment(taken) == f"mardi 10{NBSP}novembre 2026 à 04{THIN}h{THIN}00"
    assert fr.day(date(2026, 11, 1)) == f"dimanche 1er{NBSP}novembre 2026"
    assert fr.day(datetime(2026, 11, 10, 23, 30, tzinfo=UTC)) == f"mercredi 11{NBSP}novembre 2026"


def test_dates_and_times_in_english(en: Wording) -> None:
    assert en.moment(datetime(2026, 11, 10, 3, 0, tzinfo=UTC)) == f"Tuesday 10{NBSP}November 2026 at 04:00"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.42, "0,4~s"),
        (59, "59~s"),
        (125, "2~min~05~s"),
        (842, "14~min"),
        (7500, "2~h~05~min"),
        (3600, "1~h"),
        (100_800, "1~j~4~h"),
        (1_296_000, "15~j"),
    ],
)
def test_durations_have_two_units_at_most(fr: Wording, seconds: float, written: str) -> None:
    assert fr.duration(seconds) == written.replace("~", THIN)


def test_figures_and_sizes(fr: Wording, en: Wording) -> None:
    assert fr.figure(1_234_567) == f"1{THIN}234{THIN}567"
    assert en.figure(1_234_567) == "1,234,567"
    assert fr.size(48_213_004) == f"48,2{THIN}Mo"
    assert fr.size(1) == "1 octet"
    assert fr.size(999) == "999 octets"


def test_french_spaces_and_apostrophes() -> None:
    assert french("« l'un » : oui ; non !") == f"«{NBSP}l’un{NBSP}»{NBSP}: oui{THIN}; non{THIN}!"


def test_a_moment_at_the_edge_of_time_is_still_written(fr: Wording) -> None:
    assert "9999" in fr.moment(datetime(9999, 12, 31, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize(("language", "zone"), [("de", "Europe/Paris"), ("fr", "Europe/Nowhere"), ("fr", "../etc")])
def test_unknown_languages_and_zones_are_refused(language: str, zone: str) -> None:
    with pytest.raises(UsageError):
        wording_for(language, zone)


def test_importing_the_report_loads_neither_typst_nor_babel() -> None:
    program = "import sys, restore_lab.report.pdf; print({'typst', 'babel'} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert seen.stdout.strip() == "set()"
