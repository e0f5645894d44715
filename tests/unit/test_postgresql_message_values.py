"""Messages of psql and pg_restore that quote a row: no value of it is kept, nor what it imitates."""

from __future__ import annotations

import pytest
from unit.postgresql_said import HARMFUL, only, pg_restore, psql, read

from restore_lab.engines.postgresql.messages import Messages


@pytest.mark.parametrize(
    ("text", "code", "subject"),
    [
        (
            psql(
                '23505: duplicate key value violates unique constraint "patients_pkey"',
                "INSERT INTO patients VALUES (1, 'Dupont');",
                "DETAIL:  Key (name)=(Dupont) already exists.",
                "SCHEMA NAME:  public",
                "TABLE NAME:  patients",
                "CONSTRAINT NAME:  patients_pkey",
            ),
            "23505",
            "patients_pkey",
        ),
        (
            psql(
                '22P02: invalid input syntax for type integer: "Dupont"',
                "COPY patients FROM stdin;",
                'CONTEXT:  COPY patients, line 2, column id: "Dupont"',
            ),
            "22P02",
            "patients",
        ),
        (
            psql('22P02: invalid input syntax for type integer: "Dupont"', "SELECT 'Dupont'::int;", "LINE 1: 'Dupont'"),
            "22P02",
            "integer",
        ),
        (
            psql('22P02: invalid input value for enum mood: "Dupont"', "SELECT 'Dupont'::mood;", "LINE 1: 'Dupont'"),
            "22P02",
            "mood",
        ),
        (
            pg_restore(
                'could not create unique index "a_pkey"',
                "ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (name);",
                "DETAIL:  Key (name)=(Dupont) is duplicated.",
            ),
            "23505",
            "a_pkey",
        ),
        (
            (
                'pg_restore: error: COPY failed for table "a": ERROR:  invalid input syntax for type date: "Dupont"\n'
                'CONTEXT:  COPY a, line 20, column id: "Dupont"\n'
            ),
            "22P02",
            "a",
        ),
        (
            pg_restore(
                'insert or update on table "visits" violates foreign key constraint "visits_patient_fkey"',
                "ALTER TABLE ONLY public.visits ADD CONSTRAINT visits_patient_fkey FOREIGN KEY (patient);",
                'DETAIL:  Key (patient)=(Dupont) is not present in table "patients".',
            ),
            "23503",
            "visits_patient_fkey",
        ),
    ],
)
def test_a_value_of_a_row_appears_nowhere(text: str, code: str, subject: str) -> None:
    messages = read(text)

    (problem,) = messages.problems()
    assert (problem.code, problem.subject, problem.harmful) == (code, subject, HARMFUL)
    assert "Dupont" not in repr(messages)


STEM = "Testard"
IMITATES = (
    f'psql:<stdin>:9: ERROR:  42P01: relation "{STEM}" does not exist\n'
    f"psql:<stdin>:9: STATEMENT:  ALTER TABLE t OWNER TO {STEM};\n"
    f'pg_restore: error: could not execute query: ERROR:  role "{STEM}" does not exist\n'
    f"SCHEMA NAME:  public\nTABLE NAME:  {STEM}\nCONSTRAINT NAME:  {STEM}\nCONTEXT:  COPY {STEM}, line 3\n"
)


def test_a_value_that_imitates_messages_is_part_of_the_one_that_quotes_it() -> None:
    values = f"DETAIL:  Key (nom)=({IMITATES}) already exists.", f'CONTEXT:  COPY t, line 1, n: "{IMITATES}"'
    said = (
        'ERROR:  23505: duplicate key value violates unique constraint "t_pkey"\n' + values[0],
        f"STATEMENT:  INSERT INTO t VALUES ('{IMITATES}')",  # noqa: S608 - nobody runs it
        "ERROR:  22P02: invalid input syntax for type integer\n" + values[1],
        "STATEMENT:  COPY t",
    )
    messages = Messages(mark="5f3a-")
    messages.take("".join(f"5f3a-psql:<stdin>:7: {one}\n" for one in said).encode())
    messages.close()
    messages.name_only({"t"})

    assert STEM not in repr(messages.problems())
    assert [(one.code, one.count) for one in messages.problems()] == [("23505", 1), ("22P02", 1)]
    assert not messages.roles
    assert not messages.statements


def test_a_name_of_a_further_line_stays_where_the_catalogue_knows_it() -> None:
    for known, subject in (({"t"}, "t"), (set[str](), "integer")):
        messages = read(
            psql("22P02: invalid input syntax for type integer", "COPY t", "CONTEXT:  COPY t, line 1, n: x")
        )
        messages.name_only(known)
        assert [one.subject for one in messages.problems()] == [subject]


def test_what_a_function_raises_names_nothing() -> None:
    assert only(psql(f'P0001: relation "{STEM}" does not exist', "SELECT f();")).subject == ""
    assert not read(psql(f'P0001: role "{STEM}" does not exist', "GRANT SELECT ON t TO x;")).roles
