"""Signatures of notifications, as the Standard Webhooks specification has them.

TS 28.532 has no way for a recipient to tell who posts to it but TLS with client certificates. This
is the one that recipients outside of 3GPP know. What is signed names the message and the time, so
that neither can be given to another body, nor an old message be posted again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote

from mnstream.adapters.http.exchange import Headers

TOLERANCE_S = 300
"""How far the clocks of both sides may be apart."""

_PREFIX = "whsec_"
_SECRET_BYTES_MIN = 24
_SECRET_BYTES_MAX = 64
_SIGNATURES_MAX = 16  # of one message that are compared: a rotation needs two
_VISIBLE = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"  # and no %, which escapes the rest
_SECONDS = re.compile(r"[0-9]{1,12}")


def read_secret(text: str) -> bytes:
    """Read a secret as it is handed out: ``whsec_`` and 24 to 64 bytes in base64.

    Raises:
        ValueError: It is none. The text does not tell what was read.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret of signatures is base64 behind whsec_") from None
    return _checked(secret)


class Signature:
    """Signs messages with each of its secrets, and takes those that are signed with one of them.

    Several secrets are for the time in which an old one is replaced.
    """

    def __init__(self, *secrets: bytes) -> None:
        """Keep the secrets.

        Raises:
            ValueError: There is none, or one is not 24 to 64 bytes long.
        """
        if not secrets:
            raise ValueError("signatures need a secret")
        self._secrets = tuple(map(_checked, secrets))

    def headers(self, message_id: str, body: bytes, *, now_s: int) -> Headers:
        """Return the headers of a message.

        Args:
            message_id: The same for every attempt with the same message. What no header may have
                in it is percent-encoded.
            body: The message, byte for byte.
            now_s: Seconds since the Unix epoch.
        """
        message_id, moment = quote(message_id, safe=_VISIBLE), str(now_s)
        signatures = " ".join(f"v1,{each}" for each in self._sign(message_id, moment, body))
        return (
            ("webhook-id", message_id),
            ("webhook-timestamp", moment),
            ("webhook-signature", signatures),
        )

    def verify(
        self, headers: Headers, body: bytes, *, now_s: int, tolerance_s: int = TOLERANCE_S
    ) -> bool:
        """Tell whether a message is signed by somebody who has one of the secrets, just now.

        The time that it takes tells nothing about the secrets.
        """
        found = {name.lower(): value for name, value in headers}
        message_id, moment = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
        if not message_id or not _SECONDS.fullmatch(moment):
            return False
        if abs(int(moment) - now_s) > tolerance_s:
            return False
        given = [
            value.encode("latin-1")
            for version, _, value in (
                each.partition(",") for each in found.get("webhook-signature", "").split(" ")
            )
            if version == "v1"
        ][:_SIGNATURES_MAX]
        good = False
        for own in self._sign(message_id, moment, body):
            for each in given:
                good |= hmac.compare_digest(own.encode("ascii"), each)
        return good

    def _sign(self, message_id: str, moment: str, body: bytes) -> Sequence[str]:
        signed = f"{message_id}.{moment}.".encode("latin-1") + body
        digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in self._secrets)
        return [base64.b64encode(digest).decode("ascii") for digest in digests]


def _checked(secret: bytes) -> bytes:
    if not _SECRET_BYTES_MIN <= len(secret) <= _SECRET_BYTES_MAX:
        raise ValueError(
            f"a secret of signatures has {_SECRET_BYTES_MIN} to {_SECRET_BYTES_MAX} bytes"
        )
    return secret
