"""Payloads that no standard describes: ANALYTICS, PROPRIETARY, and TRACE in ASN.1.

Nothing in such a payload tells its stream (TS 28.532 11.5.1.1.1), so a connection has one stream of
this kind at most, unless the payload names it. Ours is a convention: a payload that is one JSON
object with a string ``streamId`` belongs to that stream (`specs/contradictions.md` 58).

What a payload means is a matter of whoever produced it. A user who knows registers a codec.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import ANY_COUNT, Unit
from mnstream.core.values import Json, StreamId, StreamInfo
from mnstream.ports.payload_codec import PayloadCodec

CLAUSE = "TS 28.532 11.5.1.1.1"

NAMED_BYTES_MAX = 1_048_576
"""Longest payload that is searched for its stream: all of it has to be read for that."""
STREAM_ID_CHARS_MAX = 1_024
"""Longest name that is taken for one of a stream."""
_DETAIL_CHARS_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a user's codec made of a payload.

    Attributes:
        codec: Name of the codec.
        value: What the payload means; None when the codec failed.
        problem: Why it failed; empty when it did not.
    """

    codec: str
    value: Json = None
    problem: str = ""


def read_opaque(payload: bytes) -> Sequence[Unit]:
    """Find the stream that a payload names by itself.

    Raises:
        Undecodable: It is no JSON object with a ``streamId``, or too long to be looked into.
    """
    if not payload.startswith(b"{"):
        raise Undecodable("the payload names no stream", clause=CLAUSE)
    if len(payload) > NAMED_BYTES_MAX:
        raise Undecodable(f"more than {NAMED_BYTES_MAX} octets to look into", clause=CLAUSE)
    try:
        members: Json = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"the payload is no JSON object: {error}", clause=CLAUSE) from error
    stream_id = members.get("streamId") if isinstance(members, dict) else None
    if not isinstance(stream_id, str) or not 0 < len(stream_id) <= STREAM_ID_CHARS_MAX:
        raise Undecodable("the JSON object names no stream", clause=CLAUSE)
    return ((StreamId(stream_id), ANY_COUNT),)


def load_codec(reference: str) -> PayloadCodec:
    """Find a user's codec by its ``module:attribute``; a class is called without arguments.

    Raises:
        ValueError: There is none; the text says why.
    """
    module, _, attribute = reference.partition(":")
    if not module or not attribute:
        raise ValueError(f"{reference!r} is not MODULE:NAME")
    try:
        found: object = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
        codec = cast("object", found()) if isinstance(found, type) else found
    except Exception as error:  # whatever a user's module raises while it is imported
        raise ValueError(f"{reference}: {_reason(error)}") from error
    if not isinstance(codec, PayloadCodec):
        raise ValueError(f"{reference} has no name, claims and decode, as a PayloadCodec has")
    return codec


def decode_with(
    codecs: Iterable[PayloadCodec], stream: StreamInfo, schema_uri: str, payload: bytes
) -> Decoded | None:
    """Let the first codec that claims a payload decode it.

    Args:
        codecs: In the order in which they are asked.
        stream: The stream as it was announced when the payload was received.
        schema_uri: What a trace record says of its payload; "" for other streams.
        payload: What was received, or what a trace record carries.

    Returns:
        What came of it, which is JSON whatever the codec returned; None when none claims it.
        Nothing is raised: a codec that fails spoils its own payload only.
    """
    for codec in codecs:
        try:
            if not codec.claims(stream, schema_uri):
                continue
            # Only what can be written can be shown; this also turns tuples into lists.
            value = json.loads(json.dumps(codec.decode(payload), allow_nan=False))
        except Exception as error:  # whatever a user's codec raises
            return Decoded(codec=codec.name, problem=_reason(error))
        return Decoded(codec=codec.name, value=value)
    return None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_DETAIL_CHARS_MAX]
