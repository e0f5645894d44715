"""The images there are recipes for, and what each is made from but the packages of the day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "restore-lab"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One series of a database server, or of an application, and the Debian suite whose own packages it comes from."""

    engine: str
    series: str
    suite: str

    @property
    def name(self) -> str:
        """What the operator types: ``postgresql:15``."""
        return f"{self.engine}:{self.series}"

    @property
    def tag(self) -> str:
        """What `Server.image` holds: ``restore-lab/postgresql:15``."""
        return f"{PREFIX}/{self.name}"


IMAGES: Mapping[str, Image] = {
    image.name: image
    for image in (
        Image(engine="postgresql", series="13", suite="bullseye"),
        Image(engine="postgresql", series="15", suite="bookworm"),
        Image(engine="postgresql", series="17", suite="trixie"),
        Image(engine="postgresql", series="18", suite="forky"),
        Image(engine="mariadb", series="10.11", suite="bookworm"),
        Image(engine="mariadb", series="11.8", suite="trixie"),
        Image(engine="survey", series="1", suite="bookworm"),
    )
}

_NO_SUITE = (
    "no image is made: no Debian release has this server; a dump of its series is restored on the next newer one, and "
    "the report says so, or on a local machine where it is installed, or in an image made from a base that has it to "
    "install (apt.postgresql.org): `--base`"
)
#: Made from a base of the operator's only, whose suite is its own matter.
ON_A_BASE: Mapping[str, Image] = {
    f"postgresql:{one}": Image(engine="postgresql", series=one, suite=f"given-{one}") for one in ("14", "16")
}
#: What to do about a dump of those where there is no such base.
NOT_MADE: Mapping[str, str] = dict.fromkeys(ON_A_BASE, _NO_SUITE)


def digest(*parts: str) -> str:
    """Digest everything a build depends on but the packages of the day."""
    made = hashlib.sha256("\0".join(parts).encode())
    for file in sorted(folder().glob("*/*")):
        if file.is_file() and file.parent.name in {"base", *parts}:
            made.update(file.read_bytes())
    return made.hexdigest()


def folder() -> Path:
    """Where the Dockerfiles are: inside an installed package, or at the top of a checkout."""
    here = Path(__file__).parent
    shipped = here / "shipped" / "images"
    return shipped if shipped.is_dir() else here.parent / "images"
