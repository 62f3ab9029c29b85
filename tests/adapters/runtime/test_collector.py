from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import anyio
import anyio.lowlevel
import pytest
import trio
from trio.testing import MockClock

from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    NotPermitted,
    Unavailable,
    UnknownConnection,
)
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState as S
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.profiles import STRICT
from mnstream.core.records import Disposition, Ending
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import (
    Broken,
    Channel,
    Message,
    PeerClosed,
    PeerViolated,
    Ping,
    Pong,
)
from mnstream.ports.transport import Peer
from tests.adapters.runtime.stage import (
    CLOSE_MS,
    Later,
    ScriptedChannel,
    SlowLog,
    Stage,
    answer_close,
    messages,
    next_message,
    settled,
    staged,
)
from tests.core.support import GNB, frame, ids, performance

Operations = Callable[[ConnectionId], ControlOperation]

CHANGES: dict[str, Operations] = {
    "establish": lambda _: EstablishStreamingConnection(
        producer_id=GNB, stream_info_list=(performance(9),)
    ),
    "add": lambda name: AddStream(connection_id=name, stream_info_list=(performance(2),)),
    "delete": lambda name: DeleteStream(connection_id=name, stream_id_list=ids(1)),
}
QUESTIONS: dict[str, Operations] = {
    "connections": lambda _: GetConnectionInfo(),
    "streams": lambda name: GetStreamInfo(connection_id=name),
}
GOING_AWAY = PeerClosed(1001, "the collector is stopping")


def state_of(stage: Stage, connection_id: ConnectionId) -> S | None:
    connection = stage.consumer.connections.get(connection_id)
    return None if connection is None else connection.state


def attend(stage: Stage, connection_id: ConnectionId, channel: Channel) -> Later[None]:
    """Hand a channel to the collector as a transport does."""

    async def accept() -> Channel:
        await anyio.lowlevel.checkpoint()
        return channel

    run = partial(stage.collector.run_channel, connection_id, peer=Peer(), accept=accept)
    return Later(stage.tasks, run)


# --- operations ---------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("operation", CHANGES.values(), ids=CHANGES)
async def test_a_change_is_answered_when_it_is_durable(operation: Operations) -> None:
    async with staged() as stage:
        request = operation(await stage.establish())
        stage.log.hold()
        answer = Later(stage.tasks, partial(stage.transport.request, request))
        await settled()
        assert not answer.is_over
        stage.log.release()
        assert (await answer.result()).status is Status.SUCCESS


@pytest.mark.anyio
async def test_a_refusal_because_of_what_is_not_durable_waits_for_that() -> None:
    # Whoever asks again because the answer was lost hears "duplicate", and relies on it.
    async with staged() as stage:
        request = CHANGES["add"](await stage.establish())
        stage.log.hold()
        first = Later(stage.tasks, partial(stage.transport.request, request))
        await settled()
        await first.cancel()
        again = Later(stage.tasks, partial(stage.transport.request, request))
        await settled()
        assert not again.is_over
        stage.log.release()
        assert isinstance((await again.result()).exception, DuplicateStream)


@pytest.mark.anyio
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_a_question_does_not_wait_for_the_disk(question: Operations) -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        stage.log.set_trouble("the disk is full")
        await channel.send([frame("not durable")])
        await settled()
        answer = await stage.transport.request(question(connection_id))
        assert answer.status is Status.SUCCESS


@pytest.mark.anyio
@pytest.mark.parametrize("operation", CHANGES.values(), ids=CHANGES)
async def test_changes_are_refused_while_nothing_can_be_stored(operation: Operations) -> None:
    async with staged() as stage:
        request = operation(await stage.establish())
        records = list(stage.log.records)
        stage.log.set_trouble("the disk is full")
        refused = await stage.transport.request(request)
        assert refused.status is Status.FAILURE
        assert refused.exception == Unavailable("nothing can be stored: the disk is full")
        assert stage.log.records == records
        stage.log.set_trouble("")
        assert (await stage.transport.request(request)).status is Status.SUCCESS


# --- frames and acknowledgements ----------------------------------------------------------------


@pytest.mark.anyio
async def test_a_pong_says_that_everything_before_it_is_durable() -> None:
    async with staged() as stage:
        _, channel = await stage.dial()
        stage.log.hold()
        await channel.send([frame("a"), frame("b")])
        await channel.ping(b"2")
        answer = Later(stage.tasks, partial(next_message, channel))
        await settled()
        assert stage.stored() == [frame("a"), frame("b")]
        assert not answer.is_over
        stage.log.release()
        assert await answer.result() == Pong(b"2")


@pytest.mark.anyio
async def test_a_pong_does_not_wait_for_what_came_after_its_ping() -> None:
    async with staged() as stage:
        _, channel = await stage.dial()
        await channel.send([frame("a")])
        await settled()
        stage.log.hold()
        await channel.ping(b"1")
        await channel.send([frame("b")])
        assert await next_message(channel) == Pong(b"1")


@pytest.mark.anyio
async def test_pings_that_wait_for_the_disk_are_answered_by_the_first_and_the_last_pong() -> None:
    # RFC 6455 5.5.3 allows it, and a peer cannot make the collector remember each of its Pings.
    async with staged() as stage:
        _, channel = await stage.dial()
        stage.log.hold()
        for number in range(1, 101):
            await channel.send([frame(str(number))])
            await channel.ping(b"%d" % number)
            if number == 1:
                await settled()
        await settled()
        waiting = len(anyio.get_running_tasks())
        await channel.ping(b"101")
        await settled()
        assert len(anyio.get_running_tasks()) == waiting
        stage.log.release()
        assert await messages(channel, 2) == [Pong(b"1"), Pong(b"101")]


@pytest.mark.anyio
async def test_a_peer_that_takes_no_pongs_costs_one_task() -> None:
    async with staged() as stage:
        channel = ScriptedChannel()
        channel.pong_waits = anyio.Event()
        attend(stage, await stage.establish(), channel)
        channel.bring([Ping(b"0")])
        await settled()
        waiting = len(anyio.get_running_tasks())
        channel.bring([Ping(b"%d" % number) for number in range(1, 100)])
        await settled()
        assert len(anyio.get_running_tasks()) == waiting
        channel.pong_waits.set()
        await settled()
        assert channel.sent == [Pong(b"0"), Pong(b"99")]


@pytest.mark.anyio
async def test_the_pong_of_a_lost_channel_goes_nowhere() -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        stage.log.hold()
        await channel.send([frame("a")])
        await channel.ping(b"old")
        await settled()
        stage.transport.cut()
        await settled()
        again = await stage.transport.open_channel(connection_id)
        stage.log.release()
        await again.ping(b"new")
        assert await next_message(again) == Pong(b"new")


@pytest.mark.anyio
async def test_a_ping_and_the_loss_of_its_channel_at_the_same_moment() -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        old, new = ScriptedChannel(), ScriptedChannel()
        attend(stage, connection_id, old)
        old.bring([Ping(b"old"), PeerViolated(1003, "text")])
        await settled()
        attend(stage, connection_id, new)
        await settled()
        assert (old.sent, new.sent) == ([], [])


@pytest.mark.anyio
async def test_close_is_answered_when_everything_before_it_is_durable() -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        stage.log.hold()
        await channel.send([frame("a")])
        close = Later(stage.tasks, partial(channel.close, 1000))
        await settled()
        assert state_of(stage, connection_id) is None
        assert not close.is_over
        stage.log.release()
        assert await close.result()
        assert stage.endings() == [Ending.TERMINATED]


@pytest.mark.anyio
async def test_nothing_is_received_while_the_log_has_no_room() -> None:
    async with staged() as stage:
        transport = stage.new_transport(messages_max=3)
        stage.log.set_room(room=False)
        channel = await transport.open_channel(await stage.establish())
        frames = [frame(str(number)) for number in range(10)]
        sending = Later(stage.tasks, partial(channel.send, frames))
        await settled()
        assert stage.stored() == []
        assert not sending.is_over  # backpressure reaches the producer

        stage.log.set_room(room=True)
        await sending.result()
        await settled()
        assert stage.stored() == frames
        transport.cut()


@pytest.mark.anyio
async def test_two_connections_do_not_disturb_each_other() -> None:
    async with staged() as stage:
        one_id, one = await stage.dial()
        other = stage.new_transport()
        two_id = await stage.establish(performance(2))
        two = await other.open_channel(two_id)
        for number in range(5):
            await one.send([frame(f"one {number}")])
            await two.send([frame(f"two {number}", (2, 2))])
        other.cut()
        await one.ping(b"one")
        assert await next_message(one) == Pong(b"one")
        assert (state_of(stage, one_id), state_of(stage, two_id)) == (S.OPEN, S.DETACHED)
        assert [f for f in stage.stored() if b"one" in f] == [frame(f"one {n}") for n in range(5)]
        assert await one.close(1000)
        again = await other.open_channel(two_id)
        await again.ping(b"two")
        assert await next_message(again) == Pong(b"two")
        other.cut()


@pytest.mark.anyio
async def test_what_came_again_after_a_loss_is_a_duplicate() -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        await channel.send([frame("a"), frame("b")])
        await settled()
        stage.transport.cut()
        await settled()
        again = await stage.transport.open_channel(connection_id)
        await again.send([frame("b"), frame("c")])
        await settled()
        assert stage.stored() == [frame("a"), frame("b"), frame("c")]
        assert stage.stored(Disposition.DUPLICATE) == [frame("b")]


# --- upgrades -----------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_an_unknown_connection_is_refused() -> None:
    async with staged() as stage:
        with pytest.raises(UnknownConnection):
            await stage.transport.open_channel(ConnectionId("nobody's"))


@pytest.mark.anyio
async def test_somebody_else_is_refused() -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        with pytest.raises(NotPermitted):
            await stage.new_transport(identity="CN=other").open_channel(connection_id)
        assert state_of(stage, connection_id) is S.ANNOUNCED


@pytest.mark.anyio
async def test_a_second_upgrade_is_refused_and_the_first_channel_probed() -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        with pytest.raises(ConnectionInUse):
            await stage.transport.open_channel(connection_id)
        probe = await next_message(channel)
        assert isinstance(probe, Ping)
        await channel.pong(probe.payload)
        await channel.send([frame("still here")])
        await settled()
        assert state_of(stage, connection_id) is S.OPEN
        assert stage.stored() == [frame("still here")]


@pytest.mark.trio
async def test_a_dead_channel_gives_way_to_the_upgrade_after_the_probe(
    autojump_clock: MockClock,
) -> None:
    config = ConsumerConfig(probe_timeout_ms=10_000)
    async with staged(config=config) as stage:
        connection_id, dead = await stage.dial()
        await trio.sleep(1)
        with pytest.raises(ConnectionInUse):
            await stage.transport.open_channel(connection_id)
        await trio.sleep(9.9)
        with pytest.raises(ConnectionInUse):
            await stage.transport.open_channel(connection_id)
        await trio.sleep(0.2)
        await stage.transport.open_channel(connection_id)
        assert isinstance(await next_message(dead), Ping)
        with pytest.raises(Broken):
            await dead.receive()


@pytest.mark.anyio
async def test_an_accept_that_fails_leaves_no_trace() -> None:
    async def accept() -> Channel:
        await anyio.lowlevel.checkpoint()
        raise Broken("the producer is gone")

    async with staged() as stage:
        connection_id = await stage.establish()
        for _ in range(2):
            with pytest.raises(Broken, match="the producer is gone"):
                await stage.collector.run_channel(connection_id, peer=Peer(), accept=accept)
        await stage.transport.open_channel(connection_id)
        assert state_of(stage, connection_id) is S.OPEN


@pytest.mark.anyio
async def test_a_cancelled_channel_is_lost_and_can_be_opened_again() -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        channel = ScriptedChannel()
        running = attend(stage, connection_id, channel)
        await settled()
        assert state_of(stage, connection_id) is S.OPEN
        await running.cancel()
        assert state_of(stage, connection_id) is S.DETACHED
        assert channel.aborted
        assert channel.close_code is None
        await stage.transport.open_channel(connection_id)


# --- rules of the channel -----------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_violation_detaches_the_connection_and_lets_the_peer_read_its_close() -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        channel = ScriptedChannel()
        running = attend(stage, connection_id, channel)
        channel.bring([frame("a"), PeerViolated(1003, "a text frame")])
        await running.result()
        assert channel.close_code == 1003
        assert stage.stored() == [frame("a")]
        assert state_of(stage, connection_id) is S.DETACHED
        assert stage.consumer.counts.channels_violated == {"1003": 1}
        await stage.transport.open_channel(connection_id)


@pytest.mark.anyio
async def test_a_frame_in_the_middle_of_a_batch_that_closes_the_channel() -> None:
    async with staged(profile=STRICT) as stage:
        connection_id = await stage.establish()
        channel = ScriptedChannel()
        running = attend(stage, connection_id, channel)
        channel.bring([frame("a"), frame("b"), frame("unknown", (7, 2)), frame("c"), Ping(b"4")])
        await running.result()
        assert channel.close_code == 1008
        assert channel.sent == []
        assert stage.stored() == [frame("a"), frame("b")]
        assert stage.stored(Disposition.QUARANTINED) == [frame("unknown", (7, 2))]
        assert state_of(stage, connection_id) is S.DETACHED
        again = await stage.transport.open_channel(connection_id)
        await again.send([frame("c")])
        await settled()
        assert stage.stored() == [frame("a"), frame("b"), frame("c")]


@pytest.mark.anyio
async def test_a_producer_reads_why_it_was_closed() -> None:
    async with staged(profile=STRICT) as stage:
        _, channel = await stage.dial()
        await channel.send([b"rubbish"])
        assert await answer_close(channel) == PeerClosed(1007, "undecodable")


# --- the end of the service ---------------------------------------------------------------------


@pytest.mark.anyio
async def test_stopping_closes_every_channel_and_waits_for_their_answers() -> None:
    async with staged() as stage:
        dialled = [await stage.dial() for _ in range(3)]
        detached, lost = await stage.dial()
        await lost.abort()
        await settled()
        stopping = Later(stage.tasks, stage.collector.stop)
        for connection_id, channel in dialled:
            await settled()
            assert not stopping.is_over
            assert await answer_close(channel) == GOING_AWAY
            assert state_of(stage, connection_id) is S.DETACHED
        await stopping.result()
        assert state_of(stage, detached) is S.DETACHED
        assert stage.endings() == []


@pytest.mark.anyio
async def test_a_stopped_collector_takes_nothing_new() -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        await stage.collector.stop()
        outcome = await stage.transport.request(CHANGES["establish"](connection_id))
        assert outcome.exception == Unavailable("the consumer is stopping")
        with pytest.raises(Unavailable):
            await stage.transport.open_channel(connection_id)


@pytest.mark.anyio
async def test_leaving_the_service_stops_it() -> None:
    async with anyio.create_task_group() as tasks:
        async with staged() as stage:
            _, channel = await stage.dial()
            goodbye = Later(tasks, partial(answer_close, channel))
            await settled()
            await stage.collector.stop()
        assert await goodbye.result() == GOING_AWAY


@pytest.mark.anyio
async def test_stopping_waits_until_what_was_received_is_durable() -> None:
    async with staged() as stage:
        _, channel = await stage.dial()
        stage.log.hold()
        await channel.send([frame("a")])
        await settled()
        stopping = Later(stage.tasks, stage.collector.stop)
        goodbye = Later(stage.tasks, partial(answer_close, channel))
        await settled()
        assert not goodbye.is_over
        stage.log.release()
        assert await goodbye.result() == GOING_AWAY
        await stopping.result()


@pytest.mark.trio
async def test_stopping_does_not_wait_for_ever_for_a_silent_peer(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        await stage.dial()
        before = trio.current_time()
        await stage.collector.stop()
        assert trio.current_time() - before == pytest.approx(CLOSE_MS / 1000)


@pytest.mark.trio
async def test_stopping_waits_for_a_disk_that_takes_nothing_until_it_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        _, channel = await stage.dial()
        stage.log.set_trouble("the disk is full")
        await channel.send([frame("a")])
        await settled()
        with trio.move_on_after(3600) as hour:
            await stage.collector.stop()
        assert hour.cancelled_caught


@pytest.mark.anyio
async def test_stopping_ends_an_upgrade_that_hangs() -> None:
    async def hang() -> Channel:
        await anyio.sleep_forever()
        raise AssertionError

    async with staged() as stage:
        connection_id = await stage.establish()
        run = partial(
            stage.collector.run_channel,
            connection_id,
            peer=Peer(),
            accept=hang,
        )
        upgrade = Later(stage.tasks, run)
        await settled()
        await stage.collector.stop()
        assert upgrade.is_over


@pytest.mark.anyio
async def test_an_exception_leaves_the_service_as_it_is() -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised:
        async with staged():
            raise error
    assert raised.value is error


# --- at the same moment -------------------------------------------------------------------------

LATE: dict[str, Sequence[Message] | Exception] = {
    "frame": [frame("late")],
    "part": [],
    "ping": [Ping(b"late")],
    "pong": [Pong(b"late")],
    "close": [PeerClosed(1000, "")],
    "violation": [PeerViolated(1003, "a text frame")],
    "loss": Broken("reset by peer"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
async def test_what_arrives_in_the_moment_of_the_end_comes_too_late(
    late: Sequence[Message] | Exception,
) -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        channel = ScriptedChannel()
        running = attend(stage, connection_id, channel)
        await settled()
        channel.bring(late)  # wakes the collector, which has not run yet ...
        stopping = Later(stage.tasks, stage.collector.stop)
        await stage.collector.stop()  # ... when it is stopped
        await running.result()
        await stopping.result()
        assert channel.close_code == 1001
        assert channel.sent == []
        assert stage.stored() == []
        assert state_of(stage, connection_id) is S.DETACHED


@pytest.mark.trio
async def test_a_loss_in_the_moment_of_abandonment_does_not_touch_the_next_channel(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        connection_id = await stage.establish()
        dead, alive = ScriptedChannel(), ScriptedChannel()
        attend(stage, connection_id, dead)
        await trio.sleep(39.9)
        assert state_of(stage, connection_id) is S.PROBED

        async def interfere() -> None:
            await trio.sleep(0.1)
            dead.bring(Broken("reset by peer"))

        await Later(stage.tasks, interfere).result()
        await settled()
        attend(stage, connection_id, alive)
        await settled()
        alive.bring([frame("a"), Ping(b"1")])
        await settled()
        assert alive.sent == [Pong(b"1")]


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_a_half_open_peer_is_probed_then_detached_then_forgotten(
    autojump_clock: MockClock,
) -> None:
    config = ConsumerConfig(keep_alive_ms=30_000, probe_timeout_ms=10_000, grace_ms=300_000)
    async with staged(config=config) as stage:
        connection_id = await stage.establish()
        channel = ScriptedChannel()
        attend(stage, connection_id, channel)
        await settled()
        start = trio.current_time()
        expected = [(30, S.OPEN, S.PROBED), (40, S.PROBED, S.DETACHED), (340, S.DETACHED, None)]
        for seconds, before, after in expected:
            await trio.sleep_until(start + seconds - 0.01)
            assert state_of(stage, connection_id) is before
            await trio.sleep_until(start + seconds + 0.01)
            assert state_of(stage, connection_id) is after
        assert [type(message) for message in channel.sent] == [Ping]
        assert channel.aborted
        assert stage.endings() == [Ending.EXPIRED]
        with pytest.raises(UnknownConnection):
            await stage.transport.open_channel(connection_id)


@pytest.mark.trio
async def test_a_silent_peer_that_answers_the_probe_is_kept(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        for _ in range(10):
            probe = await next_message(channel)
            assert isinstance(probe, Ping)
            assert state_of(stage, connection_id) is S.PROBED
            await channel.pong(probe.payload)
            await settled()
            assert state_of(stage, connection_id) is S.OPEN
        assert trio.current_time() == pytest.approx(300, abs=1)


@pytest.mark.trio
async def test_frames_keep_a_connection_alive(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        connection_id, channel = await stage.dial()
        for number in range(100):
            await trio.sleep(29)
            await channel.send([frame(str(number)) if number % 2 else b""])
        assert state_of(stage, connection_id) is S.OPEN
        with trio.move_on_after(1):
            raise AssertionError(await channel.receive())


@pytest.mark.trio
async def test_a_connection_that_is_never_upgraded_is_forgotten(
    autojump_clock: MockClock,
) -> None:
    async with staged(config=ConsumerConfig(announce_timeout_ms=60_000)) as stage:
        connection_id = await stage.establish()
        await trio.sleep(59.9)
        assert state_of(stage, connection_id) is S.ANNOUNCED
        await trio.sleep(0.2)
        assert state_of(stage, connection_id) is None
        assert stage.endings() == [Ending.EXPIRED]


@pytest.mark.trio
async def test_a_restored_connection_waits_for_its_producer_and_knows_its_frames(
    autojump_clock: MockClock,
) -> None:
    async with staged() as first:
        connection_id, channel = await first.dial()
        await channel.send([frame("a"), frame("b")])
        await settled()
    async with staged(log=SlowLog(first.log.durable_records)) as second:
        assert state_of(second, connection_id) is S.DETACHED
        again = await second.transport.open_channel(connection_id)
        await again.send([frame("b"), frame("c")])
        await settled()
        assert second.stored() == [frame("a"), frame("b"), frame("c")]
        assert second.stored(Disposition.DUPLICATE) == [frame("b")]
