"""What every ``mnstream.ports.transport.ProducerTransport`` does, and its consumer's side with it.

A transport is checked together with what serves it: the suite plays the service.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from mnstream.core.errors import (
    ConnectionInUse,
    NotPermitted,
    OperationError,
    Unavailable,
    UnexpectedStreams,
    UnknownConnection,
)
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
    Outcome,
)
from mnstream.core.values import (
    AnalyticsInfo,
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    Status,
    StreamId,
    StreamInfo,
    StreamType,
)
from mnstream.ports.channel import Broken, Channel, Closed
from mnstream.ports.transport import Peer, ProducerTransport, StreamingService
from mnstream.testing.channels import (
    ChannelPair,
    check_channel,
    expect,
    expect_end,
    receive_messages,
    receive_until_close,
)
from mnstream.testing.services import Attended, ScriptedService
from mnstream.testing.timing import in_time

Connector = Callable[[StreamingService], AbstractAsyncContextManager[ProducerTransport]]
"""Serves a service and gives a transport that reaches it; ends both when it is left."""

PRODUCER = ProducerId("SubNetwork=ABC,GNBDUFunction=\u00e4 1")
_FIRST = ConnectionId("c1")


def stream(stream_id: str, *metrics: str) -> StreamInfo:
    """Describe a PERFORMANCE stream."""
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=StreamType.PERFORMANCE,
        serialization_format=SerializationFormat.GPB,
        additional_info=PerformanceInfo(
            meas_obj_dn="SubNetwork=ABC,ManagedElement=1", performance_metrics=metrics
        ),
    )


STREAMS = (
    stream("1", "RRU.PrbUsedDl", "DRB.UEThpDl.5QI"),
    StreamInfo(
        stream_id=StreamId("26F452/5500,21"),
        stream_type=StreamType.ANALYTICS,
        serialization_format=SerializationFormat.ASN1,
        additional_info=AnalyticsInfo(activity_details="\u00fcber alles"),
    ),
)
ESTABLISH = EstablishStreamingConnection(producer_id=PRODUCER, stream_info_list=STREAMS)


async def check_producer_transport(connect: Connector) -> None:
    """Check every guarantee of the port, each with a new service and a new transport.

    Raises:
        AssertionError: A guarantee does not hold; the check's name is in the traceback.
    """
    for check in CHECKS:
        service = ScriptedService()
        with in_time(check):
            async with connect(service) as transport:
                await check(transport, service)


async def check_channels_of(connect: Connector, *, answers_pings: bool = False) -> None:
    """Check the channels that a transport opens and its service gets: ``check_channel``.

    Raises:
        AssertionError: A guarantee does not hold.
    """

    @asynccontextmanager
    async def make_pair() -> AsyncGenerator[ChannelPair]:
        service = ScriptedService()
        async with connect(service) as transport:
            producer, attended = await open_pair(transport, service)
            yield ChannelPair(
                producer=producer, consumer=attended.channel, answers_pings=answers_pings
            )
            await producer.abort()
            await attended.channel.abort()
            attended.done.set()

    await check_channel(make_pair)


async def open_pair(
    transport: ProducerTransport, service: ScriptedService
) -> tuple[Channel, Attended]:
    """Establish a connection and open its channel; both ends are returned."""
    outcome = await transport.request(ESTABLISH)
    assert isinstance(outcome, EstablishOutcome)
    assert outcome.connection_id is not None, outcome
    channel = await transport.open_channel(outcome.connection_id)
    return channel, await service.attended()


async def outcomes_are_the_services(transport: ProducerTransport, service: ScriptedService) -> None:
    """What the service answers is what the producer gets, field by field."""
    added = (stream("7", "a"), stream("8"))
    operations: tuple[ControlOperation, ...] = (
        ESTABLISH,
        AddStream(connection_id=_FIRST, stream_info_list=added),
        AddStream(connection_id=_FIRST, stream_info_list=(stream("9"), stream("7", "a"))),
        GetStreamInfo(connection_id=_FIRST),
        GetStreamInfo(connection_id=_FIRST, stream_id_list=(StreamId("8"),)),
        GetStreamInfo(connection_id=_FIRST, stream_id_list=(StreamId("8"), StreamId("no"))),
        DeleteStream(connection_id=_FIRST, stream_id_list=(StreamId("8"), StreamId("9"))),
        GetConnectionInfo(),
        GetConnectionInfo(connection_id_list=(_FIRST,)),
        GetConnectionInfo(connection_id_list=(_FIRST, ConnectionId("no"))),
    )
    reference = ScriptedService()
    for operation in operations:
        expected = await reference.perform(operation, peer=Peer())
        outcome = await transport.request(operation)
        assert outcome == expected, (operation, outcome, expected)
    assert [operation for operation, _ in service.asked] == list(operations)


async def failures_are_answers(transport: ProducerTransport, service: ScriptedService) -> None:
    """A failure arrives as an outcome with the exception of stage 2."""
    await transport.request(ESTABLISH)
    unknown = ConnectionId("no")
    operations: tuple[ControlOperation, ...] = (
        AddStream(connection_id=unknown, stream_info_list=STREAMS),
        AddStream(connection_id=_FIRST, stream_info_list=STREAMS),
        DeleteStream(connection_id=_FIRST, stream_id_list=(StreamId("no"),)),
        GetConnectionInfo(connection_id_list=(unknown,)),
        GetStreamInfo(connection_id=unknown),
        GetStreamInfo(connection_id=_FIRST, stream_id_list=(StreamId("no"),)),
    )
    for operation in operations:
        expected = await service.perform(operation, peer=Peer())
        outcome = await transport.request(operation)
        assert outcome.status is Status.FAILURE, outcome
        assert type(outcome.exception) is type(expected.exception), (outcome, expected)
    refusal = UnexpectedStreams("no", reasons=((STREAMS[0].stream_id, "not wanted"),))
    service.answers.append(EstablishOutcome(status=Status.FAILURE, exception=refusal))
    outcome = await transport.request(ESTABLISH)
    assert isinstance(outcome.exception, UnexpectedStreams)
    assert [stream_id for stream_id, _ in outcome.exception.reasons] == ["1"]


async def requests_may_overlap(transport: ProducerTransport, service: ScriptedService) -> None:
    """Ten requests at once each get their own answer."""
    await transport.request(ESTABLISH)
    gate = anyio.Event()
    service.delay = gate.wait
    added: dict[int, Outcome] = {}

    async def add(number: int) -> None:
        operation = AddStream(connection_id=_FIRST, stream_info_list=(stream(f"s{number}"),))
        added[number] = await transport.request(operation)

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(add, number)
        await service.was_asked(11)
        gate.set()
    for number, outcome in added.items():
        assert isinstance(outcome, AddStreamOutcome)
        assert outcome.stream_info_list == (stream(f"s{number}"),)


async def a_cancelled_request_harms_nobody(
    transport: ProducerTransport, service: ScriptedService
) -> None:
    """The next request works."""
    service.delay = anyio.Event().wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(transport.request, ESTABLISH)
        await service.was_asked(1)
        tasks.cancel_scope.cancel()
    service.delay = None
    outcome = await transport.request(ESTABLISH)
    assert outcome.status is Status.SUCCESS


async def a_channel_is_opened(transport: ProducerTransport, service: ScriptedService) -> None:
    """The service gets the channel with its connection and its peer; requests go on beside it."""
    producer, attended = await open_pair(transport, service)
    assert attended.connection_id == _FIRST
    assert attended.peer == service.asked[0][1] or attended.peer.address
    await producer.send([b"1", b"2"])
    assert await receive_messages(attended.channel, 2) == [b"1", b"2"]
    # A request goes its own way while a channel is open.
    assert (await transport.request(GetConnectionInfo())).status is Status.SUCCESS
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_close, attended.channel)
        assert await producer.close(1000)
    attended.done.set()


async def a_refusal_says_why(transport: ProducerTransport, service: ScriptedService) -> None:
    """A refusal arrives as the exception that the service raised."""
    await expect_refusal(transport, UnknownConnection, ConnectionId("no"))
    producer, attended = await open_pair(transport, service)
    await expect_refusal(transport, ConnectionInUse, _FIRST)
    for error in (Unavailable("full"), NotPermitted("somebody else's")):
        service.refusals.append(error)
        await expect_refusal(transport, type(error), _FIRST)
    await producer.abort()
    attended.done.set()


async def a_service_that_ends_ends_the_channel(
    transport: ProducerTransport, service: ScriptedService
) -> None:
    """A service that returns without closing leaves no channel behind."""
    producer, attended = await open_pair(transport, service)
    attended.done.set()
    await expect_end(Broken, producer)
    await producer.abort()


async def a_connection_outlives_its_channel(
    transport: ProducerTransport, service: ScriptedService
) -> None:
    """A channel can be opened again after it was lost."""
    producer, attended = await open_pair(transport, service)
    await producer.abort()
    await expect_end(Broken, attended.channel)
    attended.done.set()
    await attended.channel.abort()
    again = None
    while again is None:
        try:
            again = await transport.open_channel(_FIRST)
        except ConnectionInUse:  # until the service has noticed
            await anyio.sleep(0.001)
    second = await service.attended()
    await again.send([b"again"])
    assert await receive_messages(second.channel, 1) == [b"again"]
    await again.abort()
    second.done.set()


async def many_channels_at_once(transport: ProducerTransport, service: ScriptedService) -> None:
    """Channels of one transport know nothing of each other."""
    pairs = [await open_pair(transport, service) for _ in range(20)]
    for number, (producer, _) in enumerate(pairs):
        await producer.send([b"%d" % number])
    for number, (producer, attended) in enumerate(pairs):
        assert await receive_messages(attended.channel, 1) == [b"%d" % number]
        await producer.abort()
        attended.done.set()


async def aclose_leaves_channels_open(
    transport: ProducerTransport, service: ScriptedService
) -> None:
    """``aclose`` ends requests, twice without harm, and no channel."""
    producer, attended = await open_pair(transport, service)
    await transport.aclose()
    await transport.aclose()
    await producer.send([b"still here"])
    assert await receive_messages(attended.channel, 1) == [b"still here"]
    await producer.abort()
    attended.done.set()
    await expect(Closed, lambda: transport.request(ESTABLISH))
    await expect(Closed, lambda: transport.open_channel(_FIRST))


async def expect_refusal(
    transport: ProducerTransport, error: type[OperationError], connection_id: ConnectionId
) -> None:
    """Require that a channel is refused with this exception."""
    try:
        channel = await transport.open_channel(connection_id)
    except error:
        return
    await channel.abort()
    raise AssertionError(f"a channel was opened instead of raising {error.__name__}")


Check = Callable[[ProducerTransport, ScriptedService], Awaitable[None]]
CHECKS: tuple[Check, ...] = (
    outcomes_are_the_services,
    failures_are_answers,
    requests_may_overlap,
    a_cancelled_request_harms_nobody,
    a_channel_is_opened,
    a_refusal_says_why,
    a_service_that_ends_ends_the_channel,
    a_connection_outlives_its_channel,
    many_channels_at_once,
    aclose_leaves_channels_open,
)
"""Every guarantee, by name; ``check_producer_transport`` checks them all."""
