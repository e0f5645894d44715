"""Documents of every class, made by the tools people use or after the specification, and archives of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from restore_lab.engines.files.inside.child import QUESTIONS
from restore_lab.engines.files.inside.unpacking import unpack
from restore_lab.sample_practice.documents import make_letter, make_photograph

RANDOM = random.Random(7)  # noqa: S311 - a sample that repeats
PICTURE = Image.effect_noise((160, 120), 60).convert("RGB")


def drawn(form: str, picture: Image.Image = PICTURE, **settings: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    held = io.BytesIO()
    picture.save(held, form, **settings)
    return held.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return held.getvalue()


def compound(name: str = "WordDocument", content: bytes = b"Bonjour " * 1500) -> bytes:
    """A compound file of one stream: header, table of sectors, directory, content (MS-CFB)."""
    sectors = -(-len(content) // 512)
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, sectors + 2), 0xFFFFFFFE]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")

    def entry(title: str, kind: int, child: int, first: int, size: int) -> bytes:
        plain = (title + "\0").encode("utf-16-le")
        links = struct.pack("<BBIII", kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        return (
            plain.ljust(64, b"\0") + struct.pack("<H", len(plain)) + links + bytes(36) + struct.pack("<IQ", first, size)
        )

    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(name, 2, 0xFFFFFFFF, 2, len(content))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<I", 0)
    return header.ljust(512, b"\xff") + table + directory.ljust(512, b"\0") + content.ljust(sectors * 512, b"\0")


def pdf_of_packed_objects() -> bytes:
    """A PDF 1.5: pages in an object stream, tables in a cross-reference stream."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R >>",
    ]
    places = [sum(len(one) + 1 for one in objects[:number]) for number in range(3)]
    index = b" ".join(b"%d %d" % (number + 1, place) for number, place in enumerate(places)) + b" "
    packed = zlib.compress(index + b"\n".join(objects))
    data = b"%PDF-1.5\n"
    held_at = len(data)
    data += b"4 0 obj\n<< /Type /ObjStm /N 3 /First %d /Filter /FlateDecode /Length %d >>\nstream\n" % (
        len(index),
        len(packed),
    )
    data += packed + b"\nendstream\nendobj\n"
    table_at = len(data)
    rows = [(0, 0, 0), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, held_at, 0), (1, table_at, 0)]
    table = zlib.compress(b"".join(struct.pack(">BIB", *row) for row in rows))
    data += (
        b"5 0 obj\n<< /Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R /Filter /FlateDecode /Length %d >>\nstream\n"
        % len(table)
    )
    return data + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % table_at


def signed() -> bytes:
    """The outside of a CMS SignedData: its length and its object identifier."""
    inner = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82\x10\x00" + RANDOM.randbytes(4096)
    return b"\x30\x82" + struct.pack(">H", len(inner)) + inner


def dicom(preamble: bytes = bytes(128)) -> bytes:
    return preamble + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, 20) + bytes(20) + RANDOM.randbytes(9000)


LETTER, PHOTOGRAPH = make_letter(1, 1), make_photograph(1, 1)
#: By a name that fits: the class, and the bytes. Every one of them opens.
WHOLE: dict[str, tuple[str, bytes]] = {
    "letter.pdf": ("pdf", LETTER),
    "scan.pdf": ("pdf", drawn("PDF", save_all=True, append_images=[PICTURE])),
    "packed.pdf": ("pdf", pdf_of_packed_objects()),
    "photo.jpg": ("jpeg", PHOTOGRAPH),
    "progressive.jpeg": ("jpeg", drawn("JPEG", progressive=True)),
    "figure.png": ("png", drawn("PNG")),
    "palette.png": ("png", drawn("PNG", PICTURE.convert("P"))),
    "fax.tif": ("tiff", drawn("TIFF", PICTURE.convert("1"), compression="group4")),
    "deflated.tif": ("tiff", drawn("TIFF", compression="tiff_adobe_deflate")),
    "pages.tiff": ("tiff", drawn("TIFF", save_all=True, append_images=[PICTURE, PICTURE])),
    "large.tiff": ("tiff", drawn("TIFF", big_tiff=True)),
    "drawing.gif": ("picture", drawn("GIF", PICTURE.convert("P"))),
    "drawing.bmp": ("picture", drawn("BMP")),
    "photo.webp": ("picture", drawn("WEBP")),
    "letter.docx": (
        "office",
        zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": RANDOM.randbytes(4000).hex().encode()}),
    ),
    "letter.odt": (
        "office",
        zipped(
            {
                "mimetype": b"application/vnd.oasis.opendocument.text",
                "content.xml": RANDOM.randbytes(4000).hex().encode(),
            }
        ),
    ),
    "letter.doc": ("compound", compound()),
    "letter.rtf": ("rtf", b"{\\rtf1\\ansi Cher confr\\'e8re\\par " + b"x" * 900 + b"}\r\n\0"),
    "result.xml": ("text", b"<?xml version='1.0'?><r>" + b"<a>1</a>" * 200 + b"</r>\n"),
    "archive.zip": ("archive", zipped({"one.bin": RANDOM.randbytes(3000)})),
    "archive.gz": ("archive", gzip.compress(RANDOM.randbytes(3000))),
    "archive.bz2": ("archive", bz2.compress(RANDOM.randbytes(3000))),
    "archive.xz": ("archive", lzma.compress(RANDOM.randbytes(3000))),
    "letter.p7m": ("signed", signed()),
}
#: These open too; what is cut off them cannot be seen by what is looked at.
WHOLE_TEXTS: dict[str, tuple[str, bytes]] = {
    "note.txt": ("text", "Cher confrère, merci de revoir ce patient à jeun.\r\n".encode("cp1252") * 40),
    "note8.txt": ("text", "Œdème, à revoir.\n".encode() * 40),
    "note16.txt": ("text", "Œdème, à revoir.\n".encode("utf-16")),
    "result.hl7": ("text", b"MSH|^~\\&|LABO|X|CABINET|Y|202611220800||ORU^R01|1|P|2.5\rPID|1||42\rOBX|1|NM|GLU||0.9\r"),
    "result.hpr": ("text", b"H|~^\\&||LABO\r\nP|1|42\r\nOBX|1|NM\r\n"),
    "image.dcm": ("dicom", dicom()),
    "dual.dcm": ("dicom", dicom(b"II*\0" + bytes(124))),
    "letter.gpg": ("encrypted", b"\x85\x02\x0c\x03" + RANDOM.randbytes(5000)),
    "letter.pdf.gpg": ("encrypted", b"\x85\x01\x0c\x03" + RANDOM.randbytes(5000)),
    "letter.age": ("encrypted", b"age-encryption.org/v1\n-> X25519 x\n--- y\n" + RANDOM.randbytes(5000)),
    "protected.docx": ("compound", compound("EncryptedPackage", RANDOM.randbytes(9000))),
    "message.apz": ("other", RANDOM.randbytes(9000)),
    "old.doc": ("legacy", b"\xdb\xa5\x2d\x00" + RANDOM.randbytes(900)),
    "nothing.txt": ("empty", b""),
    "nothing": ("empty", b""),
    "._photo.jpg": ("system", b"\0\5\x16\7" + bytes(90)),
    "~$letter.docx": ("system", b"\7Claire" + bytes(150)),
    "Thumbs.db": ("system", b"x"),
}


def tarred(files: dict[str, bytes], **settings: Any) -> bytes:  # noqa: ANN401 - tarfile's own
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", **settings) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Have the child take an archive of these apart, here and not in a machine: nothing of it is hostile."""
    folder.mkdir(exist_ok=True)
    assert unpack("tar", io.BytesIO(tarred(files)), folder) == {"damaged": False}
    return folder


def examined(folder: Path, *known: str) -> tuple[dict[str, list[int]], dict[str, int]]:
    """What opening every document brought: by class count, bytes, unreadable; and the signs that are there."""
    words = "[" + ", ".join(f'"{one}"' for one in known) + "]"
    answer = QUESTIONS["examine"](folder, words) or {}
    return answer["kinds"], {sign: count for sign, count in answer["signs"].items() if count}
