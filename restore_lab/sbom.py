"""The list of packages of an image, in a form that other tools read: CycloneDX 1.5 as JSON. Pure.

No time, no serial number and no version of ours is in it, so that its digest belongs to the image alone.
Sources: https://cyclonedx.org/docs/1.5/json/, the Package URL specification (type `deb`), deb-control(5).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

#: Third word of a package's status, when its files are there and set up; the first may be `hold`.
_INSTALLED: Final = frozenset({"installed", "triggers-awaited", "triggers-pending"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One Debian package as it is installed."""

    name: str
    version: str
    architecture: str


def installed(status: str) -> tuple[Package, ...]:
    """Read dpkg's status file; packages that were removed and left their settings are not there."""
    packages = []
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").rpartition(" ")[2] in _INSTALLED:
            packages.append(
                Package(name=fields["Package"], version=fields["Version"], architecture=fields["Architecture"])
            )
    return tuple(sorted(packages, key=lambda one: (one.name, one.architecture)))


def document(tag: str, suite: str, packages: Iterable[Package]) -> bytes:
    """Write the list of an image: one component a package, and the operating system they are packages of."""
    name, _, version = tag.rpartition(":")
    image = {"bom-ref": tag, "type": "container", "name": name, "version": version}
    system = {"bom-ref": f"debian-{suite}", "type": "operating-system", "name": "debian", "version": suite}
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": image},
        "components": [system, *(_component(one, suite) for one in packages)],
    }
    return json.dumps(bom, indent=2, ensure_ascii=False).encode() + b"\n"


def _component(package: Package, suite: str) -> dict[str, str]:
    name, version = quote(package.name, safe=""), quote(package.version, safe=":")
    purl = f"pkg:deb/debian/{name}@{version}?arch={package.architecture}&distro={suite}"
    return {"bom-ref": purl, "type": "library", "name": package.name, "version": package.version, "purl": purl}
