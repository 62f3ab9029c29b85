"""What a message may cost its reader. The standard names no limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RestLimits:
    """Bounds of one message. Its size is bounded before, by the HTTP adapter.

    Attributes:
        target_bytes_max: Path and query. No server takes much more: h11, nginx and Apache stop at
            8 to 16 KiB for the request line.
        identifiers_max: Identifiers in one query; more do not fit into a target of normal size.
        streams_max: Streams in one body; far more than the core takes for one connection, which
            is 10,000 unless it is configured otherwise.
        json_values_max: Values of one body, counted as its commas and brackets. 10,000 streams of
            12 metrics have 250,000 and take 0.2 s to read; this many take less than 1 s and 70 MB.
        json_depth_max: Objects and arrays inside each other. A TraceJob needs about 8; Python's
            parser would give up at about 1000, where exactly depends on its caller.
        number_chars_max: Characters of one number. 64-bit integers have 20, doubles 24; the time
            to convert a number grows with the square of its length.
    """

    target_bytes_max: int = 16_384
    identifiers_max: int = 4_096
    streams_max: int = 50_000
    json_values_max: int = 400_000
    json_depth_max: int = 32
    number_chars_max: int = 64


DEFAULT_LIMITS = RestLimits()
