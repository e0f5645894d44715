"""The practice's signing key: made once, kept private to its owner, identified by the digest of its public half.

Next to it lies `lab-secret`, under which a value of the data is compared without being stored.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from restore_lab.errors import KeyMissing, UsageError

KEY_NAME = "signing-key.pem"
CERTIFICATE_NAME = "signing-cert.pem"
SECRET_NAME = "lab-secret"  # noqa: S105 - the name of the file, not what is in it

#: X.520 caps a common name (ub-common-name).
HOLDER_LENGTH = 64
#: Twenty years, so that a report of today can be checked as long as patient files are kept.
VALIDITY = timedelta(days=7305)
SECRET_BYTES = 32
_FILE_CAP_BYTES = 64 * 1024
_MADE_BY = "make one with `restore-lab key create --holder NAME`"
_LOST_SECRET = "put back its copy; a new one (`openssl rand -hex 32`, mode 0600) enrols the practice's data anew"  # noqa: S105


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKey:
    """An ECDSA P-256 key with its certificate; `key_id` is the SHA-256 (hex) of its DER SubjectPublicKeyInfo."""

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    key_id: str


def key_id(public_key: ec.EllipticCurvePublicKey) -> str:
    """Name a public key by the SHA-256 of its DER SubjectPublicKeyInfo, 64 hex digits (source: RFC 5280, 4.1.2.7)."""
    spki = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def create_key(folder: Path, *, holder: str, now: datetime) -> SigningKey:
    """Make key, self-signed certificate and, where there is none, the lab's secret, each file new.

    A `lab-secret` that is already there is kept: values compared under it must stay comparable after a new key.

    Raises:
        UsageError: there is a key or a certificate already, the holder is no common name, or the folder is not
            writable.

    Source: RFC 5280 (certificate), RFC 5958 (PKCS#8), FIPS 186-5 (P-256).
    """
    if not holder.strip() or len(holder) > HOLDER_LENGTH:
        raise UsageError(
            f"the holder of the key has {len(holder)} characters, expected 1 to {HOLDER_LENGTH}",
            hint="give the name of the practice or of its contractor",
        )
    for name in (KEY_NAME, CERTIFICATE_NAME):
        if (folder / name).is_symlink() or (folder / name).exists():
            raise _occupied(folder / name)
    private_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(private_key, holder, now)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(folder / KEY_NAME, _private_pem(private_key), mode=0o600)
        _write_new(folder / CERTIFICATE_NAME, certificate_pem(certificate), mode=0o644)
        if not (folder / SECRET_NAME).exists():
            _write_new(folder / SECRET_NAME, secrets.token_hex(SECRET_BYTES).encode() + b"\n", mode=0o600)
    except OSError as error:
        raise UsageError(f"no key can be written to {folder}: {error.strerror}") from error
    return SigningKey(private_key=private_key, certificate=certificate, key_id=key_id(private_key.public_key()))


def load_key(key_path: Path, certificate_path: Path, *, passphrase: bytes | None = None) -> SigningKey:
    """Read a PKCS#8 PEM key that is private to its owner, and the certificate of that same key.

    Raises:
        KeyMissing: a file is absent or unreadable, others may read the key, the key is not ECDSA P-256, or the
            certificate is of another key.
    """
    private_key = _parse_private(_read_private(key_path, "signing key", _MADE_BY), key_path, passphrase)
    try:
        certificate = load_certificate(_read_capped(certificate_path))
    except OSError as error:
        raise KeyMissing(
            f"no certificate at {certificate_path}: {error.strerror}",
            hint="put back the certificate that was made with the key; it is also inside every signed report",
        ) from error
    except ValueError as error:
        raise KeyMissing(
            f"{certificate_path} is not a PEM certificate", hint="put back the one that was made with the key"
        ) from error
    of_key = key_id(private_key.public_key())
    of_certificate = certificate.public_key()
    if not isinstance(of_certificate, ec.EllipticCurvePublicKey) or key_id(of_certificate) != of_key:
        raise KeyMissing(
            f"{certificate_path} is the certificate of another key than {key_path} ({of_key[:16]}...)",
            hint="name the two files that were made together",
        )
    return SigningKey(private_key=private_key, certificate=certificate, key_id=of_key)


def load_secret(path: Path) -> bytes:
    """Read the lab's secret, private to its owner like the key.

    Raises:
        KeyMissing: it is absent, others may read it, or it is not `SECRET_BYTES` bytes in hexadecimal.
    """
    try:
        secret = bytes.fromhex(_read_private(path, "lab secret", _LOST_SECRET).decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise KeyMissing(f"lab secret {path} is not {SECRET_BYTES} bytes in hexadecimal", hint=_LOST_SECRET)
    return secret


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM (source: RFC 7468)."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def load_certificate(pem: bytes) -> x509.Certificate:
    """Read one PEM certificate (source: RFC 7468).

    Raises:
        ValueError: the bytes hold none.
    """
    return x509.load_pem_x509_certificate(pem)


def _self_signed(private_key: ec.EllipticCurvePrivateKey, holder: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, holder)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=private_key.public_key())
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
        .sign(private_key, hashes.SHA256())
    )


def _private_pem(private_key: ec.EllipticCurvePrivateKey) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Create, never replace: the mode is right from the first moment and a symbolic link is not followed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise _occupied(path) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _occupied(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already and is never overwritten",
        hint="reports signed with it could no longer be told apart; keep the old key, and make a new lab for another",
    )


def _read_capped(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_FILE_CAP_BYTES)


def _read_private(path: Path, what: str, hint: str) -> bytes:
    """Look at the mode of the very file that is then read, not of whatever has its name."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077:
                raise KeyMissing(
                    f"{what} {path} has mode {stat.S_IMODE(status.st_mode):04o}, expected 0600 on a plain file",
                    hint=f"run `chmod 600 {path}`; if others could read it, make a new one",
                )
            return file.read(_FILE_CAP_BYTES)
    except OSError as error:
        raise KeyMissing(f"no {what} at {path}: {error.strerror}", hint=hint) from error


def _parse_private(pem: bytes, path: Path, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        wanted = "its passphrase is missing, wrong or not needed, or it is no PKCS#8 PEM file"
        raise KeyMissing(
            f"signing key {path} cannot be opened: {wanted}",
            hint="set `passphrase` under [signature] in lab.toml, or take the key from its copy",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyMissing(f"signing key {path} is not an ECDSA P-256 key", hint=_MADE_BY)
    return key
