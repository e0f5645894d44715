from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from restore_lab.errors import KeyMissing, UsageError
from restore_lab.signature.keys import certificate_pem, create_key, load_certificate, load_key, load_secret

NOW = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def write_private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_key_is_private_and_its_secret_too(tmp_path: Path) -> None:
    create_key(tmp_path / "keys", holder="Cabinet", now=NOW)
    assert mode(tmp_path / "keys" / "signing-key.pem") == 0o600
    assert mode(tmp_path / "keys" / "lab-secret") == 0o600
    assert (tmp_path / "keys" / "signing-key.pem").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert len(bytes.fromhex((tmp_path / "keys" / "lab-secret").read_text().strip())) == 32


def test_a_permissive_umask_opens_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key(tmp_path, holder="Cabinet", now=NOW)
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("signing-key.pem", "lab-secret")] == [0o600, 0o600]


def test_the_key_is_named_by_its_public_half(tmp_path: Path) -> None:
    key = create_key(tmp_path, holder="Cabinet", now=NOW)
    spki = key.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert key.key_id == hashlib.sha256(spki).hexdigest()


def test_nobody_sees_the_key_in_a_repr(tmp_path: Path) -> None:
    key = create_key(tmp_path, holder="Cabinet", now=NOW)
    assert "private" not in repr(key)
    assert f"{key.private_key.private_numbers().private_value}" not in repr(key)


def test_the_certificate_is_for_signing_and_lasts_twenty_years(tmp_path: Path) -> None:
    certificate = create_key(tmp_path, holder="Cabinet des Lilas", now=NOW).certificate
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Cabinet des Lilas"
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc - NOW == timedelta(days=7305)
    named = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert named == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    certificate.verify_directly_issued_by(certificate)


def test_two_keys_share_nothing(tmp_path: Path) -> None:
    one = create_key(tmp_path / "1", holder="Cabinet", now=NOW)
    two = create_key(tmp_path / "2", holder="Cabinet", now=NOW)
    assert one.key_id != two.key_id
    assert one.certificate.serial_number != two.certificate.serial_number
    assert (tmp_path / "1" / "lab-secret").read_text() != (tmp_path / "2" / "lab-secret").read_text()


@pytest.mark.parametrize("name", ["signing-key.pem", "signing-cert.pem"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(UsageError, match="never overwritten"):
        create_key(tmp_path, holder="Cabinet", now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "signing-key.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="never overwritten"):
        create_key(tmp_path, holder="Cabinet", now=NOW)
    assert not (tmp_path / "elsewhere").exists()


def test_a_new_key_keeps_the_labs_secret(tmp_path: Path) -> None:
    (tmp_path / "lab-secret").write_text("enrolled under this")
    create_key(tmp_path, holder="Cabinet", now=NOW)
    assert (tmp_path / "lab-secret").read_text() == "enrolled under this"


def test_the_labs_secret_is_read_as_it_was_made(tmp_path: Path) -> None:
    create_key(tmp_path, holder="Cabinet", now=NOW)
    assert load_secret(tmp_path / "lab-secret").hex() == (tmp_path / "lab-secret").read_text().strip()


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "no hexadecimal", "é" * 32])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyMissing, match="32 bytes in hexadecimal"):
        load_secret(write_private(tmp_path / "lab-secret", text.encode()))


def test_a_secret_that_is_absent_or_open_to_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="no lab secret at"):
        load_secret(tmp_path / "lab-secret")
    path = write_private(tmp_path / "lab-secret", b"ab" * 32)
    path.chmod(0o640)
    with pytest.raises(KeyMissing, match="has mode 0640") as caught:
        load_secret(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("holder", ["", "   ", "x" * 65])
def test_a_holder_that_is_no_common_name_is_refused(tmp_path: Path, holder: str) -> None:
    with pytest.raises(UsageError, match="1 to 64"):
        create_key(tmp_path, holder=holder, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no key can be written"):
        create_key(tmp_path / "file" / "keys", holder="Cabinet", now=NOW)


def test_what_was_made_is_loaded(tmp_path: Path) -> None:
    made = create_key(tmp_path, holder="Cabinet", now=NOW)
    loaded = load_key(tmp_path / "signing-key.pem", tmp_path / "signing-cert.pem")
    assert (loaded.key_id, loaded.certificate) == (made.key_id, made.certificate)
    assert loaded.private_key.private_numbers() == made.private_key.private_numbers()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="no signing key at") as caught:
        load_key(tmp_path / "signing-key.pem", tmp_path / "signing-cert.pem")
    assert "restore-lab key create" in caught.value.hint
    create_key(tmp_path, holder="Cabinet", now=NOW)
    (tmp_path / "signing-cert.pem").unlink()
    with pytest.raises(KeyMissing, match="no certificate at") as caught:
        load_key(tmp_path / "signing-key.pem", tmp_path / "signing-cert.pem")
    assert caught.value.hint


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, loose: int) -> None:
    create_key(tmp_path, holder="Cabinet", now=NOW)
    (tmp_path / "signing-key.pem").chmod(loose)
    with pytest.raises(KeyMissing, match=f"mode {loose:04o}, expected 0600") as caught:
        load_key(tmp_path / "signing-key.pem", tmp_path / "signing-cert.pem")
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("other", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_only_p256_is_taken(tmp_path: Path, other: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    create_key(tmp_path, holder="Cabinet", now=NOW)
    path = write_private(tmp_path / "other.pem", pem(other))
    with pytest.raises(KeyMissing, match="not an ECDSA P-256 key"):
        load_key(path, tmp_path / "signing-cert.pem")


def test_the_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "1", holder="Cabinet", now=NOW)
    create_key(tmp_path / "2", holder="Cabinet", now=NOW)
    with pytest.raises(KeyMissing, match="certificate of another key"):
        load_key(tmp_path / "1" / "signing-key.pem", tmp_path / "2" / "signing-cert.pem")


def test_a_file_that_is_no_key_or_no_certificate_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path, holder="Cabinet", now=NOW)
    write_private(tmp_path / "rubbish", b"rubbish")
    with pytest.raises(KeyMissing, match="cannot be opened"):
        load_key(tmp_path / "rubbish", tmp_path / "signing-cert.pem")
    with pytest.raises(KeyMissing, match="not a PEM certificate"):
        load_key(tmp_path / "signing-key.pem", tmp_path / "rubbish")


def test_a_passphrase_opens_a_locked_key(tmp_path: Path) -> None:
    made = create_key(tmp_path, holder="Cabinet", now=NOW)
    path = write_private(tmp_path / "locked.pem", pem(made.private_key, b"open sesame"))
    certificate = tmp_path / "signing-cert.pem"
    assert load_key(path, certificate, passphrase=b"open sesame").key_id == made.key_id
    for wrong in (None, b"wrong"):
        with pytest.raises(KeyMissing, match="passphrase") as refused:
            load_key(path, certificate, passphrase=wrong)
        assert "key create" not in str(refused.value.hint)


def test_a_certificate_survives_pem(tmp_path: Path) -> None:
    certificate = create_key(tmp_path, holder="Cabinet", now=NOW).certificate
    assert load_certificate(certificate_pem(certificate)) == certificate
    assert (tmp_path / "signing-cert.pem").read_bytes() == certificate_pem(certificate)
