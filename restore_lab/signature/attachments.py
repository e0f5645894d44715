"""The files attached to a PDF, read within limits; a name that stands there twice is refused.

Imported only when a PDF is verified.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.generic import StreamObject

from restore_lab.errors import SealBroken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyhanko.pdf_utils.reader import PdfFileReader

ATTACHMENT_CAP_BYTES = 32 * 1024 * 1024
ATTACHMENT_COUNT = 16
TREE_DEPTH = 8


def read_attachments(reader: PdfFileReader) -> dict[str, bytes]:
    """Read every embedded file by its name; at most 16 files of 32 MiB each.

    Raises:
        SealBroken: more or larger ones, a name used twice, or a compression other than none and Flate.

    Source: ISO 32000-2 7.11.4.
    """
    root: Any = reader.root
    if "/Names" not in root or "/EmbeddedFiles" not in root["/Names"]:
        return {}
    found: dict[str, bytes] = {}
    for specification in _leaves(root["/Names"]["/EmbeddedFiles"], TREE_DEPTH):
        name = str(specification["/UF"] if "/UF" in specification else specification["/F"])
        if name in found:
            raise SealBroken(f"attachment {name!r:.80} is there twice, expected once")
        if len(found) >= ATTACHMENT_COUNT:
            raise SealBroken(f"more than {ATTACHMENT_COUNT} attachments")
        found[name] = _content(specification["/EF"]["/F"], name)
    return found


def _leaves(node: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401 - a PDF object, which pyHanko does not type
    if depth == 0:
        raise SealBroken("the tree of attachments is too deep")
    if "/Names" in node:
        names = node["/Names"]
        for index in range(1, len(names), 2):
            yield names[index]
    if "/Kids" in node:
        for kid in node["/Kids"]:
            yield from _leaves(kid.get_object(), depth - 1)


def _content(stream: Any, name: str) -> bytes:  # noqa: ANN401 - as above
    if not isinstance(stream, StreamObject):
        raise SealBroken(f"attachment {name!r:.80} is no stream")
    filters = stream.get("/Filter")
    plain = filters is None or filters == []
    if not plain and (filters not in ("/FlateDecode", ["/FlateDecode"]) or "/DecodeParms" in stream):
        raise SealBroken(f"attachment {name!r:.80} is packed with {filters!r:.80}, expected none or /FlateDecode")
    content = stream.encoded_data if plain else _inflated(stream.encoded_data, name)
    if len(content) > ATTACHMENT_CAP_BYTES:
        raise SealBroken(f"attachment {name!r:.80} is larger than {ATTACHMENT_CAP_BYTES} bytes")
    return bytes(content)


def _inflated(packed: bytes, name: str) -> bytes:
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, ATTACHMENT_CAP_BYTES + 1)
    if not unpacker.eof and len(content) <= ATTACHMENT_CAP_BYTES:
        raise SealBroken(f"attachment {name!r:.80} ends early")
    return content
