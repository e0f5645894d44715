"""Databases nobody here wrote, and what of each comes back. See `test_real_databases.py`."""

from __future__ import annotations

from typing import Final

from integration.real_rows import DDEV, DDEV_PG, ELSEWHERE, OTHER, ROLES, SEVERAL, Asked, Refused, Restored

from restore_lab.evidence import Verdict
from restore_lab.findings import Code

CLINIC: Final = tuple(
    f"mysql8-clinic/clinic_{name}.sql"
    for name in ("appointment", "medicalstaff", "medicine", "patient", "prescription", "routines")
)
MOCKER: Final = "mydumper/mocker_test/mocker_test"
MOCKER_TABLES: Final = ("i", "report_case_high_risk", "tbl_autoid", "tbl_multi_index")
RESTORED: Final = {
    "chinook-sqlite": Restored(
        files=("chinook/Chinook_Sqlite.sqlite",),
        server="SQLite 3",
        own_series=True,
        machine="local",
        verdict=Verdict.PASSED,
        codes=(),
        counts={"Customer": 59, "PlaylistTrack": 8715, "Track": 3503, "InvoiceLine": 2240, "Invoice": 412},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 11),),
        asked=(
            Asked(label="sum of totals", sql="SELECT printf('%.2f', sum(Total)) FROM Invoice", answer="2328.60"),
            Asked(
                label="hex of the first name",
                sql="SELECT hex(FirstName) FROM Customer WHERE CustomerId = 1",
                answer="4C75C3AD73",
            ),
            Asked(label="newest invoice", sql="SELECT date(max(InvoiceDate)) FROM Invoice", answer="2025-12-22"),
            Asked(
                label="orphaned invoices",
                sql="SELECT count(*) FROM Invoice WHERE CustomerId NOT IN (SELECT CustomerId FROM Customer)",
                answer="0",
            ),
        ),
        truth="chinook_mysql",
    ),
    "chinook-mysql": Restored(
        files=("chinook/Chinook_MySql.sql",),
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE),
        counts={"Customer": 59, "PlaylistTrack": 8715},
        tables=11,
        rows=15_607,
        objects=(("foreign key", 11),),
        asked=(Asked(label="sum of totals", sql="SELECT sum(Total) FROM Invoice", answer="2328.60"),),
        truth="chinook_mysql",
    ),
    "chinook-postgresql": Restored(
        files=("chinook/Chinook_PostgreSql.sql",),
        server="PostgreSQL 13",
        codes=(OTHER, ELSEWHERE),
        counts={"customer": 59, "playlist_track": 8715},
        tables=11,
        rows=15_607,
        objects=(("foreign_key", 11),),
        asked=(Asked(label="sum of totals", sql="SELECT sum(total) FROM invoice", answer="2328.60"),),
    ),
    "northwind": Restored(
        files=("northwind/northwind.sql",),
        server="PostgreSQL 13",
        counts={"customers": 91, "order_details": 2155, "orders": 830},
        tables=14,
        rows=3362,
        objects=(("foreign_key", 13),),
        truth="northwind_pg",
    ),
    "sakila-mysql": Restored(
        files=("sakila-mysql/sakila-mv-schema.sql", "sakila-mysql/sakila-mv-data.sql"),
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE, Code.LINE_ENDS_CHANGED),
        counts={"customer": 599, "payment": 16_049},
        tables=16,
        rows=47_273,
        objects=(("foreign key", 22), ("view", 7), ("trigger", 6), ("procedure", 3), ("function", 3)),
        asked=(
            Asked(label="sum of payments", sql="SELECT sum(amount) FROM payment", answer="67416.51"),
            Asked(label="first payment", sql="SELECT min(payment_date) FROM payment", answer="2005-05-24 22:53:30"),
            Asked(label="last payment", sql="SELECT max(payment_date) FROM payment", answer="2006-02-14 15:16:03"),
        ),
    ),
    "sakila-postgresql": Restored(
        files=(
            "sakila-pg/postgres-sakila-schema.sql",
            "sakila-pg/postgres-sakila-insert-data-using-copy.sql",
        ),
        server="PostgreSQL 13",
        counts={"customer": 599, "film": 1000, "rental": 16_044, "actor": 200},
        tables=21,
        rows=46_273,
        asked=(
            Asked(label="payments", sql="SELECT count(*) FROM payment", answer="16049"),
            Asked(label="sum of payments", sql="SELECT sum(amount) FROM payment", answer="67416.51"),
        ),
    ),
    "openemr": Restored(
        files=("openemr/mysqldump_2026-11-20.sql.gz",),
        server="MariaDB 10.11",
        own_series=True,
        verdict=Verdict.PASSED,
        codes=(Code.ZERO_DATES, ELSEWHERE),
        counts={"patient_data": 14, "list_options": 3107},
        tables=209,
        rows=4294,
        truth="openemr502_example",
    ),
    "elexis": Restored(
        files=("elexis/mysql-simpel.sql",),
        server="MariaDB 10.11",
        counts={"kontakt": 2, "at_medevit_elexis_loinc": 2031},
        tables=62,
        rows=2145,
        truth="elexis_mysql_simpel",
    ),
    "openelis": Restored(
        files=("openelis/bahmni-base.dump",),
        server="PostgreSQL 13",
        codes=(OTHER, ROLES, Code.LOAD_ERRORS_HARMLESS),
        counts={"clinlims.analyte": 149, "clinlims.worksheet_heading": 570},
        tables=173,
        rows=1645,
        objects=(("foreign_key", 188), ("sequence", 105)),
        truth="openelis_bahmni-base_pg9.2",
    ),
    "mysql8-clinic": Restored(
        files=CLINIC,
        server="MariaDB 11.8",
        codes=(OTHER, ELSEWHERE),
        counts={"patient": 5, "appointment": 35},
        tables=5,
        rows=71,
        objects=(("foreign key", 4), ("view", 2)),
    ),
    "mysql8-clinic-older": Restored(
        files=CLINIC,
        server="MariaDB 10.11",
        machine="local",
        verdict=Verdict.INCONCLUSIVE,
        codes=(Code.COLLATION_ABSENT, Code.TABLE_MISSING, Code.NO_TABLES, OTHER),
        counts={"patient": 0},
        tables=0,
        rows=0,
    ),
    "d7tester-1": Restored(
        files=("ddev/d7tester_test_1.sql.gz",), server="MariaDB 10.11", counts={"users": 2}, tables=73, rows=1558
    ),
    "d7tester-2": Restored(
        files=("ddev/d7tester_test_2.sql.gz",), server="MariaDB 10.11", counts={"users": 2}, tables=73, rows=1568
    ),
    "ddev-users": Restored(files=(f"{DDEV}/users.sql",), server="MariaDB 10.11", counts={"users": 2}, tables=1, rows=2),
    "ddev-oneuser": Restored(
        files=(f"{DDEV}/oneuser.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"users_just_one": 1},
        tables=1,
        rows=1,
    ),
    "ddev-stdintable": Restored(
        files=(f"{DDEV}/stdintable.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"stdintable": 2},
        tables=1,
        rows=2,
    ),
    "ddev-use": Restored(
        files=(f"{DDEV}/users_with_USE_statement.sql",),
        server="MariaDB 10.11",
        machine="local",
        codes=(OTHER, ELSEWHERE),
        counts={"users": 2},
        tables=1,
        rows=2,
    ),
    "ddev-posts": Restored(
        files=(f"{DDEV}/posts_with_ddl_content.sql",),
        server="MariaDB 10.11",
        machine="local",
        codes=(OTHER, ELSEWHERE),
        counts={"wp_posts": 181},
        tables=1,
        rows=181,
    ),
    "ddev-legacy": Restored(
        files=(f"{DDEV}/legacy_collations.sql",),
        server="MariaDB 10.11",
        machine="local",
        counts={"legacy_collations": 2},
        tables=1,
        rows=2,
    ),
    "ddev-modern": Restored(
        files=(f"{DDEV}/modern_collations.sql",),
        server="MariaDB 11.8",
        counts={"modern_mariadb": 1, "modern_mysql": 1},
        tables=2,
        rows=2,
    ),
    "ddev-modern-older": Restored(
        files=(f"{DDEV}/modern_collations.sql",),
        server="MariaDB 10.11",
        machine="local",
        verdict=Verdict.INCONCLUSIVE,
        codes=(Code.COLLATION_ABSENT, OTHER),
        counts={"modern_mariadb": 1},
        tables=1,
        rows=1,
    ),
    "ddev-postgresql-users": Restored(
        files=(f"{DDEV_PG}/users.sql",),
        server="PostgreSQL 15",
        codes=(OTHER, ROLES),
        counts={"users": 8},
        tables=1,
        rows=8,
    ),
    "ddev-postgresql-oneuser": Restored(
        files=(f"{DDEV_PG}/oneuser.sql",),
        server="PostgreSQL 15",
        machine="local",
        codes=(OTHER, ROLES),
        counts={"users_just_one": 1},
        tables=1,
        rows=1,
    ),
    "ddev-postgresql-stdintable": Restored(
        files=(f"{DDEV_PG}/stdintable.sql",),
        server="PostgreSQL 13",
        codes=(OTHER, ROLES),
        counts={"stdintable": 2},
        tables=1,
        rows=2,
    ),
    "mydumper-joined": Restored(
        files=(
            f"{MOCKER}-schema-create.sql",
            *(f"{MOCKER}.{table}-schema.sql" for table in MOCKER_TABLES),
            *(f"{MOCKER}.{table}.sql" for table in MOCKER_TABLES),
        ),
        server="MariaDB 11.8",
        counts={"tbl_autoid": 10_000, "tbl_multi_index": 10_000},
        tables=4,
        rows=20_002,
    ),
}

REFUSED: Final = {
    "ddev-invalid": Refused(
        files=(f"{DDEV}/invalid.sql",),
        why="no dump: a script with a fault in it",
        holds="nothing to hold",
        verdict=Verdict.FAILED,
        codes=(Code.DUMP_NOT_RECOGNISED,),
        test="test_a_script_with_a_fault_is_no_backup",
    ),
    "mydumper": Refused(
        files=("mydumper/*",),
        why="a folder of files, whose order matters; joined in that order by hand, see `mydumper-joined`",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_backup_in_several_files_is_not_judged",
    ),
    "restic": Refused(
        files=("restic/*.tar.gz",),
        why="repositories of restic, packed here; no source reads them yet",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_packed_repository_is_not_judged",
    ),
    "borg": Refused(
        files=("borg/*.tar.gz",),
        why="a repository of borg, packed here; no source reads it yet",
        holds="not asked",
        verdict=Verdict.INCONCLUSIVE,
        codes=(SEVERAL,),
        test="test_a_packed_repository_is_not_judged",
    ),
}
