"""The list of packages of an image, held against CycloneDX's own schema and against readers by other people."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from restore_lab.sbom import Package, document, installed

STATUS = """Package: libstdc++6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 12.2.0-14+deb12u1
Description: the library
 Version: 9 of something else
 .
 Package: another

Package: mariadb-server
Status: hold ok installed
Architecture: amd64
Version: 1:10.11.14-0+deb12u2~bpo

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: half
Status: install ok half-installed
Architecture: amd64
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
"""
PACKAGES = (
    Package(name="adduser", version="3.134", architecture="all"),
    Package(name="libstdc++6", version="12.2.0-14+deb12u1", architecture="amd64"),
    Package(name="mariadb-server", version="1:10.11.14-0+deb12u2~bpo", architecture="amd64"),
)
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_5)


def test_what_is_installed_is_read_and_nothing_else() -> None:
    assert installed(STATUS) == PACKAGES
    assert installed("") == ()


def test_the_list_is_of_the_schema() -> None:
    assert VALIDATOR.validate_str(document("restore-lab/mariadb:10.11", "bookworm", PACKAGES).decode()) is None


@pytest.mark.parametrize("change", [{"bomFormat": "SPDX"}, {"extra": 1}, {"version": 0}, {"components": [{}]}])
def test_the_schema_would_refuse_another_form(change: dict[str, object]) -> None:
    changed = json.loads(document("restore-lab/mariadb:10.11", "bookworm", PACKAGES)) | change

    assert VALIDATOR.validate_str(json.dumps(changed)) is not None


def test_a_package_is_named_as_other_tools_read_it() -> None:
    listed = json.loads(document("restore-lab/mariadb:10.11", "bookworm", PACKAGES))["components"][1:]

    read = [PackageURL.from_string(one["purl"]) for one in listed]

    assert [(one.type, one.namespace, one.name, one.version) for one in read] == [
        ("deb", "debian", one.name, one.version) for one in PACKAGES
    ]
    assert [one.qualifiers for one in read] == [{"arch": one.architecture, "distro": "bookworm"} for one in PACKAGES]
    assert [one.to_string() for one in read] == [one["purl"] for one in listed]


def test_the_same_packages_give_the_same_bytes() -> None:
    backwards = installed("\n\n".join(reversed(STATUS.strip().split("\n\n"))))

    assert document("a:1", "trixie", PACKAGES) == document("a:1", "trixie", backwards)
    assert document("a:1", "trixie", PACKAGES) != document("a:1", "trixie", PACKAGES[1:])
