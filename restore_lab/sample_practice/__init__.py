"""An invented French general practice, to try a drill on: nobody in it exists, and it looks that way.

The same seed, day and number of patients give the same rows on any machine. `STEM` is in every surname, first name,
street, e-mail, file name and free text, `NUMBER_STEM` in every number-like identifier, both always spelled alike: what
a drill leaves behind can be searched for them. Names of tables, columns, roles and databases carry neither.

    invented.py    the words: names, places, sentences
    practice.py    who, when: opening days and visits, as a stream
    rows.py        what a row is made of
    people.py      rows of settings, users, patients
    care.py        rows of appointments, consultations, results, prescriptions
    documents.py   letters (PDF), photographs (JPEG), and their rows
    tables.py      every table in load order
    script.py      the whole as SQL for psql or the mariadb client
    sqlite.py      the whole as a SQLite file, and its backup
"""

from restore_lab.sample_practice.invented import DATABASE, NUMBER_STEM, STEM
from restore_lab.sample_practice.practice import DEFAULT_PATIENTS, Practice
from restore_lab.sample_practice.script import Dialect, roles_sql, sql_script
from restore_lab.sample_practice.sqlite import backup_sqlite, write_sqlite
from restore_lab.sample_practice.tables import TABLES, Table, expected_counts

__all__ = [
    "DATABASE",
    "DEFAULT_PATIENTS",
    "NUMBER_STEM",
    "STEM",
    "TABLES",
    "Dialect",
    "Practice",
    "Table",
    "backup_sqlite",
    "expected_counts",
    "roles_sql",
    "sql_script",
    "write_sqlite",
]
