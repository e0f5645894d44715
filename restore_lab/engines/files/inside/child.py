"""Runs inside the machine, alone, under `python3 -I`: the questions about documents, one JSON object for each.

Argument 1 is the question, 2 the folder, 3 the question's own text. Nothing that leaves holds a name or a byte of a
document: classes, numbers, and digests under a key that dies with the drill.
"""

import errno
import hashlib
import hmac
import json
import platform
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restore_lab.engines.files.inside.data import Data, mapped
from restore_lab.engines.files.inside.naming import Names, base_name, claimed, is_systems_own
from restore_lab.engines.files.inside.opening import opens
from restore_lab.engines.files.inside.sniffing import is_random, sniff
from restore_lab.engines.files.inside.unpacking import Document, Refused, documents, left_out, unpack

#: Names leave as so many bytes of digest each.
NAME_BYTES = 16
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: Bytes of these are never random, whatever they say; of the others a header must be missing too.
_NEVER_RANDOM = {"text", "rtf"}
_NOTHING = {"system", "empty"}
_SEALED = {"encrypted", "signed", "archive"}
_PIECE_BYTES = 1024 * 1024


def load(folder: Path, layer: str) -> dict[str, Any]:
    """Take the archive that comes on stdin apart."""
    return unpack(layer, sys.stdin.buffer, folder)


def inventory(folder: Path, _text: str) -> dict[str, Any]:
    """Count documents by class, and by its kind what was in the archive and is no document."""
    return {"kinds": {**Counter(_kind_on_disk(document) for document in documents(folder)), **left_out(folder)}}


def integrity(folder: Path, _text: str) -> dict[str, Any]:
    """Read every file again, and compare with what was written."""
    asked = changed = 0
    for document in documents(folder):
        asked += 1
        digest = hashlib.blake2b(digest_size=16)
        with document.path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
        changed += digest.hexdigest() != document.digest
    return {"asked": asked, "changed": changed}


def examine(folder: Path, text: str) -> dict[str, Any]:
    """Open every document, and look for what ransomware leaves; the text names endings that are known here."""
    kinds: dict[str, list[int]] = {}
    names = Names(frozenset(json.loads(text)))
    signs = {"content": 0, "entropy": 0}
    for document in documents(folder):
        with mapped(document.path) as data:
            kind, readable = _examined(document, data)
            names.see(document.name, sealed=kind in _SEALED)
            sign = "" if readable else _random_sign(document, data)
            if sign:
                signs[sign] += 1
            if kind in {"text", "rtf"} and names.may_be_note(document.name, document.size):
                names.read_note(document.name, data[:])
        found = kinds.setdefault(kind, [0, 0, 0])
        for place, number in enumerate((1, document.size, not readable)):
            found[place] += number
    signs |= {"renamed": names.renamed, "notes": names.notes}
    return {"kinds": kinds, "signs": {sign: _if_many(sign, count, names.total) for sign, count in signs.items()}}


def spoil(folder: Path, kind: str) -> dict[str, Any]:
    """Remove every document of a class, the largest where that class is not there."""
    there = [(document, _kind_on_disk(document)) for document in documents(folder)]
    counts = Counter(each for _, each in there if each not in _NOTHING)
    if kind not in counts:
        kind = max(counts, key=lambda each: counts[each], default="")
    for document, each in there:
        if each == kind:
            document.path.unlink()
    return {"kind": kind}


def names(folder: Path, _text: str) -> None:
    """Write a digest of each name to stdout, one after the other; the key is what comes on stdin."""
    key = sys.stdin.buffer.read()
    for document in documents(folder):
        sys.stdout.buffer.write(name_digest(document.name, key))


def name_digest(name: str, key: bytes) -> bytes:
    """Give the digest of a file's own name, however its path, its case and its accents are written."""
    plain = unicodedata.normalize("NFC", base_name(name)).casefold()
    return hmac.new(key, plain.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()[:NAME_BYTES]


def _kind_on_disk(document: Document) -> str:
    with mapped(document.path) as data:
        return kind_of(document.name, data)


def kind_of(name: str, data: Data) -> str:
    """Give the class its content says; of content that says nothing, the one that its name claims."""
    if is_systems_own(name):
        return "system"
    kind, claim = sniff(data), claimed(name)
    if not claim or kind not in {"other", "empty"} or (kind == "empty" and claim == "text"):
        return kind
    return claim


def _examined(document: Document, data: Data) -> tuple[str, bool]:
    kind = kind_of(document.name, data)
    if kind in _NOTHING or kind == "other":
        return kind, True
    return kind, sniff(data) == kind and opens(kind, data)


def _random_sign(document: Document, data: Data) -> str:
    """Name the sign a document bears that is not what its name claims and is random; "" when it bears none."""
    if sniff(data) != "other" or not is_random(data):
        return ""
    return "entropy" if claimed(document.name) in _NEVER_RANDOM else "content"


def _if_many(sign: str, count: int, total: int) -> int:
    """One ruined file is damage; several, or a good part of a small folder, are a sign. Names are judged before."""
    return count if sign in {"renamed", "notes"} or count >= 5 or count * 10 > total * 3 else 0


QUESTIONS: dict[str, Callable[[Path, str], dict[str, Any] | None]] = {
    "load": load,
    "inventory": inventory,
    "integrity": integrity,
    "examine": examine,
    "spoil": spoil,
    "names": names,
    "greet": lambda _folder, _text: {"version": platform.python_version()},
}


def main() -> None:
    """Answer the question on the command line."""
    question, folder, text = sys.argv[1:]
    try:
        answer = QUESTIONS[question](Path(folder), text)
    except Refused as refused:
        answer = {"refused": str(refused)}
    except OSError as error:
        if error.errno not in _FULL:
            raise
        answer = {"refused": "DISK_FULL"}
    if answer is not None:
        json.dump(answer, sys.stdout)
