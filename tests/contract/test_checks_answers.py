"""What a check asks and what it keeps of the answer: statements, pages, the operator's own tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from contract.cases import NOW, ONE, answering, engine
from contract.cases_answers import counted_before
from contract.cases_pages import NUMBER, TEXT, showing
from fakes import restored

from restore_lab.checks.counts import Counts
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.http import Http
from restore_lab.checks.pytest_checks import PytestChecks
from restore_lab.checks.sql import Sql
from restore_lab.errors import MachineFailed
from restore_lab.findings import Code


def test_a_value_is_judged_and_not_kept() -> None:
    answer = Sql(title="q", sql=ONE, equals="Dupont").ask(restored(answering(ONE, ("Martin",)), now=NOW))

    assert "Martin" not in repr(answer)


def test_of_questions_only_counts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("SELECT max(nir) FROM patient", "utf-8")
    around_it = restored(answering(path.read_text("utf-8"), ("299",)), now=NOW)

    answer = Sql(title="q", file=path, not_below_previous=True).ask(around_it)

    assert ([one.code for one in answer.findings], answer.numbers) == ([Code.CHECK_BROKEN], ())
    assert Sql(title="q", sql=ONE, at_least=1).ask(restored(answering(ONE, ("3",)), now=NOW)).numbers == ()


def test_a_count_is_compared_with_that_of_the_same_statement_alone() -> None:
    other = f"{ONE} WHERE 1 = 1"
    seen = replace(restored(answering(other, ("1",)), now=NOW), previous=counted_before("3"))

    assert Sql(title="q", sql=other, not_below_previous=True).ask(seen).findings == ()


def test_a_question_can_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text(ONE, "utf-8")

    assert Sql(title="q", file=path, equals=1).ask(restored(answering(ONE, ("1",)), now=NOW)).findings == ()


def test_a_page_is_asked_of_an_application_alone() -> None:
    with pytest.raises(MachineFailed, match="does not run"):
        TEXT.ask(restored(engine(), now=NOW))


@pytest.mark.parametrize("said", [b"", b"200", b"999 1 1 1", b"200 1 1 Dupont", b"200 1 2 1", b"200 1 1 1\n200 1 1 1"])
def test_what_the_reader_of_a_page_does_not_say_is_no_page(said: bytes) -> None:
    with pytest.raises(MachineFailed, match="cannot read a page"):
        TEXT.ask(replace(restored(engine(), now=NOW), application=showing(said)))


def test_of_a_page_only_a_status_and_a_number_are_told() -> None:
    told = TEXT.ask(replace(restored(engine(), now=NOW), application=showing(b"200 120 0 -")))
    counted = NUMBER.ask(replace(restored(engine(), now=NOW), application=showing(b"200 120 1 41")))

    assert [dict(one.params) for one in (*told.findings, *counted.findings)] == [
        {"name": "q", "code": 200, "number": "-", "expected": "contains …"},
        {"name": "q", "code": 200, "number": 41, "expected": "equals 42"},
    ]


REFUSED: list[Callable[[], object]] = [
    lambda: Http(title="q", path="/"),
    lambda: Http(title="q", path="/", contains=""),
    lambda: Http(title="q", path="/", contains="a" * 201),
    lambda: Http(title="q", path="/", contains="a", equals=1),
    lambda: Http(title="q", path="/", contains="a", number="(1)", equals=1),
    lambda: Http(title="q", path="/", number="([0-9]+)"),
    lambda: Http(title="q", path="/", number="([0-9]+)", equals=1, at_least=1),
    lambda: Http(title="q", path="/", number="[0-9]+", equals=1),
    lambda: Http(title="q", path="/", number="([0-9])(-)", equals=1),
    lambda: Http(title="q", path="/", number="([0-9]", equals=1),
    lambda: Http(title="q", path="surveys", contains="a"),
    lambda: Http(title="q", path="/ HTTP/1.0\r\nHost: elsewhere", contains="a"),
    lambda: Http(title="q", path="/", contains="a", timeout_seconds=0),
    lambda: Sql(title="q", equals=1),
    lambda: Sql(title="q", sql=ONE),
    lambda: Sql(title="q", sql=ONE, file=Path("q.sql"), equals=1),
    lambda: Sql(title="q", sql=ONE, equals=1, at_least=1),
    lambda: Sql(title="q", sql=ONE, no_rows=False),
    lambda: Sql(title="q", sql=ONE, not_below_previous=False),
    lambda: Sql(title="q", sql=ONE, not_below_previous=True, equals=3),
    lambda: Sql(title="q", sql="SELECT max(nir) FROM patient", not_below_previous=True),
    lambda: Sql(title="q", sql="WITH a AS (SELECT 1) SELECT nir FROM patient", not_below_previous=True),
    lambda: Freshness(table="visit; DROP TABLE visit", column="at"),
    lambda: Freshness(table="visit", column="at--"),
    lambda: Counts(main=("visit",), by_month={"visit": "at--"}),
    lambda: Counts(main=("visit", "a b"), by_month={"a b": "at"}),
    lambda: Counts(main=("visit",), by_month={"other": "at"}),
]


@pytest.mark.parametrize("make", REFUSED)
def test_a_question_that_asks_nothing_or_too_much_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


PYTEST_CASES = {
    "def test_it():\n    assert 1 == 1": set(),
    "def test_it():\n    assert 1 == 2": {Code.PYTEST_FAILED},
    "import pytest\ndef test_it():\n    pytest.skip('x')": {Code.PYTEST_BROKEN},
    "import pytest\n@pytest.fixture\ndef a():\n    1 / 0\ndef test_it(a):\n    pass": {Code.PYTEST_BROKEN},
    "def helper():\n    pass": {Code.PYTEST_BROKEN},
    "def test_it(:\n": {Code.PYTEST_BROKEN},
    "import os\ndef test_it():\n    os._exit(0)": {Code.PYTEST_BROKEN},
    "import os\ndef test_it():\n    assert not {'HOME_OF_SECRETS', 'SECRET'} & set(os.environ)": set(),
}


@pytest.mark.parametrize("text", PYTEST_CASES)
def test_the_operators_own_tests_give_names_and_outcomes(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "not for a child")
    path = tmp_path / "test_mine.py"
    path.write_text(text, "utf-8")

    answer = PytestChecks(path=path).ask(restored(engine(), now=NOW))

    assert {found.code for found in answer.findings} == PYTEST_CASES[text]
    assert all(dict(found.params).get("name") in {"test_it", "pytest"} for found in answer.findings)


def test_the_operators_own_tests_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("import time\ndef test_it():\n    time.sleep(60)\n", "utf-8")

    with pytest.raises(TimeoutError):
        PytestChecks(path=tmp_path, timeout_seconds=1).ask(restored(engine(), now=NOW))
