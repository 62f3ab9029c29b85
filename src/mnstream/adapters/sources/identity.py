"""Names of streams and of what they measure."""

from __future__ import annotations

import re
from hashlib import blake2b

from mnstream.core.values import ProducerId, StreamId

_SPECIAL = re.compile(r'[,=+<>#;"\\]')


def stable_stream_id(producer_id: ProducerId, subject: str) -> StreamId:
    """Derive a stream identifier from who reports and what is measured.

    Args:
        producer_id: DN of the producer.
        subject: What the stream measures, unique at its producer; a DN as a rule.

    Returns:
        Canonical decimal of 63 bits of a hash: what the int64 of a PDSU can carry, the same after
        every restart, and different for two producers unless 2**63 chances meet.

    Source: TS 28.550 Annex C, G, I (streamId); TS 28.532 11.5.1.1.2 (globally unique).
    """
    digest = blake2b(digest_size=8, person=b"mnstream stream")
    for text in (producer_id, subject):
        octets = text.encode()
        # With its length, or ("ab", "c") and ("a", "bc") were the same stream.
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return StreamId(str(int.from_bytes(digest.digest(), "big") >> 1))


def relative_name(attribute: str, value: str) -> str:
    """Write one component of a DN, with what has a meaning there escaped (TS 32.300 7.1)."""
    return f"{attribute}={_SPECIAL.sub(lambda found: chr(92) + found.group(), value)}"
