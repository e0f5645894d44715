"""The questions: one module a kind, all of them in this one dict."""

from restore_lab.checks.base import Check
from restore_lab.checks.counts import Counts
from restore_lab.checks.document_names import DocumentNames
from restore_lab.checks.documents import DocumentsOpen
from restore_lab.checks.foreign_keys import ForeignKeys
from restore_lab.checks.freshness import Freshness
from restore_lab.checks.http import Http
from restore_lab.checks.integrity import Integrity
from restore_lab.checks.objects import Objects
from restore_lab.checks.pytest_checks import PytestChecks
from restore_lab.checks.sql import Sql

CHECKS: dict[str, type[Check]] = {
    "integrity": Integrity,
    "objects": Objects,
    "foreign_keys": ForeignKeys,
    "counts": Counts,
    "freshness": Freshness,
    "documents": DocumentsOpen,
    "document_names": DocumentNames,
    "sql": Sql,
    "pytest": PytestChecks,
    "http": Http,
}
