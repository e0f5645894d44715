"""What a finding may carry: hostile text made harmless, messages reduced to what cannot be a patient's data."""

from __future__ import annotations

import unicodedata

import pytest

from restore_lab.findings import PARAM_LENGTH, Code, Finding, finding, reduce_message, safe_text

HOSTILE = [
    ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    ("a\r\nBcc: all@example.org", "a\\r\\nBcc: all@example.org"),
    ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
    ("\u2066hidden\u2069", "\\u2066hidden\\u2069"),
    ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
    ("line\u2028para\u2029", "line\\u2028para\\u2029"),
    ("null\0tab\tbell\a", "null\\x00tab\\tbell\\x07"),
    ("surrogate\udcff", "surrogate\\udcff"),
    ("private\ue000", "private\\ue000"),
    ("c1\x9b31m", "c1\\x9b31m"),
    ("tag\U000e0041", "tag\\U000e0041"),
    ("unassigned\u0378", "unassigned\\u0378"),
]


@pytest.mark.parametrize(("text", "safe"), HOSTILE)
def test_what_could_steer_a_terminal_or_a_page_is_escaped(text: str, safe: str) -> None:
    assert safe_text(text) == safe


@pytest.mark.parametrize("text", ["patient", "Médecin généraliste", "Cœur œdème", "日本語", "a b", "😀", "l'été « x »"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_no_character_there_is_comes_through_unsafe() -> None:
    unsafe = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
    for number in (*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10000), *range(0xE0000, 0xE0080), 0x10FFFF):
        assert not {unicodedata.category(char) for char in safe_text(chr(number))} & unsafe


@pytest.mark.parametrize("text", ["x" * 64, "x" * 65, "x" * 10_000, "\0" * 100, "é" * 65])
def test_text_is_cut_to_its_length_and_shows_it(text: str) -> None:
    safe = safe_text(text)

    assert len(safe) <= PARAM_LENGTH
    assert safe.endswith("…") == (safe != text)
    assert safe_text(text, 10) == safe_text(text, 10)[:10]


def test_a_finding_is_made_safe_and_numbers_stay_numbers() -> None:
    made = finding(Code.TABLE_EMPTY, table="a\nb", rows=3)

    assert made == Finding(code=Code.TABLE_EMPTY, params=(("table", "a\\nb"), ("rows", 3)))
    bare = Finding(code=Code.TABLE_EMPTY, params=(("table", "\x1b"),), check="mine")
    assert bare.made_safe(restore_id="1-main") == Finding(
        code=Code.TABLE_EMPTY, params=(("table", "\\x1b"),), restore_id="1-main", check="mine"
    )


def test_a_message_is_reduced_to_code_subject_line_digest_and_length() -> None:
    raw = b"ERROR: Key (name)=(Dupont) already exists"

    problem = reduce_message(raw, code="23505", subject="patient", line=12)

    assert (problem.code, problem.subject, problem.line, problem.length) == ("23505", "patient", 12, len(raw))
    assert "Dupont" not in repr(problem)
    assert len(problem.digest) == 12


def test_equal_messages_have_equal_digests_and_others_do_not() -> None:
    one, same, other = (reduce_message(raw, code="X").digest for raw in (b"a", b"a", b"b"))

    assert one == same != other


def test_code_and_subject_of_a_message_are_cut_and_escaped() -> None:
    problem = reduce_message(b"", code="\x1b" * 40, subject="table\u202e" * 40)

    assert len(problem.code) <= 16
    assert len(problem.subject) <= PARAM_LENGTH
    assert "\x1b" not in problem.code
    assert "\u202e" not in problem.subject


def test_codes_are_named_as_they_are_written() -> None:
    assert all(code.name == code.value == code.value.upper() for code in Code)
