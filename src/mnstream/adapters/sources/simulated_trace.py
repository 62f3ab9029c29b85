"""Trace sessions that nobody activated, as TRACE streams: one record of each at a time.

What a session tells follows the life of recording sessions. Somebody is found who is traced, some
messages of theirs are recorded, and they are gone; in between there is nothing but heartbeats. Now
and then a node is too busy, and says how many events it dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Final

from mnstream.adapters.codecs.trace import encode_records
from mnstream.adapters.codecs.trace_values import (
    AdministrativeMessage,
    GlobalGnbId,
    TraceRecord,
    TraceRecordType,
    trace_stream_id,
)
from mnstream.core.values import (
    ProducerId,
    SerializationFormat,
    StreamInfo,
    StreamType,
    TraceInfo,
)

TRACE_STREAMS_MAX: Final = 1 << 24
"""As many as there are Trace IDs of 3 octets."""
PAYLOAD_SCHEMA: Final = "https://example.com/schemas/simulated-rrc/1"
"""What the payload of a simulated record is: JSON, which a codec of a user's may claim."""

_MCC, _MNC = "001", "01"  # the test network that no operator has
_PLMN = bytes.fromhex("00f110")
_EVENTS = ("RRCSetupRequest", "RRCReconfiguration", "MeasurementReport", "RRCRelease")
_FOUND, _GONE, _BUSY = 0.4, 0.1, 0.02  # chances at each record


class SimulatedTraces:
    """Trace sessions of one gNB; the same seed gives the same records, at whatever times.

    Args:
        producer_id: DN of the producer; the Trace IDs depend on it.
        seed: Seed of what happens.
        streams: How many trace sessions.
        units_per_frame: Records in a frame; 0 for one of each session.

    Raises:
        ValueError: There are not so many Trace IDs, or it is none at all.
    """

    def __init__(
        self, producer_id: ProducerId, *, seed: int, streams: int = 1, units_per_frame: int = 0
    ) -> None:
        if not 1 <= streams <= TRACE_STREAMS_MAX:
            raise ValueError(f"there are 1 to {TRACE_STREAMS_MAX} trace sessions, not {streams}")
        digest = blake2b(producer_id.encode(), digest_size=3, person=b"mnstream trace").digest()
        first = int.from_bytes(digest, "big")
        self._sessions = [
            _Session((first + number) % TRACE_STREAMS_MAX, number + 1, seed)
            for number in range(streams)
        ]
        self._units_per_frame = units_per_frame or streams

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams; each is the Trace Reference of its session."""
        return [session.stream for session in self._sessions]

    def frames(self, wall_ms: int) -> Sequence[bytes]:
        """Give the next record of each session."""
        records = [session.record(wall_ms) for session in self._sessions]
        size = self._units_per_frame
        return [encode_records(records[at : at + size]) for at in range(0, len(records), size)]


class _Session:
    """One trace session, and the recording session that is going on in it."""

    def __init__(self, trace_id: int, number: int, seed: int) -> None:
        self._reference = _PLMN + trace_id.to_bytes(3, "big")
        self._random = Random(f"{seed}/{number}")  # noqa: S311 - a simulation wants a seed
        self._begun = False
        self._recordings = 0
        self._ue: bytes | None = None
        self.stream = StreamInfo(
            stream_id=trace_stream_id(self._reference),
            stream_type=StreamType.TRACE,
            serialization_format=SerializationFormat.GPB,
            additional_info=TraceInfo(
                attributes={
                    "jobId": f"trace-{number}",
                    "jobType": "TRACE_ONLY",
                    "plmnTarget": {"mcc": _MCC, "mnc": _MNC},
                    "traceReportingFormat": "STREAMING",
                    "traceReference": {
                        "mcc": _MCC,
                        "mnc": _MNC,
                        "traceId": self._reference[3:].hex().upper(),
                    },
                }
            ),
        )

    def record(self, wall_ms: int) -> TraceRecord:
        """Tell what happened next."""
        chance = self._random.random()
        if not self._begun:
            self._begun = True
            return self._administrative(wall_ms, TraceRecordType.TRACE_SESSION_START)
        if self._ue is None:
            if chance >= _FOUND:
                return self._administrative(wall_ms, TraceRecordType.TRACE_STREAM_HEARTBEAT)
            self._recordings += 1
            self._ue = self._random.randbytes(8)
            return self._administrative(wall_ms, TraceRecordType.TRACE_RECORDING_SESSION_START)
        if chance < _BUSY:
            dropped = TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS
            return self._administrative(wall_ms, dropped, self._random.randint(1, 100))
        if chance < _BUSY + _GONE:
            record = self._administrative(wall_ms, TraceRecordType.TRACE_RECORDING_SESSION_STOP)
            self._ue = None
            return record
        return self._made(wall_ms, payload=self._payload())

    def _payload(self) -> bytes:
        event = self._random.choice(_EVENTS)
        measured = {"event": event, "rsrpDbm": self._random.randint(-120, -70)}
        return json.dumps(measured, separators=(",", ":")).encode()

    def _administrative(
        self, wall_ms: int, kind: TraceRecordType, dropped: int | None = None
    ) -> TraceRecord:
        message = AdministrativeMessage(name=kind, number_of_dropped_events=dropped)
        return self._made(wall_ms, kind=kind, message=message)

    def _made(
        self,
        wall_ms: int,
        *,
        kind: TraceRecordType = TraceRecordType.NORMAL,
        message: AdministrativeMessage | None = None,
        payload: bytes = b"",
    ) -> TraceRecord:
        recording = b"" if self._ue is None else (self._recordings % 0x10000).to_bytes(2, "big")
        return TraceRecord(
            time_stamp_ms=wall_ms,
            nf_instance_id="gnb-1",
            nf_type="GNB_CU_CP",
            trace_reference=self._reference,
            trace_recording_session_ref=recording,
            record_type=kind,
            ran_ue_id=self._ue,
            payload_schema_uri=PAYLOAD_SCHEMA if payload else "",
            global_gnb_id=GlobalGnbId(_PLMN, 1),
            payload=payload,
            administrative=message,
        )
