"""Asks a time-stamp authority for a token over a signature value, and takes only one that holds.

Imported only when a PDF is signed or verified.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asn1crypto import tsp  # type: ignore[import-untyped]
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data

from restore_lab.signature.cms import Asn1, offline_trust, rewritten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

TIMEOUT_SECONDS = 20
ANSWER_CAP_BYTES = 64 * 1024
TOKEN_CAP_BYTES = 12 * 1024


class AuthorityUnusable(Exception):
    """The authority did not give a token that holds; the message is the short reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """When and by whom a signature value was seen; `trusted` is whether the chain led to a given root at that time."""

    stamped_at: datetime
    authority: str
    trusted: bool


async def check_token(token: Asn1, imprint_of: bytes, trusted: Sequence[x509.Certificate]) -> Stamp:
    """Check a token over the given bytes; its own time is the moment at which its certificate must have been valid.

    Raises:
        AuthorityUnusable: the token is not intact, not over these bytes, or not signed by a time-stamping certificate.

    Source: RFC 3161, 2.3 and 2.4.2.
    """
    signed_data = token["content"]
    info = signed_data["encap_content_info"]["content"].parsed
    stamped_at = info["gen_time"].native.astimezone(UTC)
    context = offline_trust(trusted, stamped_at)
    found = await validate_tst_signed_data(signed_data, context, lambda name: hashlib.new(name, imprint_of).digest())
    certificate = found["signing_cert"]
    usage = certificate.extended_key_usage_value
    if not (found["intact"] and found["valid"]):
        raise AuthorityUnusable("the token is not a valid one over this signature")
    if usage is None or usage.native != ["time_stamping"]:
        raise AuthorityUnusable("the token's certificate is not one for time-stamping alone")
    if not certificate.not_valid_before <= stamped_at <= certificate.not_valid_after:
        raise AuthorityUnusable("the token is dated outside its certificate's validity")
    is_trusted = found["validation_path"] is not None and found["trust_problem_indic"] is None
    name = certificate.subject.native.get("common_name") or certificate.subject.human_friendly
    return Stamp(stamped_at=stamped_at, authority=str(name), trusted=is_trusted)


class Authority(TimeStamper):
    """An RFC 3161 authority over HTTP(S): one question, one answer, at most `TIMEOUT_SECONDS` altogether."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url

    async def async_request_tsa_response(self, req: Asn1) -> Asn1:
        """Send the query; a slow or endless answer is abandoned (source: RFC 3161, 3.4)."""
        return tsp.TimeStampResp.load(post(self._url, req.dump()), strict=True)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Asn1:
        """Give a token in the one form a report may hold, or raise AuthorityUnusable."""
        token = rewritten(await super().async_timestamp(message_digest, md_algorithm))
        imprint = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
        asked = (md_algorithm, message_digest)
        if (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native) != asked:
            raise AuthorityUnusable("the token is over something else")
        if len(token.dump()) > TOKEN_CAP_BYTES:
            raise AuthorityUnusable(f"the token has over {TOKEN_CAP_BYTES} bytes")
        return token


def post(url: str, query: bytes) -> bytes:
    """Send a time-stamp query and read its answer, in a thread that is left behind when the time is over.

    Raises:
        AuthorityUnusable: no http(s) address, no answer in time, an HTTP error, another content type or too large.
    """
    if not url.startswith(("http://", "https://")):
        raise AuthorityUnusable("its address is not http:// or https://")
    answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    threading.Thread(target=_exchange, args=(url, query, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT_SECONDS)
    except queue.Empty:
        raise AuthorityUnusable(f"no answer within {TIMEOUT_SECONDS} s") from None
    if isinstance(answer, Exception):
        raise AuthorityUnusable(_reason(answer)) from answer
    return answer


def _exchange(url: str, query: bytes, answers: queue.SimpleQueue[bytes | Exception]) -> None:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    request = urllib.request.Request(url, data=query, headers=headers)  # noqa: S310 - http(s) was asked for above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - as above
            if response.headers.get_content_type() != "application/timestamp-reply":
                raise AuthorityUnusable("the answer is no time-stamp reply")  # noqa: TRY301 - carried to the asker
            body: bytes = response.read(ANSWER_CAP_BYTES + 1)
        answers.put(body if len(body) <= ANSWER_CAP_BYTES else AuthorityUnusable("the answer is too large"))
    except urllib.error.HTTPError as error:
        error.close()
        answers.put(error)
    except Exception as error:  # noqa: BLE001 - carried to the asker
        answers.put(error)


def _reason(error: Exception) -> str:
    match error:
        case AuthorityUnusable():
            return str(error)
        case urllib.error.HTTPError():
            return f"HTTP status {error.code}"
        case urllib.error.URLError(reason=OSError() as cause):
            return f"not reachable: {cause.strerror or cause}"
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS} s"
        case _:
            return f"not reachable: {type(error).__name__}"
