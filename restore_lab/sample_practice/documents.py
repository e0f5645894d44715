"""Letters and photographs, few distinct ones used again and again, and the rows that hold them."""

from __future__ import annotations

import hashlib
import io
import random
import textwrap
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFilter

from restore_lab.sample_practice.invented import (
    CORRESPONDENTS,
    NUMBER_STEM,
    REASONS,
    STEM,
    SURNAMES,
    observation,
    pick,
)
from restore_lab.sample_practice.practice import Practice, visits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from restore_lab.sample_practice.practice import Visit
    from restore_lab.sample_practice.rows import Row

LETTERS: Final = 40
PHOTOGRAPHS: Final = 20

_VISITS_PER_DOCUMENT: Final = 80
_SIZE: Final = (240, 180)
_LINE: Final = 88


def documents(practice: Practice) -> Iterator[Row]:
    """`document`: after one visit in eighty, two letters for each photograph."""
    for number, visit, index in _documented(practice):
        photograph = index % 3 == 2
        content = (
            make_photograph(practice.seed, index // 3 % PHOTOGRAPHS)
            if photograph
            else make_letter(practice.seed, (index // 3 * 2 + index % 3) % LETTERS)
        )
        yield (
            number,
            visit.patient,
            f"{'photo' if photograph else 'courrier'}_{STEM}_{index:09d}.{'jpg' if photograph else 'pdf'}",
            "image/jpeg" if photograph else "application/pdf",
            len(content),
            hashlib.sha256(content).hexdigest(),
            index % 5 == 0,
            visit.at,
            content,
        )


def letters(practice: Practice) -> Iterator[Row]:
    """`courrier`: one for each document that is a letter; one in ten was never sent."""
    rows = (entry for entry in _documented(practice) if entry[2] % 3 != 2)
    for number, (document, visit, index) in enumerate(rows, start=1):
        rng = random.Random(f"{practice.seed}/letter/{index}")  # noqa: S311 - invented data must repeat
        sent = rng.random() < 0.9
        at: datetime | None = visit.at if sent else None
        yield (
            number,
            document,
            pick(rng, CORRESPONDENTS),
            pick(rng, REASONS),
            "envoye" if sent else "brouillon",
            at,
        )


def _documented(practice: Practice) -> Iterator[tuple[int, Visit, int]]:
    number = 0
    for visit, _ in visits(practice, "documents"):
        index, rest = divmod(visit.absolute, _VISITS_PER_DOCUMENT)
        if rest == 0:
            number += 1
            yield number, visit, index


@lru_cache(maxsize=PHOTOGRAPHS)
def make_photograph(seed: int, index: int) -> bytes:
    """A blurred patch of skin as JPEG, 3 to 6 KB, the stem in its comment; its bytes are those of Pillow's encoder."""
    rng = random.Random(f"{seed}/photograph/{index}")  # noqa: S311 - invented data must repeat
    skin = (190 + int(rng.random() * 50), 140 + int(rng.random() * 40), 110 + int(rng.random() * 40))
    image = Image.new("RGB", _SIZE, skin)
    draw = ImageDraw.Draw(image)
    for _ in range(140):
        x, y, radius = rng.random() * _SIZE[0], rng.random() * _SIZE[1], 2 + rng.random() * 14
        colour = tuple(max(0, min(255, part + int(rng.random() * 80) - 50)) for part in skin)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    blurred = image.filter(ImageFilter.BoxBlur(1))
    stream = io.BytesIO()
    blurred.save(stream, format="JPEG", quality=72, comment=f"{STEM} {NUMBER_STEM} photo {index}".encode())
    return stream.getvalue()


@lru_cache(maxsize=LETTERS)
def make_letter(seed: int, index: int) -> bytes:
    """A one-page letter as PDF 1.4, 1 to 2 KB, its text not compressed. Source: ISO 32000-1, 7.5."""
    rng = random.Random(f"{seed}/letter text/{index}")  # noqa: S311 - invented data must repeat
    text = f"Cher confrère,\nDossier {NUMBER_STEM}-{index:04d}, {pick(rng, SURNAMES)}.\n"
    text += "\n".join(observation(rng) for _ in range(3)) + f"\nBien à vous, Dr {pick(rng, SURNAMES)}"
    # never in the middle of a word: the stem must stay whole
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, _LINE, break_on_hyphens=False)]
    shown = b"".join(b"(" + _pdf_text(line) + b") Tj T*\n" for line in lines)
    page = b"BT /F1 11 Tf 14 TL 50 790 Td\n" + shown + b"ET"
    return _pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (Courrier " + _pdf_text(STEM) + b") >>",
    )


def _pdf_text(text: str) -> bytes:
    data = text.encode("cp1252", "ignore")
    return data.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _pdf(*objects: bytes) -> bytes:
    """A file of these objects, the first the catalogue, the last the information dictionary."""
    data = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    table = b"0000000000 65535 f \n"
    for number, body in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (count, count - 1)
    return data + b"xref\n0 %d\n%s%sstartxref\n%d\n%%%%EOF\n" % (count, table, trailer, len(data))
