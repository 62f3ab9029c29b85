"""CBOR without the tags that a reader of captures ignores (`specs/capture.md`).

Ours writes none, and the decoder turns those it knows into values of its own. So they are taken out
of the octets, for a block that cannot be read with them.
"""

from __future__ import annotations

_LENGTH_FOLLOWS, _LONGEST = 24, 27
_STRINGS, _TAG = (2, 3), 6
_BIG_INTEGERS = (2, 3)  # positive and negative; a StreamInfo may have them


def without_tags(data: bytes) -> bytes:
    """Leave out the tags of CBOR items of definite length; what is no CBOR comes out as anything.

    What encloses items counts them, not their octets; so nothing else changes.
    """
    kept = bytearray()
    at = 0
    while at < len(data):
        begin, (major, number) = at, divmod(data[at], 32)
        at += 1
        if _LENGTH_FOLLOWS <= number <= _LONGEST:
            octets = 1 << (number - _LENGTH_FOLLOWS)
            number = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if major in _STRINGS:
            at += number
        if major != _TAG or number in _BIG_INTEGERS:
            kept += data[begin:at]
    return bytes(kept)
