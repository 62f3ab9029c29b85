"""What a collector on a log on the disk knows after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.adapters.runtime.collecting import CollectorSettings, consuming
from mnstream.adapters.storage import Durability, Entry, LogConfig, LogReader
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
)
from mnstream.core.records import SENT_AGAIN, Disposition, FrameStored
from mnstream.core.values import ConnectionId, StreamInfo, StreamType
from mnstream.ports.channel import Pong
from tests.adapters.runtime.stage import new_transport, next_message
from tests.core.support import GNB, ids, performance, stream

pytestmark = pytest.mark.anyio


def measured(stream_id: int, period: int) -> bytes:
    unit = PerformanceDataStreamUnit(
        stream_id=stream_id,
        granularity_period_end_time_ns=period * 10**9,
        standardized=(1, 2),
    )
    return encode_pdsus([unit])


OPAQUE = stream("V", StreamType.PROPRIETARY)
SAID = b"\xffnobody can read it"


class Peer:
    """Reports by hand, from one life of a collector to the next."""

    def __init__(self, data: Path) -> None:
        self._settings = CollectorSettings(data=data, log=LogConfig(durability=Durability.WRITE))
        self._data = data
        self._connection_id = ConnectionId("")
        self._told = 0

    async def establish(self, *streams: StreamInfo) -> None:
        async with consuming(self._settings) as service:
            transport = new_transport(service.collector, service.tasks)
            outcome = await transport.request(
                EstablishStreamingConnection(producer_id=GNB, stream_info_list=streams)
            )
            assert isinstance(outcome, EstablishOutcome)
            assert outcome.connection_id is not None, outcome.exception
            self._connection_id = outcome.connection_id

    async def live(self, *steps: bytes | ControlOperation) -> list[tuple[str, str]]:
        """Start a collector, send frames and ask for operations, and stop it.

        Returns:
            Column and cause of each frame.
        """
        async with consuming(self._settings) as service:
            transport = new_transport(service.collector, service.tasks)
            channel = await transport.open_channel(self._connection_id)
            for step in steps:
                if isinstance(step, bytes):
                    await channel.send([step])
                    await channel.ping(b"stored?")
                    assert await next_message(channel) == Pong(b"stored?")
                else:
                    await transport.request(step)
            transport.cut()
        stored = [
            (entry.record.disposition.value, entry.record.cause)
            for entry in LogReader(self._data).entries()
            if isinstance(entry, Entry) and isinstance(entry.record, FrameStored)
        ]
        told, self._told = self._told, len(stored)
        return stored[told:]

    def adding(self, *streams: StreamInfo) -> AddStream:
        return AddStream(connection_id=self._connection_id, stream_info_list=streams)

    def deleting(self, *names: int) -> DeleteStream:
        return DeleteStream(connection_id=self._connection_id, stream_id_list=ids(*names))


NEW = (Disposition.DELIVERED.value, "")
KNOWN = (Disposition.DUPLICATE.value, "")
REPEATED = (Disposition.DELIVERED.value, SENT_AGAIN)


async def test_what_came_before_a_change_of_streams_is_recognised(tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    await peer.establish(performance(1))
    a, b, c, d = measured(1, 1), measured(2, 1), measured(2, 2), measured(2, 3)
    assert await peer.live(a, peer.adding(performance(2)), b) == [NEW] * 2
    assert await peer.live(a, b, peer.deleting(1), c) == [KNOWN, KNOWN, NEW]
    assert await peer.live(b, c, d) == [KNOWN, KNOWN, NEW]


async def test_what_came_behind_an_opaque_frame_is_recognised(tmp_path: Path) -> None:
    peer = Peer(tmp_path)
    await peer.establish(performance(1), OPAQUE)
    a, b, c = measured(1, 1), measured(1, 2), measured(1, 3)
    assert await peer.live(a, SAID, b) == [NEW] * 3
    assert await peer.live(a, SAID, b, c) == [KNOWN, REPEATED, KNOWN, NEW]
    assert await peer.live(a, SAID, b, c) == [KNOWN, REPEATED, KNOWN, KNOWN]
