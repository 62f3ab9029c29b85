"""What every transport does that stores what a producer reports and forwards it later.

Such a transport has two halves that need not live at the same time. The store answers the producer:
what it has acknowledged will be forwarded. The forwarding half is a producer towards the service of
a consumer, and begins where the service's answers to its Pings had come to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import anyio

from mnstream.core.errors import Unavailable, UnexpectedStreams
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
)
from mnstream.core.values import (
    ConnectionId,
    ProducerId,
    Status,
    StreamId,
    StreamInfo,
    StreamType,
    VsDataContainer,
)
from mnstream.ports.channel import Channel, Pong
from mnstream.ports.transport import ProducerTransport, StreamingService
from mnstream.testing.recording import Frame, RecordingService, Terminated
from mnstream.testing.timing import in_time

_PRODUCER = ProducerId("SubNetwork=ABC,ManagedElement=\u00e4 1")
_MANY = 6_000  # more than a consumer remembers to recognise what is sent again
_LARGE = 3 << 20
_SILENCE_S = 0.05  # no answer comes for so long; time enough to remember the wrong thing


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAndForward:
    """Both halves on one store.

    Attributes:
        writing: Opens the store for a producer. Leaving it is the end of the process that writes;
            it is opened again after that.
        forwarding: Forwards to a service while the block runs. Leaving it is the end of the process
            that forwards, at any moment; what it has to remember, it has made durable before.
    """

    writing: Callable[[], AbstractAsyncContextManager[ProducerTransport]]
    forwarding: Callable[[StreamingService], AbstractAsyncContextManager[None]]


Maker = Callable[[], AbstractAsyncContextManager[StoreAndForward]]
"""Makes a new, empty store."""


async def check_store_and_forward(make: Maker) -> None:
    """Check every guarantee, each on a new store.

    Raises:
        AssertionError: A guarantee does not hold; the check's name is in the traceback.
    """
    for check in CHECKS:
        with in_time(check):
            async with make() as halves:
                await check(halves)


def stream(stream_id: str) -> StreamInfo:
    """Describe a stream whose frames may be anything."""
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=StreamType.PROPRIETARY,
        serialization_format=None,
        additional_info=VsDataContainer(vs_data_type="\u00fc", vs_data=stream_id),
    )


def _establish(producer_id: str = _PRODUCER) -> EstablishStreamingConnection:
    return EstablishStreamingConnection(
        producer_id=ProducerId(producer_id), stream_info_list=(stream("a"),)
    )


class _Producer:
    """One connection of a producer, which waits for each acknowledgement."""

    def __init__(
        self, transport: ProducerTransport, connection_id: ConnectionId, channel: Channel
    ) -> None:
        self.connection_id = connection_id
        self._transport = transport
        self._channel = channel

    async def request(self, operation: ControlOperation) -> None:
        outcome = await self._transport.request(operation)
        assert outcome.status is Status.SUCCESS, outcome

    async def report(self, *frames: bytes) -> None:
        """Send frames and wait until they are acknowledged."""
        await self._channel.send(frames)
        await self._channel.ping(b"have you got them?")
        while True:
            for message in await self._channel.receive():
                if isinstance(message, Pong):
                    return

    async def add(self, stream_id: str) -> None:
        await self.request(
            AddStream(connection_id=self.connection_id, stream_info_list=(stream(stream_id),))
        )

    async def delete(self, stream_id: str) -> None:
        await self.request(
            DeleteStream(connection_id=self.connection_id, stream_id_list=(StreamId(stream_id),))
        )

    async def terminate(self) -> None:
        assert await self._channel.close(1000)


@asynccontextmanager
async def _reporting(
    transport: ProducerTransport, producer_id: str = _PRODUCER
) -> AsyncGenerator[_Producer]:
    outcome = await transport.request(_establish(producer_id))
    assert isinstance(outcome, EstablishOutcome)
    assert outcome.connection_id is not None, outcome
    channel = await transport.open_channel(outcome.connection_id)
    try:
        yield _Producer(transport, outcome.connection_id, channel)
    finally:
        with anyio.CancelScope(shield=True):
            await channel.abort()


def _in_order(lives: Sequence[Sequence[bytes]], expected: Sequence[bytes]) -> None:
    """Require that each life of the forwarding half went on where the one before may have been."""
    came_to = 0
    for frames in lives:
        if not frames:
            continue
        start = expected.index(frames[0])
        assert start <= came_to, f"{expected[came_to:start]} are missing"
        assert list(frames) == list(expected[start : start + len(frames)])
        came_to = max(came_to, start + len(frames))
    assert came_to == len(expected), f"{len(expected) - came_to} frames did not arrive"


async def operations_arrive_in_order(halves: StoreAndForward) -> None:
    """A connection is established and changed as it was, between the same frames; a Close is last.

    The identifier of the connection is the consumer's.
    """
    consumer, ours = RecordingService(), ConnectionId("c1")
    async with halves.forwarding(consumer), halves.writing() as transport:
        async with _reporting(transport) as producer:
            await producer.report(b"1", b"2")
            await producer.add("b")
            await producer.report(b"3")
            await producer.delete("a")
            await producer.add("a")
            await producer.report(b"4")
            await producer.terminate()
        await consumer.until(Terminated(ours))
    assert consumer.arrived == [
        _establish(),
        Frame(ours, b"1"),
        Frame(ours, b"2"),
        AddStream(connection_id=ours, stream_info_list=(stream("b"),)),
        Frame(ours, b"3"),
        DeleteStream(connection_id=ours, stream_id_list=(StreamId("a"),)),
        AddStream(connection_id=ours, stream_info_list=(stream("a"),)),
        Frame(ours, b"4"),
        Terminated(ours),
    ]


async def forwarding_may_begin_later(halves: StoreAndForward) -> None:
    """The producer may be gone; everything arrives, large frames whole, and the Close after it."""
    frames = [bytes([size % 251]) * size for size in (1, 125, 65_536, _LARGE)]
    async with halves.writing() as transport, _reporting(transport) as producer:
        await producer.report(*frames)
        await producer.add("b")
        await producer.report(b"last")
        await producer.terminate()
    consumer = RecordingService()
    async with halves.forwarding(consumer):
        await consumer.until(Terminated(ConnectionId("c1")))
    assert consumer.payloads() == [*frames, b"last"]
    assert isinstance(consumer.arrived[-1], Terminated)


async def many_frames_arrive_in_order(halves: StoreAndForward) -> None:
    """Thousands of small frames arrive once each, in order."""
    frames = [b"%d" % number for number in range(_MANY)]
    consumer = RecordingService()
    async with (
        halves.forwarding(consumer),
        halves.writing() as transport,
        _reporting(transport) as producer,
    ):
        for start in range(0, _MANY, 500):
            await producer.report(*frames[start : start + 500])
        await consumer.until(Frame(ConnectionId("c1"), frames[-1]))
    assert consumer.payloads() == frames


async def connections_are_told_apart(halves: StoreAndForward) -> None:
    """Each producer has a connection of its own at the consumer, and its frames in order."""
    names = [f"ManagedElement={number}" for number in range(5)]
    consumer = RecordingService()
    async with halves.forwarding(consumer), halves.writing() as transport:
        async with anyio.create_task_group() as tasks:

            async def report(name: str) -> None:
                async with _reporting(transport, name) as producer:
                    for number in range(20):
                        await producer.report(b"%s %d" % (name.encode(), number))
                    await producer.terminate()

            for name in names:
                tasks.start_soon(report, name)
        for number in range(len(names)):
            await consumer.until(Terminated(ConnectionId(f"c{number + 1}")))
    established = [
        each.producer_id
        for each in consumer.arrived
        if isinstance(each, EstablishStreamingConnection)
    ]
    assert sorted(established) == names
    for number, name in enumerate(established, 1):
        expected = [b"%s %d" % (name.encode(), each) for each in range(20)]
        assert consumer.payloads(ConnectionId(f"c{number}")) == expected


async def forwarding_goes_on_after_a_restart(halves: StoreAndForward) -> None:
    """It may end at any moment and begin again; nothing is missing, out of order, or anew."""
    frames = [b"%d" % number for number in range(60)]
    consumer, ours = RecordingService(), ConnectionId("c1")
    lives: list[list[bytes]] = []
    async with halves.writing() as transport, _reporting(transport) as producer:
        for start in range(0, 60, 10):
            before = len(consumer.payloads())
            async with halves.forwarding(consumer):
                await producer.report(*frames[start : start + 10])
                await consumer.until(Frame(ours, frames[start + 4]))
            lives.append(consumer.payloads()[before:])
        before = len(consumer.payloads())
        async with halves.forwarding(consumer):
            await producer.terminate()
            await consumer.until(Terminated(ours))
        lives.append(consumer.payloads()[before:])
    _in_order(lives, frames)
    asked = [each for each in consumer.arrived if isinstance(each, EstablishStreamingConnection)]
    assert len(asked) == 1, "the connection outlives the process that forwards"


async def what_is_not_answered_is_sent_again(halves: StoreAndForward) -> None:
    """Only the consumer's answer to a Ping says that a frame need not be sent again."""
    consumer, ours = RecordingService(), ConnectionId("c1")
    consumer.answers_pings = False
    async with halves.writing() as transport, _reporting(transport) as producer:
        await producer.report(b"1", b"2")
        for life in (1, 2):
            async with halves.forwarding(consumer):
                await consumer.until(Frame(ours, b"2"), life)
                await anyio.sleep(_SILENCE_S)
        consumer.answers_pings = True
        await producer.add("b")
        await producer.report(b"3")
        async with halves.forwarding(consumer):
            await consumer.until(Frame(ours, b"3"))
    assert consumer.payloads() == [b"1", b"2"] * 3 + [b"3"]


async def what_is_answered_is_not_sent_again(halves: StoreAndForward) -> None:
    """What was answered when something later arrived is not sent again after a restart."""
    consumer, ours = RecordingService(), ConnectionId("c1")
    async with halves.writing() as transport, _reporting(transport) as producer:
        async with halves.forwarding(consumer):
            for number in range(5):
                await producer.report(b"%d" % number)
                await consumer.until(Frame(ours, b"%d" % number))
        async with halves.forwarding(consumer):
            await producer.report(b"5")
            await consumer.until(Frame(ours, b"5"))
    for number in range(4):
        assert consumer.payloads().count(b"%d" % number) == 1


async def the_writer_may_restart(halves: StoreAndForward) -> None:
    """What it had acknowledged arrives, in order, whoever goes on writing."""
    frames = [b"%d" % number for number in range(30)]
    consumer = RecordingService()
    async with halves.forwarding(consumer):
        for start in range(0, 30, 10):
            async with halves.writing() as transport, _reporting(transport) as producer:
                await producer.report(*frames[start : start + 10])
        await consumer.until_payload(frames[-1])
    assert consumer.payloads() == frames


async def a_refusal_concerns_one_connection(halves: StoreAndForward) -> None:
    """A connection that the consumer does not want is passed over; the others are not."""
    consumer, second = RecordingService(), ConnectionId("c1")
    refusal = UnexpectedStreams("no", reasons=(("a", "not wanted"),))
    consumer.answers.append(EstablishOutcome(status=Status.FAILURE, exception=refusal))
    async with halves.writing() as transport:
        async with _reporting(transport) as producer:
            await producer.report(b"unwanted")
            await producer.terminate()
        async with _reporting(transport, "ManagedElement=2") as producer:
            await producer.report(b"wanted")
            await producer.terminate()
    async with halves.forwarding(consumer):
        await consumer.until(Terminated(second))
    assert consumer.payloads() == [b"wanted"]
    asked = [each for each in consumer.arrived if isinstance(each, EstablishStreamingConnection)]
    assert asked == [_establish(), _establish("ManagedElement=2")], "asked once each"


async def a_temporary_refusal_is_waited_for(halves: StoreAndForward) -> None:
    """What the consumer cannot take now it is offered again."""
    consumer, ours = RecordingService(), ConnectionId("c1")
    full = Unavailable("full")
    consumer.answers.append(EstablishOutcome(status=Status.FAILURE, exception=full))
    consumer.refusals.append(full)
    async with (
        halves.forwarding(consumer),
        halves.writing() as transport,
        _reporting(transport) as producer,
    ):
        await producer.report(b"1")
        await consumer.until(Frame(ours, b"1"))


async def a_forgotten_connection_is_established_anew(halves: StoreAndForward) -> None:
    """A consumer that knows the connection no more gets it with the streams that it has by now."""
    async with halves.writing() as transport, _reporting(transport) as producer:
        first = RecordingService()
        async with halves.forwarding(first):
            await producer.report(b"1")
            await producer.add("b")
            await producer.report(b"2")
            await first.until(Frame(ConnectionId("c1"), b"2"))
        second = RecordingService()
        async with halves.forwarding(second):
            await producer.report(b"3")
            await second.until(Frame(ConnectionId("c1"), b"3"))
    asked = second.arrived[0]
    assert isinstance(asked, EstablishStreamingConnection)
    assert asked.producer_id == _PRODUCER
    assert {each.stream_id for each in asked.stream_info_list} == {"a", "b"}


Check = Callable[[StoreAndForward], Awaitable[None]]
CHECKS: tuple[Check, ...] = (
    operations_arrive_in_order,
    forwarding_may_begin_later,
    many_frames_arrive_in_order,
    connections_are_told_apart,
    forwarding_goes_on_after_a_restart,
    what_is_not_answered_is_sent_again,
    what_is_answered_is_not_sent_again,
    the_writer_may_restart,
    a_refusal_concerns_one_connection,
    a_temporary_refusal_is_waited_for,
    a_forgotten_connection_is_established_anew,
)
"""Every guarantee, by name; ``check_store_and_forward`` checks them all."""
