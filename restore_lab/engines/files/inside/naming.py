"""Runs inside the machine: what the names of documents say: what they claim to be, renaming in numbers, ransom notes.

Names are read here and nowhere else; only numbers leave. Sources: the families described by ANSSI (« État de la menace
rançongiciel ») and by Europol's nomoreransom.org: appended endings, notes in every folder.
"""

import re
from collections import Counter, defaultdict

#: What an ending claims; only those whose content can be told apart.
CLAIMS: dict[str, str] = {
    "pdf": "pdf", "jpg": "jpeg", "jpeg": "jpeg", "png": "png", "tif": "tiff", "tiff": "tiff",
    "gif": "picture", "bmp": "picture", "webp": "picture", "heic": "picture", "jp2": "picture",
    "docx": "office", "xlsx": "office", "pptx": "office", "odt": "office", "ods": "office", "odp": "office",
    "doc": "compound", "xls": "compound", "ppt": "compound", "msg": "compound",
    "rtf": "rtf", "txt": "text", "csv": "text", "xml": "text", "htm": "text", "html": "text", "hl7": "text",
    "hpr": "text", "hprim": "text", "json": "text", "eml": "text", "log": "text", "ini": "text",
    "dcm": "dicom", "zip": "archive", "gz": "archive", "7z": "archive", "rar": "archive",
}  # fmt: skip
#: Endings that people and programs put behind another one by design.
_BY_DESIGN = frozenset({
    "gpg", "pgp", "asc", "age", "p7m", "p7s", "p7c", "p7b", "sig", "tsr", "tsd", "apz", "axx", "aes", "bz2", "xz",
    "zst", "lz4", "tar", "bak", "old", "orig", "tmp", "part", "copy", "copie", "sauv", "lnk", "url", "md5", "sha256",
    "ocr", "meta", "xmp", "thumb", "idx", "exe", "mp3", "mp4", "mov", "avi", "wav", "m4a",
})  # fmt: skip
#: What systems and office programs leave beside documents.
_SYSTEM = re.compile(r"(?:\._.*|~\$.*|\.~lock\..*#|\.DS_Store|Thumbs\.db|ehthumbs\.db|desktop\.ini)", re.IGNORECASE)
_NOTE_NAME = re.compile(
    r"read.?me|how.?to|decrypt|recover|restore|ransom|unlock|help|instruction|attention|warning|important|"
    r"d[eé]chiffr|ran[cç]on|your.?files|vos.?fichiers|info",
    re.IGNORECASE,
)
_NOTE_ENDINGS = {"txt", "html", "htm", "hta", "md", "rtf", ""}
_NOTE_WORDS = (
    re.compile(rb"decrypt|encrypted|d\xc3\xa9chiffr|d\xe9chiffr|dechiffr|chiffr\xc3\xa9|chiffr\xe9", re.IGNORECASE),
    re.compile(rb"bitcoin|\bbtc\b|monero|\bxmr\b|ransom|ran\xc3\xa7on|ran\xe7on|wallet", re.IGNORECASE),
    re.compile(rb"tor browser|torproject|\.onion\b", re.IGNORECASE),
)
NOTE_BYTES = 256 * 1024
_FOLDERS_OF_A_NOTE = 3
_LEAST_RENAMED = 5


def base_name(name: str) -> str:
    """Give the last part of a name."""
    return name.rpartition("/")[2].rpartition("\\")[2]


def endings(name: str) -> tuple[str, str]:
    """Give the ending of a name and the one before it, small, without dots; "" where there is none."""
    stem, dot, last = base_name(name).rpartition(".")
    if not dot or not stem:
        return "", ""
    before = stem.rpartition(".")[2] if "." in stem else ""
    return last.lower(), before.lower()


def is_systems_own(name: str) -> bool:
    """Tell whether a system or an office program left this beside documents."""
    return _SYSTEM.fullmatch(base_name(name)) is not None


def claimed(name: str) -> str:
    """Give the class that a name claims, also under one unknown ending appended to it; "" when it claims none."""
    last, before = endings(name)
    return CLAIMS.get(last) or (CLAIMS.get(before, "") if _is_appended(last) else "")


def _is_appended(ending: str) -> bool:
    return bool(ending) and not ending.isdigit() and ending not in CLAIMS and ending not in _BY_DESIGN


class Names:
    """What was seen of all names; `known` are endings that this practice's own software appends."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.total = 0
        self.noted = 0
        self._appended: Counter[str] = Counter()
        self._notes: dict[str, set[str]] = defaultdict(set)

    def see(self, name: str, *, sealed: bool) -> None:
        """Take one name in; `sealed` says that the content is a container people encrypt, sign or pack with."""
        self.total += 1
        last, before = endings(name)
        if not sealed and before in CLAIMS and _is_appended(last) and last not in self.known:
            self._appended[last] += 1

    def may_be_note(self, name: str, size: int) -> bool:
        """Tell whether a file is called as notes of ransomware are, and small enough to be one."""
        return (
            size <= NOTE_BYTES and endings(name)[0] in _NOTE_ENDINGS and _NOTE_NAME.search(base_name(name)) is not None
        )

    def read_note(self, name: str, content: bytes) -> None:
        """Take what such a file says in: two of decryption, payment and Tor make a note; one does in many folders."""
        said = sum(words.search(content) is not None for words in _NOTE_WORDS)
        if said >= 2:
            self.noted += 1
        elif said:
            folder, _, base = name.rpartition("/")
            self._notes[base.lower()].add(folder)

    @property
    def renamed(self) -> int:
        """How many names got one same unknown ending appended; 0 when they are not many."""
        most = max(self._appended.values(), default=0)
        return most if most >= _LEAST_RENAMED and most * 10 > self.total * 3 else 0

    @property
    def notes(self) -> int:
        """How many notes of ransomware there are."""
        return self.noted + sum(len(found) for found in self._notes.values() if len(found) >= _FOLDERS_OF_A_NOTE)
