"""Whole documents open, damaged ones do not, and nothing that is random by design is taken for ransomware."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import LETTER, PHOTOGRAPH, RANDOM, WHOLE, WHOLE_TEXTS, compound, drawn, examined, put, zipped
from PIL import Image

from restore_lab.engines.files.inside.child import kind_of
from restore_lab.engines.files.inside.naming import claimed
from restore_lab.engines.files.inside.opening import opens
from restore_lab.engines.files.inside.sniffing import RANDOM_BITS, bits_a_byte, is_random

ALL = {**WHOLE, **WHOLE_TEXTS}
#: Formats that hold a checksum over what they hold.
CHECKED = ["figure.png", "palette.png", "letter.docx", "letter.odt", "archive.zip", "archive.gz", "archive.xz"]


@pytest.mark.parametrize("name", ALL)
def test_a_whole_document_opens_as_what_it_is(name: str) -> None:
    kind, data = ALL[name]

    assert kind_of(name, data) == kind
    assert opens(kind, data)


@pytest.mark.parametrize("name", WHOLE)
def test_the_name_plays_no_part_where_the_content_says_what_it_is(name: str) -> None:
    kind, data = WHOLE[name]

    assert kind_of("letter.pdf", data) == kind_of("x", data) == kind


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("name", WHOLE)
def test_a_cut_document_does_not_open(name: str, tenth: int) -> None:
    kind, data = WHOLE[name]
    cut = data[: len(data) * tenth // 10]

    assert kind_of(name, cut) != kind or not opens(kind, cut)


@pytest.mark.parametrize("name", WHOLE)
def test_a_document_that_lacks_its_last_part_does_not_open(name: str) -> None:
    kind, data = WHOLE[name]
    end = data.rstrip(b"\0\r\n")

    assert not opens(kind, end[:-8])


@pytest.mark.parametrize("form", ["JPEG", "PDF", "TIFF", "PNG", "GIF", "BMP"])
def test_a_blank_page_opens(form: str) -> None:
    page = drawn(form, Image.new("L", (2480, 3508), 255), **({"optimize": True} if form == "JPEG" else {}))

    assert opens(kind_of("x", page), page)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_lzw", "packbits", "jpeg"])
def test_a_blank_fax_opens(compression: str) -> None:
    mode = "L" if compression == "jpeg" else "1"
    for page in (Image.new(mode, (2480, 3508), 255), Image.new(mode, (2480, 3508), 0)):
        assert opens("tiff", drawn("TIFF", page, compression=compression))
        assert opens("pdf", drawn("PDF", page))


@pytest.mark.parametrize("name", CHECKED)
def test_a_changed_bit_under_a_checksum_is_seen(name: str) -> None:
    kind, data = WHOLE[name]
    draw = random.Random(name)  # noqa: S311 - the same bits each time
    seen = 0
    for _ in range(40):
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        seen += not opens(kind, bytes(changed))

    assert seen >= 32  # dates and names in the headers are under no checksum


@pytest.mark.parametrize(
    "name", ["letter.pdf", "packed.pdf", "figure.png", "deflated.tif", "letter.docx", "archive.gz"]
)
def test_a_hole_of_zeros_is_seen(name: str) -> None:
    kind, data = WHOLE[name]
    middle = len(data) // 3
    holed = data[:middle] + bytes(max(len(data) // 2, 9000))[: len(data) - middle - 40] + data[-40:]

    assert not opens(kind, holed)


@pytest.mark.parametrize("name", [name for name in WHOLE if claimed(name) not in {"", "text"}])
def test_a_name_that_claims_a_type_makes_what_is_nothing_unreadable(name: str, tmp_path: Path) -> None:
    kind, _ = WHOLE[name]
    for number, content in enumerate((b"", bytes(5000), RANDOM.randbytes(200))):
        kinds, _ = examined(put(tmp_path / str(number), {name: content}))
        assert kinds == {kind: [1, len(content), 1]}


def test_what_is_random_by_design_is_no_sign(tmp_path: Path) -> None:
    files = {f"{number}/{name}": data for number in range(20) for name, (_, data) in ALL.items()}

    kinds, signs = examined(put(tmp_path / "x", files))

    assert signs == {}
    assert sum(unreadable for _, _, unreadable in kinds.values()) == 0


@pytest.mark.parametrize(
    "name", ["letter.pdf.gpg", "letter.p7m", "message.apz", "archive.zip", "image.dcm", "letter.doc"]
)
def test_a_folder_of_one_class_alone_is_no_sign(name: str, tmp_path: Path) -> None:
    stem, _, ending = name.partition(".")

    _, signs = examined(put(tmp_path / "x", {f"{stem}{number}.{ending}": ALL[name][1] for number in range(50)}))

    assert signs == {}


@pytest.mark.parametrize("ending", ["p7m", "gpg", "age", "apz", "bak", "1", "zip"])
def test_an_ending_that_is_appended_by_design_is_no_renaming(ending: str, tmp_path: Path) -> None:
    files = {f"letter{number}.pdf.{ending}": RANDOM.randbytes(3000) for number in range(30)}

    assert "renamed" not in examined(put(tmp_path / "x", files))[1]


def test_containers_that_people_encrypt_with_are_no_renaming_under_any_ending(tmp_path: Path) -> None:
    files = {f"letter{number}.pdf.enc": b"Salted__" + RANDOM.randbytes(3000) for number in range(30)}

    assert examined(put(tmp_path / "x", files))[1] == {}


def test_the_first_part_of_a_linearized_pdf_has_an_end_of_its_own_and_does_not_open() -> None:
    def saying(size: int) -> bytes:
        return LETTER[:15] + f"9 0 obj\n<< /Linearized 1 /L {size:08} >>\nendobj\n".encode() + LETTER[15:]

    assert opens("pdf", saying(len(saying(0))))
    assert not opens("pdf", saying(len(saying(0)) + 4000))


def test_a_practices_own_ending_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", {f"letter{number}.pdf.coffre": LETTER for number in range(30)})

    assert examined(folder)[1] == {"renamed": 30}
    assert examined(folder, "coffre")[1] == {}


def practice() -> dict[str, bytes]:
    letters = {f"{number % 4}/courrier{number}.pdf": LETTER for number in range(30)}
    photographs = {f"{number % 4}/photo{number}.jpg": PHOTOGRAPH for number in range(20)}
    return letters | photographs | {f"notes/{number}.txt": WHOLE_TEXTS["note.txt"][1] for number in range(10)}


def encrypted(files: dict[str, bytes], rename: Callable[[str], str] = str) -> dict[str, bytes]:
    return {rename(name): RANDOM.randbytes(len(data)) for name, data in files.items()}


def test_an_encrypted_copy_under_the_old_names_is_seen(tmp_path: Path) -> None:
    kinds, signs = examined(put(tmp_path / "x", encrypted(practice())))

    assert signs == {"content": 50, "entropy": 10}
    assert kinds["pdf"][2] == 30


def test_an_encrypted_copy_under_new_names_is_seen(tmp_path: Path) -> None:
    _, signs = examined(put(tmp_path / "x", encrypted(practice(), lambda name: f"{name}.locked")))

    assert signs == {"content": 50, "entropy": 10, "renamed": 60}


def test_a_copy_encrypted_in_part_is_seen_from_five_files_on(tmp_path: Path) -> None:
    files = practice()
    for count in (4, 5):
        some = dict(list(files.items())[:count])
        signs = examined(put(tmp_path / str(count), {**files, **encrypted(some)}))[1]
        assert signs == ({"content": 5} if count == 5 else {})


NOTE = "All your files are encrypted. Pay 0.5 bitcoin. Use the Tor browser: http://abcdef.onion"


@pytest.mark.parametrize("name", ["README.txt", "HOW_TO_DECRYPT.html", "vos_fichiers.txt", "0/RECOVER-FILES.hta"])
def test_a_note_is_seen_whatever_else_there_is(name: str, tmp_path: Path) -> None:
    assert examined(put(tmp_path / "x", {**practice(), name: NOTE.encode()}))[1] == {"notes": 1}


def test_a_weak_note_is_one_in_three_folders(tmp_path: Path) -> None:
    note = b"To decrypt, write to us."
    for folders in (2, 3):
        files = practice() | {f"{number}/readme.txt": note for number in range(folders)}
        signs = examined(put(tmp_path / str(folders), files))[1]
        assert signs == ({"notes": 3} if folders == 3 else {})


def test_a_letter_that_speaks_of_bitcoin_and_a_manual_of_encryption_are_no_notes(tmp_path: Path) -> None:
    files = practice() | {
        "courrier.txt": NOTE.encode(),
        "README.txt": b"To decrypt a letter: age --decrypt -i key.txt letter.age",
    }

    assert examined(put(tmp_path / "x", files))[1] == {}


def test_randomness_is_measured_on_small_samples_too() -> None:
    for size in (1000, 4000, 100_000):
        assert bits_a_byte(RANDOM.randbytes(size)) > RANDOM_BITS
        assert is_random(RANDOM.randbytes(size))
    assert bits_a_byte(RANDOM.randbytes(100)) == 0.0
    assert not is_random(WHOLE_TEXTS["note.txt"][1])
    assert not is_random(compound())


def test_an_office_file_with_a_broken_member_does_not_open() -> None:
    data = bytearray(zipped({"[Content_Types].xml": b"<Types/>", "word/media/photo.jpg": PHOTOGRAPH}))
    at = data.index(b"photo.jpg") + 500
    data[at] ^= 0xFF

    assert not opens("office", bytes(data))


def test_noise_of_every_class_raises_nothing_but_an_answer() -> None:
    for name, (kind, data) in ((name, one) for name, one in ALL.items() if one[1]):
        draw = random.Random(name)  # noqa: S311 - the same bits each time
        for _ in range(30):
            noisy = data[:64] + draw.randbytes(min(len(data), 3000))
            assert opens(kind, noisy) in {True, False}
            changed = bytearray(data)
            for _ in range(20):
                changed[draw.randrange(len(changed))] = draw.randrange(256)
            assert opens(kind, bytes(changed)) in {True, False}
