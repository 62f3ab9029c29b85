from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import pytest
import trio
from trio.testing import MockClock

from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.runtime import Reporter, ReportingEnded
from mnstream.adapters.runtime.background import background
from mnstream.core.effects import ReportEnd
from mnstream.core.errors import (
    ConnectionInUse,
    LocalProtocolError,
    UnexpectedStreams,
    UnknownConnection,
)
from mnstream.core.operations import (
    AddStreamOutcome,
    ControlOperation,
    EstablishOutcome,
    EstablishStreamingConnection,
    Outcome,
)
from mnstream.core.records import Disposition, Ending
from mnstream.core.streaming.config import ConsumerConfig, ProducerConfig
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
from mnstream.testing.services import Attended, ScriptedService
from tests.adapters.runtime.stage import (
    Later,
    ObligingChannel,
    ScriptedChannel,
    new_reporter,
    new_transport,
    settled,
    staged,
)
from tests.core.support import frame, ids, performance

FRAMES = [frame(str(number)) for number in range(20)]
SMALL = ProducerConfig(
    window_frames_max=3, ping_interval_ms=5, back_off_initial_ms=2, back_off_max_ms=20
)
DONE = ReportEnd(status=Status.SUCCESS, unacknowledged=0)


class Consumer:
    """A consumer that the test plays."""

    def __init__(self, service: ScriptedService, transport: MemoryTransport) -> None:
        self.service = service
        self.transport = transport

    async def attended(self) -> Attended:
        return await self.service.attended()


@asynccontextmanager
async def played() -> AsyncGenerator[Consumer]:
    service = ScriptedService()
    async with background() as tasks:
        yield Consumer(service, new_transport(service, tasks))


async def acknowledge(channel: Channel, count: int) -> list[bytes]:
    """Receive so many frames and answer every Ping until that is done and one was answered."""
    frames: list[bytes] = []
    while True:
        for message in await channel.receive():
            if isinstance(message, bytes):
                frames.append(message)
            elif isinstance(message, Ping):
                await channel.pong(message.payload)
                if len(frames) >= count:
                    return frames


async def see_off(channel: Channel) -> PeerClosed:
    """Acknowledge everything until the producer closes, and answer that."""
    while True:
        for message in await channel.receive():
            if isinstance(message, Ping):
                await channel.pong(message.payload)
            if isinstance(message, PeerClosed):
                assert await channel.close(1000)
                return message


class ScriptedTransport:
    """A transport that opens the given channels, one after the other."""

    def __init__(self, *channels: Channel | Exception) -> None:
        self.channels = list(channels)
        self.asked: list[ControlOperation] = []
        self.may_open: anyio.Event | None = None
        self.closed = False

    async def request(self, operation: ControlOperation) -> Outcome:
        await anyio.lowlevel.checkpoint()
        self.asked.append(operation)
        if isinstance(operation, EstablishStreamingConnection):
            return EstablishOutcome(status=Status.SUCCESS, connection_id=ConnectionId("c1"))
        return AddStreamOutcome(status=Status.SUCCESS)

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        await anyio.lowlevel.checkpoint()
        if self.may_open is not None:
            await self.may_open.wait()
        channel = self.channels.pop(0) if self.channels else Broken("no more channels")
        if isinstance(channel, Exception):
            raise channel
        return channel

    async def aclose(self) -> None:
        self.closed = True


# --- all goes well ------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_everything_that_is_reported_arrives_in_order_and_is_acknowledged() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.report(FRAMES[:10])
            for each in FRAMES[10:]:
                await reporter.report([each])
            await reporter.drained()
            assert reporter.producer.window.acknowledged == len(FRAMES)
        assert reporter.end == DONE
        assert await reporter.terminate() == DONE
        assert stage.stored() == FRAMES
        assert stage.endings() == [Ending.TERMINATED]
        assert reporter.producer.counts.frames_resent == 0


@pytest.mark.anyio
async def test_acknowledged_means_durable() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.settled()
            await reporter.report(FRAMES[:1])
            await reporter.drained()
            stage.log.hold()
            await reporter.report(FRAMES[1:])
            draining = Later(stage.tasks, reporter.drained)
            await settled()
            assert not draining.is_over
            assert reporter.producer.window.acknowledged == 1
            stage.log.release()
            await draining.result()
            assert len(reporter.producer.window) == 0


@pytest.mark.anyio
async def test_nothing_reported_is_a_success_too() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.drained()
            await reporter.settled()
        assert reporter.end == DONE


@pytest.mark.anyio
async def test_several_reporters_of_one_collector() -> None:
    async with staged() as stage:
        reporters = [
            new_reporter(stage.transport, performance(number), seed=number) for number in range(5)
        ]

        async def report(number: int, reporter: Reporter) -> None:
            async with reporter.running():
                for each in range(20):
                    await reporter.report([frame(str(each), (number, 2))])

        for number, reporter in enumerate(reporters):
            stage.tasks.start_soon(report, number, reporter)
        with anyio.fail_after(10):
            while any(reporter.end is None for reporter in reporters):
                await settled()
        for number, reporter in enumerate(reporters):
            assert reporter.end == DONE
            mine = [f for f in stage.stored() if f.startswith(b"G%d:" % number)]
            assert mine == [frame(str(each), (number, 2)) for each in range(20)]
        await stage.collector.stop()


# --- the window ---------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_full_window_makes_report_wait() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, config=SMALL)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES[:3])
            waiting = Later(stage.tasks, partial(reporter.report, FRAMES[3:5]))
            await settled()
            assert not waiting.is_over
            stage.log.release()
            await waiting.result()
        assert stage.stored() == FRAMES[:5]


@pytest.mark.anyio
async def test_a_cancelled_report_was_not_taken() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, config=SMALL)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES[:3])
            waiting = Later(stage.tasks, partial(reporter.report, FRAMES[3:5]))
            await settled()
            await waiting.cancel()
            stage.log.release()
            await reporter.drained()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await reporter.report(FRAMES[5:6])  # although there is room
        assert stage.stored() == FRAMES[:3]


@pytest.mark.anyio
async def test_what_never_fits_is_refused() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, config=SMALL)
        async with reporter.running():
            await reporter.report(FRAMES[:1])
            with pytest.raises(LocalProtocolError):
                await reporter.report(FRAMES[:4])
            await reporter.report(FRAMES[1:4])
        assert stage.stored() == FRAMES[:4]


# --- channels and connections are lost ----------------------------------------------------------


@pytest.mark.anyio
async def test_a_lost_channel_is_opened_again_and_nothing_is_lost() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.settled()
            for number, each in enumerate(FRAMES):
                await reporter.report([each])
                if number % 5 == 4:
                    await anyio.sleep(0.003)
                    stage.transport.cut()
        assert reporter.end == DONE
        assert stage.stored() == FRAMES
        assert reporter.producer.counts.connections_created == 1
        assert reporter.producer.counts.channels_opened > 1
        resent = reporter.producer.counts.frames_resent
        assert len(stage.stored(Disposition.DUPLICATE)) <= resent


@pytest.mark.trio
async def test_what_was_stored_and_not_acknowledged_comes_again_as_a_duplicate(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES[:3])
            await trio.sleep(1)
            stage.transport.cut()
            await settled()
            await reporter.report(FRAMES[3:])
            stage.log.release()
        assert stage.stored() == FRAMES
        assert stage.stored(Disposition.DUPLICATE) == FRAMES[:3]
        assert reporter.producer.counts.frames_resent == 3


@pytest.mark.trio
async def test_a_collector_that_forgot_the_connection_gets_a_new_one(
    autojump_clock: MockClock,
) -> None:
    async with staged(config=ConsumerConfig(grace_ms=1_000)) as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.report(FRAMES[:3])
            await reporter.drained()
            stage.transport.reachable = False
            stage.transport.cut()
            await trio.sleep(5)
            assert stage.endings() == [Ending.EXPIRED]
            await reporter.report(FRAMES[3:])
            stage.transport.reachable = True
        assert reporter.end == DONE
        assert stage.stored() == FRAMES
        assert reporter.producer.counts.connections_created == 2


@pytest.mark.anyio
async def test_a_consumer_that_goes_away_is_answered_and_dialled_again() -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport)
        async with background() as tasks, reporter.running():
            await reporter.report(FRAMES[:3])
            first = await consumer.attended()
            assert await acknowledge(first.channel, 3) == FRAMES[:3]
            assert await first.channel.close(1001, "stopping")
            first.done.set()
            await reporter.report(FRAMES[3:5])
            second = await consumer.attended()
            assert second.connection_id == first.connection_id
            assert await acknowledge(second.channel, 2) == FRAMES[3:5]
            Later(tasks, partial(see_off, second.channel))
            assert await reporter.terminate() == DONE


@pytest.mark.anyio
@pytest.mark.parametrize(
    "end",
    [Broken("reset by peer"), [PeerViolated(1002, "a continuation")], [PeerClosed(1011, "")]],
    ids=["broken", "violated", "closed"],
)
async def test_every_end_of_a_channel_leads_to_the_next(
    end: Sequence[Message] | Exception,
) -> None:
    one, two = ScriptedChannel(), ObligingChannel()
    reporter = new_reporter(ScriptedTransport(one, two))
    async with reporter.running():
        await reporter.report(FRAMES[:2])
        await settled()
        one.bring(end)
        await reporter.drained()
        assert one.aborted
        assert two.sent[:2] == FRAMES[:2]
    assert reporter.end == DONE


@pytest.mark.anyio
async def test_a_refused_upgrade_is_tried_again_and_a_forgotten_connection_made_again() -> None:
    async with played() as consumer:
        consumer.service.refusals.extend(
            [ConnectionInUse("busy"), UnknownConnection(identifiers=("c1",))]
        )
        reporter = new_reporter(consumer.transport)
        async with background() as tasks, reporter.running():
            attended = await consumer.attended()
            assert attended.connection_id == ConnectionId("c2")
            Later(tasks, partial(see_off, attended.channel))
        assert reporter.end == DONE


@pytest.mark.trio
async def test_a_consumer_that_cannot_be_reached_is_tried_until_it_can(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        stage.transport.reachable = False
        reporter = new_reporter(stage.transport, config=ProducerConfig())
        async with reporter.running():
            await reporter.report(FRAMES)
            await trio.sleep(3_600)
            assert reporter.producer.trouble == "no route to the consumer"
            stage.transport.reachable = True
            await reporter.drained()
            assert reporter.producer.trouble == ""
        assert reporter.end == DONE
        assert stage.stored() == FRAMES


@pytest.mark.trio
async def test_giving_up_after_the_configured_time(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        stage.transport.reachable = False
        config = ProducerConfig(give_up_ms=5_000)
        reporter = new_reporter(stage.transport, config=config)
        async with reporter.running():
            await reporter.report(FRAMES)
            assert (await reporter.terminate()).unacknowledged == len(FRAMES)
            assert trio.current_time() == pytest.approx(5, abs=0.1)
            with pytest.raises(ReportingEnded, match="no route"):
                await reporter.report(FRAMES)
        assert reporter.end == ReportEnd(
            status=Status.FAILURE, unacknowledged=len(FRAMES), reason="no route to the consumer"
        )


@pytest.mark.trio
async def test_a_silent_consumer_is_abandoned_after_the_pong_timeout(
    autojump_clock: MockClock,
) -> None:
    one, two = ScriptedChannel(), ObligingChannel()
    config = ProducerConfig(ping_interval_ms=50, pong_timeout_ms=30_000)
    reporter = new_reporter(ScriptedTransport(one, two), config=config)
    async with reporter.running():
        await reporter.report(FRAMES[:1])
        await trio.sleep(30.04)
        aborted = [one.aborted]
        await trio.sleep(0.02)
        aborted.append(one.aborted)
        assert aborted == [False, True]
        await reporter.drained()
        assert two.sent[0] == FRAMES[0]
    assert reporter.end == DONE


@pytest.mark.trio
async def test_a_ping_keeps_a_connection_without_data_alive(autojump_clock: MockClock) -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport, config=ProducerConfig(keep_alive_ms=30_000))
        async with background() as tasks, reporter.running():
            attended = await consumer.attended()
            for turn in range(1, 5):
                (ping,) = await attended.channel.receive()
                assert isinstance(ping, Ping)
                assert trio.current_time() == pytest.approx(30 * turn, abs=0.1)
                await attended.channel.pong(ping.payload)
            Later(tasks, partial(see_off, attended.channel))


@pytest.mark.anyio
async def test_pings_of_the_consumer_are_answered() -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport)
        async with background() as tasks, reporter.running():
            channel = (await consumer.attended()).channel
            await channel.ping(b"there?")
            await channel.send([b"data from a consumer means nothing"])
            await channel.ping(b"and now?")
            answers: list[Message] = []
            while len(answers) < 2:
                answers.extend(await channel.receive())
            assert answers == [Pong(b"there?"), Pong(b"and now?")]
            Later(tasks, partial(see_off, channel))
        assert reporter.end == DONE


@pytest.mark.anyio
async def test_a_pong_that_answers_nothing_acknowledges_nothing() -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport)
        async with background() as tasks, reporter.running():
            channel = (await consumer.attended()).channel
            await reporter.report(FRAMES[:2])
            for payload in (b"", b"x" * 125, (99).to_bytes(8, "big"), (1).to_bytes(8, "big")):
                await channel.pong(payload)
            await settled()
            assert reporter.producer.window.acknowledged == 0
            Later(tasks, partial(see_off, channel))
        assert reporter.end == DONE


# --- streams ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_streams_come_and_go_while_running() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            reporter.add_streams([performance(2), performance(3)])
            await reporter.settled()
            await reporter.report([frame("two", (2, 2)), frame("three", (3, 2))])
            reporter.delete_streams(ids(2))
            await reporter.settled()
            (connection,) = stage.consumer.connections
            assert list(connection.streams) == list(ids(1, 3))
            assert reporter.refused == {}
        assert stage.stored() == [frame("two", (2, 2)), frame("three", (3, 2))]
        assert stage.stored(Disposition.QUARANTINED) == []


@pytest.mark.anyio
async def test_the_metrics_of_a_stream_change_between_two_frames() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, performance(1), performance(2))
        async with reporter.running():
            await reporter.settled()
            await reporter.report([frame("before", (2, 2))])
            reporter.delete_streams(ids(2))
            other = performance(2, metrics=("a", "b", "c"))
            reporter.add_streams([other])
            await reporter.settled()
            await reporter.report([frame("after", (2, 3))])
            (connection,) = stage.consumer.connections
            assert list(connection.streams.values()) == [performance(1), other]
            assert reporter.refused == {}
        assert stage.stored() == [frame("before", (2, 2)), frame("after", (2, 3))]


@pytest.mark.anyio
async def test_a_bad_stream_takes_no_other_with_it() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, performance(1))
        async with reporter.running():
            await reporter.settled()
            reporter.add_streams([performance(2), performance("03"), performance(4)])
            await reporter.settled()
            (connection,) = stage.consumer.connections
            assert list(connection.streams) == list(ids(1, 2, 4))
            assert list(reporter.refused) == list(ids("03"))


@pytest.mark.anyio
async def test_settled_returns_when_only_a_deletion_was_to_be_answered() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, performance(1), performance(2))
        async with reporter.running():
            await reporter.settled()
            reporter.delete_streams(ids(2))
            with anyio.fail_after(5):
                await reporter.settled()
            assert len(reporter.producer.streams.states()) == 1


@pytest.mark.anyio
async def test_a_stream_is_deleted_when_its_last_frame_is_acknowledged() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, performance(1), performance(2))
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report([frame("last", (2, 2))])
            reporter.delete_streams(ids(2))
            await settled()
            (connection,) = stage.consumer.connections
            assert list(connection.streams) == list(ids(1, 2))
            stage.log.release()
            await reporter.settled()
            assert list(connection.streams) == list(ids(1))
        assert stage.stored() == [frame("last", (2, 2))]


@pytest.mark.anyio
async def test_a_refused_stream_is_reported_and_may_be_accepted_later() -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport)
        async with background() as tasks, reporter.running():
            channel = (await consumer.attended()).channel
            refusal = UnexpectedStreams("not today", identifiers=ids(2))
            consumer.service.answers.append(
                AddStreamOutcome(status=Status.FAILURE, exception=refusal)
            )
            reporter.add_streams([performance(2)])
            await reporter.settled()
            assert reporter.refused == {ids(2)[0]: refusal}
            reporter.add_streams([performance(2)])
            await reporter.settled()
            assert reporter.refused == {}
            Later(tasks, partial(see_off, channel))


@pytest.mark.anyio
async def test_streams_are_asked_for_again_on_the_next_channel() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()  # the answers are lost
            reporter.add_streams([performance(2)])
            await settled()
            stage.transport.cut()
            stage.log.release()
            await reporter.settled()
            assert reporter.refused == {}
            await reporter.report([frame("two", (2, 2))])
        assert stage.stored() == [frame("two", (2, 2))]


@pytest.mark.anyio
async def test_a_refused_connection_is_the_end() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, performance("not a number"))
        async with reporter.running():
            with pytest.raises(ReportingEnded, match="unexpectedStreams"):
                await reporter.settled()
        assert reporter.end is not None
        assert reporter.end.status is Status.FAILURE
        assert isinstance(reporter.end.exception, UnexpectedStreams)


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_whatever_is_called_after_the_end_says_so() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.report(FRAMES[:1])
            assert await reporter.terminate() == DONE
            with pytest.raises(ReportingEnded) as raised:
                await reporter.report(FRAMES[1:])
            assert raised.value.end == DONE
            with pytest.raises(ReportingEnded):
                reporter.add_streams([performance(2)])
            with pytest.raises(ReportingEnded):
                reporter.delete_streams(ids(1))
            await reporter.drained()
            await reporter.settled()


@pytest.mark.anyio
async def test_nothing_is_taken_while_it_is_being_terminated() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES[:1])
            terminating = Later(stage.tasks, reporter.terminate)
            await settled()
            with pytest.raises(ReportingEnded):
                await reporter.report(FRAMES[1:])
            with pytest.raises(ReportingEnded):
                reporter.add_streams([performance(2)])
            with pytest.raises(ReportingEnded):
                reporter.delete_streams(ids(1))
            stage.log.release()
            assert await terminating.result() == DONE


@pytest.mark.anyio
async def test_a_report_that_waits_for_room_ends_with_the_connection() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport, config=SMALL)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES[:3])
            waiting = Later(stage.tasks, partial(reporter.report, FRAMES[3:]))
            await settled()
            terminating = Later(stage.tasks, reporter.terminate)
            await settled()
            stage.log.release()
            with pytest.raises(ReportingEnded):
                await waiting.result()
            assert await terminating.result() == DONE
        assert stage.stored() == FRAMES[:3]


@pytest.mark.anyio
async def test_terminate_may_be_called_by_several() -> None:
    async with staged() as stage:
        reporter = new_reporter(stage.transport)
        async with reporter.running():
            await reporter.report(FRAMES)
            calls = [Later(stage.tasks, reporter.terminate) for _ in range(3)]
            assert [await call.result() for call in calls] == [DONE] * 3


@pytest.mark.trio
async def test_a_close_that_nobody_answers_is_a_failure(autojump_clock: MockClock) -> None:
    async with played() as consumer:
        reporter = new_reporter(consumer.transport)
        async with reporter.running():
            await consumer.attended()
            end = await reporter.terminate()
        assert end.status is Status.FAILURE
        assert end.reason == "the channel was lost before the consumer's Close"


@pytest.mark.trio
async def test_the_last_acknowledgements_are_not_waited_for_for_ever(
    autojump_clock: MockClock,
) -> None:
    config = ProducerConfig(drain_timeout_ms=20_000)
    async with staged() as stage:
        reporter = new_reporter(stage.transport, config=config)
        async with reporter.running():
            await reporter.settled()
            stage.log.hold()
            await reporter.report(FRAMES)
            started = trio.current_time()
            end = await reporter.terminate()
        assert end.status is Status.FAILURE
        assert end.unacknowledged == len(FRAMES)
        assert trio.current_time() - started < 20 + 10 + 0.1


@pytest.mark.anyio
@pytest.mark.parametrize("opened", [False, True], ids=["connecting", "open"])
async def test_an_exception_drops_the_connection_at_once_and_comes_out_as_it_is(
    opened: bool,
) -> None:
    error = ValueError("mine")
    channel = ScriptedChannel()
    transport = ScriptedTransport(channel)
    reporter = new_reporter(transport)

    async def fail() -> None:
        async with reporter.running():
            if opened:
                await reporter.report(FRAMES)
                await settled()
            raise error

    with pytest.raises(ValueError, match="mine") as raised:
        await fail()
    assert raised.value is error
    assert transport.closed
    assert channel.aborted is opened
    assert channel.close_code is None


@pytest.mark.anyio
async def test_whoever_waits_hears_that_the_connection_was_dropped() -> None:
    async with background() as tasks:
        reporter = new_reporter(ScriptedTransport(ScriptedChannel()))

        async def drop() -> None:
            async with reporter.running():
                await reporter.report(FRAMES)
                waiting.append(Later(tasks, reporter.drained))
                await settled()
                raise ValueError("mine")

        waiting: list[Later[None]] = []
        with pytest.raises(ValueError, match="mine"):
            await drop()
        with pytest.raises(ReportingEnded):
            await waiting[0].result()
        assert reporter.end is not None
        assert reporter.end.status is Status.FAILURE
        assert reporter.end.unacknowledged == len(FRAMES)
        with pytest.raises(ReportingEnded):
            await reporter.report(FRAMES)
        assert await reporter.terminate() == reporter.end


@pytest.mark.anyio
async def test_cancelling_drops_the_connection_at_once() -> None:
    channel = ScriptedChannel()
    with anyio.CancelScope() as scope:
        async with new_reporter(ScriptedTransport(channel)).running():
            await settled()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert channel.aborted


# --- at the same moment -------------------------------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize(
    "late", [Broken("no answer"), UnknownConnection(), None], ids=["broken", "refused", "opened"]
)
async def test_an_upgrade_that_fails_in_the_moment_of_its_deadline(
    late: Exception | None, autojump_clock: MockClock
) -> None:
    # Transports have the same default limit of 30 s as the core; either may be first.
    for _ in range(20):
        config = ProducerConfig(request_timeout_ms=30_000)
        first = ScriptedChannel() if late is None else late
        transport = ScriptedTransport(first)
        transport.may_open = anyio.Event()
        reporter = new_reporter(transport, config=config)
        with trio.move_on_after(45) as enough:
            async with reporter.running():
                await trio.sleep(30)
                transport.may_open.set()
                await trio.sleep_forever()
        assert enough.cancelled_caught


@pytest.mark.trio
async def test_a_pong_in_the_moment_of_the_pong_timeout(autojump_clock: MockClock) -> None:
    config = ProducerConfig(ping_interval_ms=50, pong_timeout_ms=30_000)
    for _ in range(20):
        channel = ScriptedChannel()
        reporter = new_reporter(ScriptedTransport(channel), config=config)
        with trio.move_on_after(40) as enough:
            async with reporter.running():
                await reporter.report(FRAMES[:1])
                await trio.sleep(30.05)
                channel.bring([Pong((1).to_bytes(8, "big")), Ping(b"?"), PeerClosed(1001, "")])
                await trio.sleep_forever()
        assert enough.cancelled_caught


@pytest.mark.anyio
async def test_pongs_after_a_failed_send_are_passed_over() -> None:
    failing, second = ScriptedChannel(), ObligingChannel()

    async def send(messages: Sequence[bytes]) -> None:
        failing.bring([Pong((1).to_bytes(8, "big"))])
        await anyio.lowlevel.checkpoint()
        raise Broken("reset by peer")

    failing.send = send  # type: ignore[method-assign]
    reporter = new_reporter(ScriptedTransport(failing, second))
    async with reporter.running():
        await reporter.settled()
        await reporter.report(FRAMES[:1])
        await reporter.drained()
    assert reporter.end == DONE


@pytest.mark.anyio
async def test_nothing_but_our_close_follows_the_close_of_the_consumer() -> None:
    first, second = ScriptedChannel(), ObligingChannel()
    taken = anyio.Event()

    async def send(messages: Sequence[bytes]) -> None:
        first.sent.extend(messages)
        await taken.wait()

    first.send = send  # type: ignore[method-assign]
    reporter = new_reporter(ScriptedTransport(first, second))
    async with reporter.running():
        await reporter.settled()
        await reporter.report(FRAMES[:1])
        await settled()
        await reporter.report(FRAMES[1:2])
        first.bring([PeerClosed(1001, "")])
        await settled()
        taken.set()
        await settled()
        await reporter.drained()
        assert first.sent == FRAMES[:1]
        assert first.close_code == 1001
        assert second.sent[:2] == FRAMES[:2]
    assert reporter.end == DONE
