"""What every ``mnstream.ports.log.Log`` does, checked on one of yours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

import anyio

from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    MetadataRecord,
    StreamsChanged,
)
from mnstream.core.values import (
    AnalyticsInfo,
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
    VsDataContainer,
)
from mnstream.ports.log import Log

LogMaker = Callable[[], AbstractAsyncContextManager[Log]]
"""Opens the log. The first time it is empty; then it holds what was durable when it was left."""

TIME_LIMIT_S = 20
"""For one wait. Nobody waits so long for a disk, and a hang becomes a failure."""

WALL_MS = 1_700_000_000_000


def performance_stream(stream_id: str, *metrics: str) -> StreamInfo:
    """Describe a PERFORMANCE stream for tests."""
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=StreamType.PERFORMANCE,
        serialization_format=SerializationFormat.GPB,
        additional_info=PerformanceInfo(
            meas_obj_dn="SubNetwork=1,ManagedElement=\u00e9",
            performance_metrics=metrics,
            job_id="7",
        ),
    )


STREAMS = (
    performance_stream("1", "RRU.PrbUsedDl", "DRB.UEThpDl.5QI"),
    performance_stream("9223372036854775807"),
    StreamInfo(
        stream_id=StreamId("26F452550021"),
        stream_type=StreamType.TRACE,
        serialization_format=SerializationFormat.GPB,
        additional_info=TraceInfo(attributes={"jobId": "1", "traceTarget": {"a": [1, 2.5, None]}}),
    ),
    StreamInfo(
        stream_id=StreamId("analytics"),
        stream_type=StreamType.ANALYTICS,
        serialization_format=SerializationFormat.ASN1,
        additional_info=AnalyticsInfo(),
    ),
    StreamInfo(
        stream_id=StreamId("vendor"),
        stream_type=StreamType.PROPRIETARY,
        serialization_format=None,
        additional_info=VsDataContainer(vs_data_type="x", vs_data=""),
    ),
    StreamInfo(
        stream_id=StreamId("bare"),
        stream_type=StreamType.PROPRIETARY,
        serialization_format=None,
    ),
)
"""A stream of each kind."""


def established(
    connection_id: str, version: int, streams: Iterable[StreamInfo] = STREAMS
) -> ConnectionEstablished:
    """Make a record for tests."""
    return ConnectionEstablished(
        connection_id=ConnectionId(connection_id),
        producer_id=ProducerId("SubNetwork=1,ManagedElement=1"),
        identity="CN=nf-1",
        streams_version=version,
        stream_info_list=tuple(streams),
        wall_ms=WALL_MS,
    )


def changed(
    connection_id: str,
    version: int,
    *,
    added: Iterable[StreamInfo] = (),
    removed: Iterable[str] = (),
) -> StreamsChanged:
    """Make a record for tests."""
    return StreamsChanged(
        connection_id=ConnectionId(connection_id),
        streams_version=version,
        added=tuple(added),
        removed=tuple(map(StreamId, removed)),
        wall_ms=WALL_MS + 1,
    )


def ended(connection_id: str, ending: Ending = Ending.EXPIRED) -> ConnectionEnded:
    """Make a record for tests."""
    return ConnectionEnded(
        connection_id=ConnectionId(connection_id), ending=ending, wall_ms=WALL_MS + 2
    )


async def check_log(make: LogMaker) -> None:
    """Check a log; AssertionError says what it does wrong.

    Call it in a task of anyio. It opens the log several times, one after the other.
    """
    position = await _check_positions(make)
    position = await _check_durability(make, position)
    await _check_restoration(make, position)


async def _check_positions(make: LogMaker) -> int:
    """Positions are dense, in the order of the calls, over all kinds of records."""
    async with make() as log:
        assert not tuple(log.restored()), "an empty log restores nothing"
        assert log.trouble == ""
        positions = [log.append(established("a", 1))]
        positions.append(log.append_frame(1, WALL_MS, b"delivered"))
        for disposition in Disposition:
            cause = "undecodable" if disposition is Disposition.QUARANTINED else ""
            positions.append(log.append_frame(1, WALL_MS, b"", disposition, cause))
        positions.append(log.append_frame(1, 0, bytes(100_000)))
        first = positions[0]
        assert positions == list(range(first, first + len(positions))), "positions have gaps"
        await _in_time(log, positions[-1])
        await _in_time(log, first)
        with anyio.fail_after(TIME_LIMIT_S):
            await log.has_room()
    return positions[-1]


async def _check_durability(make: LogMaker, last: int) -> int:
    """Any number may wait, in any order, and give up."""
    async with make() as log:
        await _in_time(log, last)
        position = log.append_frame(1, WALL_MS, b"first")
        assert position == last + 1, "positions go on where they ended"
        latest = position
        async with anyio.create_task_group() as tasks:
            for number in reversed(range(20)):
                latest = log.append_frame(1, WALL_MS, b"%d" % number)
                tasks.start_soon(_in_time, log, latest)
                tasks.start_soon(_in_time, log, position)
            with anyio.CancelScope() as gave_up:
                gave_up.cancel()
                await log.durable(latest)
            with anyio.CancelScope() as gave_up:
                gave_up.cancel()
                await log.has_room()
        return log.append_frame(1, WALL_MS, b"nobody waits; leaving commits it")


async def _check_restoration(make: LogMaker, last: int) -> None:
    """What is in force when the log is left is in force when it is opened again."""
    async with make() as log:
        assert streams_in_force(log.restored()) == {"a": (1, STREAMS)}
        assert log.append(established("b", 2, STREAMS[:1])) == last + 1, "a record was lost"
        log.append(established("c", 3, STREAMS[1:]))
        log.append(changed("b", 4, added=STREAMS[1:3], removed=["1"]))
        log.append(ended("a"))
    expected = {"b": (4, STREAMS[1:3]), "c": (3, STREAMS[1:])}
    for version in (5, 6):  # the second time, nothing but the state itself was written before
        async with make() as log:
            assert streams_in_force(log.restored()) == expected, "the state changed"
            assert highest_version(log.restored()) == version - 1, "a version may be used twice"
            log.append(established("short", version, ()))
            log.append(ended("short", Ending.TERMINATED))
    async with make() as log:
        assert streams_in_force(log.restored()) == expected
        assert highest_version(log.restored()) == 6  # noqa: PLR2004 - the last one above


async def _in_time(log: Log, position: int) -> None:
    with anyio.fail_after(TIME_LIMIT_S):
        await log.durable(position)


def highest_version(records: Iterable[MetadataRecord]) -> int:
    """Give the highest version of any record; 0 when there is none."""
    return max(
        (record.streams_version for record in records if not isinstance(record, ConnectionEnded)),
        default=0,
    )


def streams_in_force(
    records: Iterable[MetadataRecord],
) -> dict[str, tuple[int, tuple[StreamInfo, ...]]]:
    """Fold records into the version and the streams of each connection, in the simplest way."""
    state: dict[str, tuple[int, tuple[StreamInfo, ...]]] = {}
    for record in records:
        match record:
            case ConnectionEstablished():
                state[record.connection_id] = (record.streams_version, record.stream_info_list)
            case StreamsChanged():
                _, before = state[record.connection_id]
                kept = tuple(info for info in before if info.stream_id not in record.removed)
                state[record.connection_id] = (record.streams_version, kept + record.added)
            case ConnectionEnded():
                del state[record.connection_id]
    return state
