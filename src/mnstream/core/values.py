"""What the operations of streaming data reporting talk about (TS 28.532 11.5.1).

Stage 2 names. How they are spelled in JSON is the business of ``adapters/rest``; which of them
must be present for which stream type is decided by ``core/streaming/validation.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NewType

ConnectionId = NewType("ConnectionId", str)
"""Opaque token of one streaming connection; the last path segment of its URI."""
StreamId = NewType("StreamId", str)
"""Globally unique stream identifier; for TRACE the Trace Reference (TS 32.422 5.6)."""
ProducerId = NewType("ProducerId", str)
"""DN of the producer, or another name when the producer is not modelled; never parsed."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A JSON value as Python's ``json`` gives it."""


class StreamType(Enum):
    """Kind of data that a stream reports."""

    __hash__ = object.__hash__  # that of Enum is Python code, 0.3 us a look-up
    TRACE = "TRACE"
    PERFORMANCE = "PERFORMANCE"
    ANALYTICS = "ANALYTICS"
    PROPRIETARY = "PROPRIETARY"


class SerializationFormat(Enum):
    """Encoding of the payload of a stream."""

    GPB = "GPB"
    ASN1 = "ASN1"


class Status(Enum):
    """Outcome of an operation (stage 2 ``status``)."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    PARTIAL_SUCCESS = "PartialSuccess"


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceInfo:
    """What a PERFORMANCE stream measures.

    Attributes:
        meas_obj_dn: DN of the measured object instance.
        performance_metrics: Names of measurements and KPIs. A unit carries one value for each, in
            this order.
        job_id: PerfMetricJob.jobId, or the measurement job of TS 28.550; None when the producer
            gave none.
    """

    meas_obj_dn: str
    performance_metrics: tuple[str, ...]
    job_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceInfo:
    """Configuration of the TraceJob that a TRACE stream belongs to (TS 28.622 4.3.30).

    Attributes:
        attributes: The attributes of the TraceJob under their own names, not interpreted.
    """

    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsInfo:
    """What an ANALYTICS stream is about, in the producer's words."""

    activity_details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VsDataContainer:
    """What a PROPRIETARY stream carries, as its vendor describes it (TS 28.622 4.3.9)."""

    vs_data_type: str | None = None
    vs_data: str | None = None
    vs_data_format_version: str | None = None


AdditionalInfo = PerformanceInfo | TraceInfo | AnalyticsInfo | VsDataContainer
"""The part of StreamInfo that depends on the stream type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """Meta-data of one reporting stream.

    Attributes:
        stream_id: Identifier that the units of this stream carry.
        stream_type: Kind of data.
        serialization_format: Encoding; None only for PROPRIETARY, where stage 2 does not list it.
        additional_info: Type-specific part; None when the producer sent none.
    """

    stream_id: StreamId
    stream_type: StreamType
    serialization_format: SerializationFormat | None
    additional_info: AdditionalInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    """One entry of connectionInfoList (TS 28.532 11.5.1.6.3)."""

    connection_id: ConnectionId
    stream_reporter: ProducerId
    stream_id_list: tuple[StreamId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfoSum:
    """One entry of streamInfoSumList: a stream and all who report it (11.5.1.7.3)."""

    stream_info: StreamInfo
    stream_reporters: tuple[ProducerId, ...]
