"""What every ``mnstream.ports.channel.Channel`` does, checked on a pair of yours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from mnstream.ports.channel import (
    Broken,
    Channel,
    Closed,
    Message,
    PeerClosed,
    PeerViolated,
    Ping,
    Pong,
    TransportError,
)
from mnstream.testing.timing import in_time


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPair:
    """Two channels that are each other's peer.

    Attributes:
        producer: The end that dialled.
        consumer: The end that was dialled.
        answers_pings: Whether the ends answer Pings by themselves and deliver none, as the
            docstring of their ``pong`` says.
    """

    producer: Channel
    consumer: Channel
    answers_pings: bool = False


PairMaker = Callable[[], AbstractAsyncContextManager[ChannelPair]]
"""Opens a new pair, and releases whatever is left of it."""

# Around every length field of RFC 6455 and around common buffers.
SIZES = (0, 1, 97, 125, 126, 127, 4_096, 65_535, 65_536, 65_537, 300_000)

# A receive is cancelled after each of so many steps of the scheduler.
_STEPS = 30

# Nobody sends anything for so long.
_SILENCE_S = 0.05

# More than the buffers between two ends hold, in messages and in bytes (64 MiB).
_FLOOD = [bytes(1 << 15)] * 2_048


async def check_channel(make_pair: PairMaker) -> None:
    """Check every guarantee of the port, each on a new pair, in both directions.

    Raises:
        AssertionError: A guarantee does not hold; the check's name is in the traceback.
    """
    for check in CHECKS:
        for reverse in (False, True):
            with in_time(check):
                async with make_pair() as pair:
                    await check(_reversed(pair) if reverse else pair)


def _reversed(pair: ChannelPair) -> ChannelPair:
    return ChannelPair(
        producer=pair.consumer, consumer=pair.producer, answers_pings=pair.answers_pings
    )


async def receive_messages(channel: Channel, count: int) -> list[Message]:
    """Receive until there are ``count`` messages, past signs of life; more are an error."""
    messages: list[Message] = []
    while len(messages) < count:
        messages.extend(await channel.receive())
    assert len(messages) == count, messages[count:]
    return messages


async def receive_until_close(channel: Channel) -> list[Message]:
    """Receive until the peer says goodbye, and answer it."""
    messages: list[Message] = []
    while not (messages and isinstance(messages[-1], PeerClosed | PeerViolated)):
        messages.extend(await channel.receive())
    await channel.close(1000)
    return messages


async def whole_messages_arrive_in_order(pair: ChannelPair) -> None:
    """Messages of every size arrive whole, in order, as ``bytes``."""
    sent = [bytes([size % 251]) * size for size in SIZES]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.producer.send, sent)
        received = await receive_messages(pair.consumer, len(sent))
        assert received == sent
        assert all(type(each) is bytes for each in received)


async def many_messages_arrive_in_order(pair: ChannelPair) -> None:
    """Thousands of small messages arrive in order, however they are batched."""
    sent = [b"%d" % number for number in range(5_000)]

    async def send() -> None:
        for start in range(0, len(sent), 50):
            await pair.producer.send(sent[start : start + 50])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        assert await receive_messages(pair.consumer, len(sent)) == sent


async def nothing_to_send_is_sent(pair: ChannelPair) -> None:
    """Sending no message is allowed and sends none."""
    await pair.producer.send([])
    await pair.producer.send([b"x"])
    assert await receive_messages(pair.consumer, 1) == [b"x"]


async def two_senders_do_not_mix(pair: ChannelPair) -> None:
    """Two tasks may send at the same time; every message stays whole."""
    one, two = [b"1" * 5_000] * 200, [b"2" * 5_000] * 200
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.producer.send, one)
        tasks.start_soon(pair.producer.send, two)
        received = await receive_messages(pair.consumer, len(one) + len(two))
        assert sorted(each for each in received if isinstance(each, bytes)) == one + two


async def both_directions_at_once(pair: ChannelPair) -> None:
    """Both ends may send while both receive."""
    sent = [b"x" * 10_000] * 300
    async with anyio.create_task_group() as tasks:
        for channel in (pair.producer, pair.consumer):
            tasks.start_soon(channel.send, sent)
            tasks.start_soon(receive_messages, channel, len(sent))


async def a_cancelled_receive_loses_nothing(pair: ChannelPair) -> None:
    """``receive`` may be cancelled anywhere; what arrived is returned by the next."""
    sent = [b"%d" % number for number in range(2 * _STEPS)]
    received: list[Message] = []

    async def receive(scope: anyio.CancelScope) -> None:
        with scope:
            received.extend(await pair.consumer.receive())

    for number, message in enumerate(sent):
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            if number % 2:  # a receive that waits already, or one that finds something
                tasks.start_soon(receive, scope)
                await _steps(_STEPS)
                await pair.producer.send([message])
            else:
                await pair.producer.send([message])
                tasks.start_soon(receive, scope)
            await _steps(number // 2)
            scope.cancel()
    while len(received) < len(sent):
        received.extend(await pair.consumer.receive())
    assert received == sent


async def _steps(count: int) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def _a_while() -> None:
    """Let the other tasks come to where they wait.

    Not until all are blocked: a server in the same loop may never be.
    """
    await anyio.sleep(_SILENCE_S)


async def silence_is_no_sign_of_life(pair: ChannelPair) -> None:
    """When nothing arrives, ``receive`` waits; what arrived before is told once."""
    async with anyio.create_task_group() as tasks:
        # More than the buffers of a Unix socket hold.
        tasks.start_soon(pair.producer.send, [bytes(300_000)])
        await receive_messages(pair.consumer, 1)
    with anyio.move_on_after(_SILENCE_S) as silence:
        for _ in range(_STEPS):
            assert not await pair.consumer.receive(), "a message that nobody sent"
    assert silence.cancelled_caught, "signs of life of a silent peer"


async def a_ping_keeps_its_place(pair: ChannelPair) -> None:
    """A Ping arrives between the messages between which it was sent."""
    await pair.producer.send([b"before"])
    await pair.producer.ping(b"p")
    await pair.producer.send([b"after"])
    if pair.answers_pings:
        assert await receive_messages(pair.consumer, 2) == [b"before", b"after"]
    else:
        received = await receive_messages(pair.consumer, 3)
        assert received == [b"before", Ping(b"p"), b"after"]


async def a_pong_answers_a_ping(pair: ChannelPair) -> None:
    """``pong`` answers a Ping with its payload, up to 125 bytes."""
    for payload in (b"", b"1", bytes(125)):
        await pair.producer.ping(payload)
        if not pair.answers_pings:
            assert await receive_messages(pair.consumer, 1) == [Ping(payload)]
            await pair.consumer.pong(payload)
        assert await receive_messages(pair.producer, 1) == [Pong(payload)]


async def a_pong_is_withheld(pair: ChannelPair) -> None:
    """Nothing but ``pong`` lets it out: no message, no Ping of our own, no other Pong."""
    if pair.answers_pings:
        return
    await pair.producer.ping(b"1")
    await pair.producer.ping(b"2")
    assert await receive_messages(pair.consumer, 2) == [Ping(b"1"), Ping(b"2")]
    await pair.consumer.send([b"message"])
    await pair.consumer.ping(b"own")
    await pair.consumer.pong(b"2")
    await pair.consumer.send([b"last"])
    received = await receive_messages(pair.producer, 4)
    assert received == [b"message", Ping(b"own"), Pong(b"2"), b"last"]


async def a_close_follows_everything(pair: ChannelPair) -> None:
    """Both ``close`` return True, again and again; afterwards both ends are Closed."""
    results: list[bool] = []

    async def close() -> None:
        await pair.producer.send([b"last"])
        results.append(await pair.producer.close(1000, "done"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(close)
        received = await receive_messages(pair.consumer, 2)
        assert received == [b"last", PeerClosed(1000, "done")]
        await expect(Closed, lambda: pair.consumer.send([b"too late"]))
        await expect_end(Closed, pair.consumer)
        results.append(await pair.consumer.close(1011, "ignored"))
    assert results == [True, True]
    for channel in (pair.producer, pair.consumer):
        assert await channel.close(1000)
        await expect_closed(channel)


async def the_last_message_needs_no_reader_of_its_own(pair: ChannelPair) -> None:
    """What was sent before ``close`` arrives, though the peer reads only later."""
    sent = [b"%d" % number for number in range(500)]
    await pair.producer.send(sent)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.producer.close, 1001)
        await _a_while()
        assert await receive_until_close(pair.consumer) == [*sent, PeerClosed(1001, "")]


async def both_may_close_at_once(pair: ChannelPair) -> None:
    """Closes that cross each other count as answers."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.producer.close, 1000)
        tasks.start_soon(pair.consumer.close, 1001)
    assert await pair.producer.close(1000)
    assert await pair.consumer.close(1000)


async def close_ends_a_receive_of_our_own(pair: ChannelPair) -> None:
    """A ``receive`` that waits while its end is closed raises Closed."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(expect_end, Closed, pair.producer)
        tasks.start_soon(receive_until_close, pair.consumer)
        await _a_while()
        assert await pair.producer.close(1000)


async def close_drops_what_still_comes(pair: ChannelPair) -> None:
    """Messages that nobody has received do not keep ``close`` from its end."""
    await pair.consumer.send([b"nobody reads this"] * 10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_close, pair.consumer)
        assert await pair.producer.close(1000)


async def abort_is_seen_as_broken(pair: ChannelPair) -> None:
    """The other end sees Broken, and its ``close`` tells that there was no goodbye."""
    await pair.producer.abort()
    await pair.producer.abort()
    await expect_end(Broken, pair.consumer)
    assert not await pair.consumer.close(1000)
    await expect_closed(pair.producer)
    await expect_closed(pair.consumer)


async def abort_ends_waiting_calls(pair: ChannelPair) -> None:
    """Nobody waits for ever on either end."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(expect_end, Closed, pair.producer)
        tasks.start_soon(expect_end, Broken, pair.consumer)
        await _a_while()
        await pair.producer.abort()


async def a_broken_channel_refuses_to_send(pair: ChannelPair) -> None:
    """Not at once, because buffers take a while to fill, but before long."""

    async def send() -> None:
        for message in _FLOOD:
            await pair.consumer.send([message])

    await pair.producer.abort()
    await expect(Broken, send)
    await expect(Broken, lambda: pair.consumer.ping(b""))


async def a_cancelled_send_breaks_the_channel(pair: ChannelPair) -> None:
    """After it nothing can be sent, and the peer gets whole messages only."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.producer.send, _FLOOD)
        await _a_while()
        tasks.cancel_scope.cancel()
    await expect(Broken, lambda: pair.producer.send([b"more"]))
    await expect(Broken, lambda: pair.producer.ping(b""))
    await pair.producer.abort()
    with suppress(Broken):
        while True:
            for message in await pair.consumer.receive():
                assert message == _FLOOD[0], "part of a message was delivered"


async def release_during_a_send(pair: ChannelPair) -> None:
    """A ``send`` that waits while its end is aborted raises."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(expect, TransportError, lambda: pair.producer.send(_FLOOD))
        await _a_while()
        await pair.producer.abort()


async def expect(
    error: type[TransportError], call: Callable[[], Awaitable[object]]
) -> TransportError:
    """Require that a call raises this error."""
    try:
        result = await call()
    except error as exc:
        return exc
    raise AssertionError(f"{result!r} was returned instead of raising {error.__name__}")


async def expect_end(error: type[TransportError], channel: Channel) -> None:
    """Require that nothing but signs of life comes any more, and then this error."""
    try:
        await receive_messages(channel, 1)
    except error:
        return
    raise AssertionError(f"a message was received instead of raising {error.__name__}")


async def expect_closed(channel: Channel) -> None:
    """Require that nothing can be done with a channel that we closed."""
    await expect(Closed, channel.receive)
    await expect(Closed, lambda: channel.send([b"x"]))
    await expect(Closed, lambda: channel.ping(b""))


CHECKS: tuple[Callable[[ChannelPair], Awaitable[None]], ...] = (
    whole_messages_arrive_in_order,
    many_messages_arrive_in_order,
    nothing_to_send_is_sent,
    two_senders_do_not_mix,
    both_directions_at_once,
    a_cancelled_receive_loses_nothing,
    silence_is_no_sign_of_life,
    a_ping_keeps_its_place,
    a_pong_answers_a_ping,
    a_pong_is_withheld,
    a_close_follows_everything,
    the_last_message_needs_no_reader_of_its_own,
    both_may_close_at_once,
    close_ends_a_receive_of_our_own,
    close_drops_what_still_comes,
    abort_is_seen_as_broken,
    abort_ends_waiting_calls,
    a_broken_channel_refuses_to_send,
    a_cancelled_send_breaks_the_channel,
    release_during_a_send,
)
"""Every guarantee, by name; ``check_channel`` checks them all."""
