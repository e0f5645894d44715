"""The mail of a drill: its subject, the words of page 1, and nothing that page 1 does not say."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest

from restore_lab.delivery.mail import WITHHELD, Enclosed, compose, message_id
from restore_lab.evidence import Evidence, GradedFinding
from restore_lab.findings import Code, Finding, Severity
from restore_lab.lab import Mail
from restore_lab.report.finding_texts import FINDING_TEXTS
from restore_lab.report.page_one import page_one
from restore_lab.report.wording import wording_for

MAIL = Mail(
    host="smtp.example.org",
    sender="tests@example.org",
    to=("cabinet@example.org", "associee@example.org"),
    copy_to="prestataire@example.org",
)
HEAD = "9f2c" * 16
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
ENCLOSED = Enclosed(head=HEAD, report=PDF, at=AT)
HOSTILE = (
    "Cabinet\r\nBcc: evil@example.org",
    "Cabinet\nX-Evil: yes\n\nbody",
    "Cabinet\x00\x1b[31m\u2028\u2029\x85Bcc: evil@example.org",
    "\u202egnitset\u202c <b>&amp;</b> {{ 7*7 }} {% raw %}",
    '"><script>alert(1)</script><img src=https://evil.example/x.png>',
    "=?utf-8?q?Bcc:_evil?= =0D=0ABcc: evil@example.org",
    'a" <evil@example.org>, "b',
    "W" * 5000,
    "\ud800",
    "",
)


def read(
    evidence: Evidence, enclosed: Enclosed = ENCLOSED, settings: Mail = MAIL, language: str = "fr"
) -> EmailMessage:
    message = message_from_bytes(compose(evidence, enclosed, settings, language=language), policy=default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def text(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def plain(words: str) -> str:
    """One line, plain spaces: as two mails, or a mail and a page, are compared."""
    return " ".join(words.split())


class Said(HTMLParser):
    """The text of an HTML part, its tags and its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize(
    ("name", "fr", "en"),
    [
        ("passed", "Réussi – test de restauration du 10 novembre 2026", "Passed – restore test of 10 November 2026"),
        (
            "reserved",
            "Réussi avec réserves – test de restauration du 10 novembre 2026",
            "Passed with reservations – restore test of 10 November 2026",
        ),
        (
            "inconclusive",
            "NON ABOUTI – test de restauration du 10 novembre 2026",
            "NO RESULT – restore test of 10 November 2026",
        ),
        ("failed", "ÉCHEC – test de restauration du 10 novembre 2026", "FAILED – restore test of 10 November 2026"),
    ],
)
def test_the_subject_says_the_result_first(drills: dict[str, Evidence], name: str, fr: str, en: str) -> None:
    practice = "Cabinet médical des Tilleuls, Lyon 3e"

    assert read(drills[name])["Subject"] == f"{fr} – {practice}"
    assert read(drills[name], language="en")["Subject"] == f"{en} – {practice}"


def test_the_mail_goes_to_the_practice_with_a_copy_and_says_that_a_machine_wrote_it(passed: Evidence) -> None:
    message = read(passed)

    assert str(message["From"]) == "Atelier Informatique Rhône <tests@example.org>"
    assert str(message["To"]) == "cabinet@example.org, associee@example.org"
    assert str(message["Cc"]) == "prestataire@example.org"
    assert str(message["Auto-Submitted"]) == "auto-generated"
    assert str(message["Message-ID"]) == message_id(passed.drill_id, MAIL)
    assert message["Date"].datetime == AT


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_every_sentence_of_page_one_is_in_the_mail(drill: Evidence, language: str, kind: str) -> None:
    page = page_one(drill, wording_for(language, drill.timezone))
    body = text(read(drill, language=language), kind)
    said = plain("".join(Said(body).words) if kind == "html" else body)

    lines = [f"{line.label} {line.text}" for line in (*page.facts, *page.proof, page.next_test)]
    points = [part for point in page.points for part in (point.seen, f"{point.action.label} {point.action.text}")]
    titles = [page.overline, page.practice, page.tested_on, page.verdict, page.steps_title, page.points_title]
    shown = titles if page.points else titles[:-1]
    for sentence in (*shown, *page.lead, *page.steps, *lines, *points, page.more):
        assert plain(sentence) in said
    assert HEAD in said
    assert drill.drill_id in said


@pytest.mark.parametrize(
    "sentence",
    [
        "La sauvegarde du mardi 10 novembre 2026 à 04 h 00 a pu être restaurée sur une machine d’essai.",
        (
            "Dernière consultation retrouvée : lundi 9 novembre 2026, 18 h 42. Ce qui a été saisi ensuite serait à"
            " ressaisir."
        ),
        (
            "Remise en place des données : 14 min sur la machine d’essai. Ce n’est pas votre délai de reprise : ajoutez"
            " matériel, logiciel, licence, carte Vitale."
        ),
        "Non testé : courriers numérisés du secrétariat ; messagerie sécurisée.",
        "Clé de la sauvegarde fournie par : Dr Claire Morel.",
        (
            "Prochain test avant le mercredi 10 novembre 2027 ; sans courrier à cette date, appelez Atelier"
            " Informatique Rhône au 04 78 00 00 00."
        ),
    ],
)
def test_a_pass_says_to_the_doctor(passed: Evidence, sentence: str) -> None:
    assert sentence in plain(text(read(passed)))


def test_what_was_not_found_out_is_said_in_one_line(drills: dict[str, Evidence]) -> None:
    said = plain(text(read(drills["inconclusive"])))

    assert "Test non abouti : nous ne savons pas si votre sauvegarde est bonne." in said
    assert "réussi" not in said


def test_the_text_part_fits_a_terminal_and_holds_the_head_on_a_line_of_its_own(drill: Evidence) -> None:
    lines = text(read(drill)).splitlines()

    assert max(map(len, lines)) <= 72
    assert HEAD in lines
    assert not re.search(r"\n\n\n", text(read(drill)))
    assert not any(line.startswith(">") for line in lines)  # a mail reader would take it for a quotation


def test_the_report_is_attached_whole_under_a_plain_name(passed: Evidence) -> None:
    (attached,) = read(passed).iter_attachments()

    assert (attached.get_content_type(), attached.get_filename()) == (
        "application/pdf",
        "test-de-restauration-2026-11-10.pdf",
    )
    assert attached.get_content() == PDF


def test_a_report_that_is_not_sent_or_not_there_is_said_to_be_so(passed: Evidence) -> None:
    kept = read(passed, settings=replace(MAIL, attach_report=False))
    missing = read(passed, enclosed=replace(ENCLOSED, report=None))

    assert "Le rapport signé est conservé par Atelier Informatique Rhône" in plain(text(kept))
    assert "Le rapport n’a pas pu être mis en page" in plain(text(missing))
    assert not list(kept.iter_attachments()) + list(missing.iter_attachments())


def test_the_same_drill_gives_the_same_bytes_in_seven_bits(drill: Evidence) -> None:
    data = compose(drill, ENCLOSED, MAIL, language="fr")

    assert data == compose(drill, ENCLOSED, MAIL, language="fr")
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert data.count(b"\n") == data.count(b"\r\n")


def test_the_html_part_fetches_nothing_runs_nothing_and_can_be_read_aloud(drill: Evidence) -> None:
    html = text(read(drill), "html")
    said = Said(html)

    assert set(said.tags) <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "body",
            "div",
            "p",
            "h1",
            "h2",
            "strong",
            "em",
            "span",
            "br",
            "ul",
            "ol",
            "li",
        )
    }
    assert not {"src", "href", "onload", "onclick", "background"} & {name for name, _ in said.attributes}
    assert "url(" not in html
    assert "http" not in html
    assert said.tags.count("h1") == 1
    assert ("lang", "fr") in said.attributes
    assert len(html.encode()) < 20_000


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_adds_a_header_or_markup(drill: Evidence, name: str) -> None:
    people = replace(drill.people, practice=name, contractor=name, doctor=name, contractor_phone=name)
    places = tuple(replace(place, label=name) for place in drill.places)
    hostile = replace(drill, people=people, places=places, drill_id=name)
    for language in ("fr", "en"):
        message = read(hostile, language=language)
        assert set(message.keys()) == set(read(drill).keys())
        assert [str(one.addr_spec) for one in message["From"].addresses] == ["tests@example.org"]
        assert [one.addr_spec for one in message["To"].addresses] == ["cabinet@example.org", "associee@example.org"]
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", str(message["Subject"]))
        said = Said(text(message, "html"))
        assert not {"script", "img", "b", "a"} & set(said.tags)
        assert "{{ 7*7 }}" in "".join(said.words) or "7*7" not in name


def test_no_name_of_the_database_travels_by_mail(passed: Evidence) -> None:
    params = (
        *(("table", "consultation_vih"), ("view", "vue_secrete"), ("name", "patients_sans_nom")),
        *(("database", "base_morel"), ("subject", "index_nir"), ("role", "role_secret")),
    )
    names = [value for _, value in params]
    rest = (
        ("rows", 12),
        ("minimum", 1000),
        ("previous", 12000),
        ("live", 12000),
        ("month", "2026-10"),
        ("count", 3),
        ("began", "2026-11-01"),
    )
    for code in Code:
        found = Finding(code=code, params=(*params, *rest), restore_id="r1")
        evidence = replace(passed, findings=(GradedFinding(finding=found, severity=Severity.RESERVATION),))
        for language in ("fr", "en"):
            said = text(read(evidence, language=language)) + text(read(evidence, language=language), "html")
            assert not [name for name in names if name in said or name.replace("_", " ") in said], code
            assert not re.search(r"\(\?|\(\s*\)| ,", said), code


def test_a_part_of_the_sentence_that_names_no_table_stays(passed: Evidence) -> None:
    found = Finding(code=Code.TABLE_EMPTY, params=(("table", "consultation_vih"),), restore_id="r1")
    evidence = replace(passed, findings=(GradedFinding(finding=found, severity=Severity.RESERVATION),))

    said = plain(text(read(evidence)))

    assert re.search(r"Une partie des [^(]+ (est )?(revenue )?vide\.", said), said


def test_every_parameter_a_doctor_reads_is_known_to_be_safe_to_mail() -> None:
    """A new one must be thought of: does it name a part of the database? Then it belongs to WITHHELD."""
    fields = re.compile(r"\{(\w+)\}")
    read_by_doctors = {name for one in FINDING_TEXTS.values() for name in fields.findall(one.plain + one.action)}

    safe = {"source", "taken", "age_days", "limit_days", "count", "asked", "seconds", "objective", "rows", "minimum"}
    safe |= {"previous", "live", "newest", "place", "month", "kind", "began", "layer"}  # a layer is of our own words
    assert read_by_doctors - WITHHELD - safe == set()


def test_the_message_id_is_one_for_each_drill_and_always_the_same() -> None:
    assert message_id("20261122T091500Z-annual-1f0c", MAIL) == message_id("20261122T091500Z-annual-1f0c", MAIL)
    assert message_id("a b", MAIL) != message_id("a-b", MAIL)
    assert re.fullmatch(r"<[A-Za-z0-9.-]+@example\.org>", message_id("é\r\n>" * 60, MAIL))
