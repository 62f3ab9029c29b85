"""A case for every row: what TS 28.532 11.5.1.1-3 and the time limits ask of a consumer."""

from __future__ import annotations

from mnstream.core.effects import (
    AbortChannel,
    AcceptChannel,
    Acknowledge,
    CloseChannel,
    ConsumerEffect,
    RefuseChannel,
    SendPing,
    Store,
)
from mnstream.core.errors import ConnectionInUse
from mnstream.core.events import (
    ChannelLost,
    ChannelRequested,
    ChannelViolated,
    CloseReceived,
    DeadlineReached,
    FrameReceived,
    PartReceived,
    PingReceived,
    PongReceived,
    StopRequested,
)
from mnstream.core.lifecycles.consumer_connection import (
    CONSUMER_CONNECTION,
)
from mnstream.core.lifecycles.consumer_connection import (
    ConsumerConnectionState as S,
)
from mnstream.core.records import ConnectionEnded, Disposition, Ending, FrameStored
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.connections import Connection
from mnstream.core.streaming.consumer import StreamingConsumer
from tests.core.support import (
    C1,
    Rows,
    closed,
    establish,
    frame,
    new_consumer,
    pinged,
    received,
    upgrade,
)

covers = Rows(CONSUMER_CONNECTION)

CONFIG = ConsumerConfig(
    announce_timeout_ms=60_000, keep_alive_ms=30_000, probe_timeout_ms=10_000, grace_ms=300_000
)
PROBE = SendPing(connection_id=C1, payload=b"mnstream: still there?")
IN_USE = RefuseChannel(
    connection_id=C1, exception=ConnectionInUse("the connection has a live channel")
)

# --- histories: each ends in one state, at a time that the name of the case does not need --------


def announced() -> StreamingConsumer:
    """A producer has announced a connection with stream 1, at 1 s."""
    consumer = new_consumer(CONFIG)
    consumer.handle(establish(), now_ms=1_000)
    return consumer


def opened() -> StreamingConsumer:
    """... and its channel was opened at 2 s."""
    consumer = announced()
    consumer.handle(upgrade(), now_ms=2_000)
    return consumer


def probed() -> StreamingConsumer:
    """... and after 30 s of silence a Ping was sent, at 32 s."""
    consumer = opened()
    consumer.handle(DeadlineReached(), now_ms=32_000)
    return consumer


def detached() -> StreamingConsumer:
    """... and the open channel was lost at 3 s."""
    consumer = opened()
    consumer.handle(ChannelLost(connection_id=C1), now_ms=3_000)
    return consumer


def assert_in(
    consumer: StreamingConsumer, state: S, *, deadline_ms: int, heard_ms: int = 2_000
) -> None:
    connection = consumer.connections.existing(C1)
    assert connection.state is state
    assert connection.heard_ms == heard_ms
    assert consumer.next_deadline_ms() == deadline_ms


def assert_gone(consumer: StreamingConsumer, connection: Connection, state: S) -> None:
    assert connection.state is state
    assert len(consumer.connections) == 0
    assert consumer.connections.stream_count == 0
    assert consumer.next_deadline_ms() is None


def stored(body: str, wall_ms: int) -> Store:
    return Store(
        record=FrameStored(
            streams_version=1,
            disposition=Disposition.DELIVERED,
            cause="",
            wall_ms=wall_ms,
            payload=frame(body),
        )
    )


def ended(ending: Ending, wall_ms: int) -> Store:
    return Store(record=ConnectionEnded(connection_id=C1, ending=ending, wall_ms=wall_ms))


# --- announced -----------------------------------------------------------------------------------


@covers(S.ANNOUNCED, ChannelRequested)
def test_the_upgrade_of_an_announced_connection_is_accepted() -> None:
    consumer = announced()
    assert consumer.handle(upgrade(), now_ms=2_000) == (AcceptChannel(connection_id=C1),)
    assert_in(consumer, S.OPEN, deadline_ms=32_000)
    assert consumer.counts.channels_opened == 1


@covers(S.ANNOUNCED, DeadlineReached)
def test_a_connection_whose_channel_is_never_opened_expires_after_the_announce_timeout() -> None:
    consumer = announced()
    connection = consumer.connections.existing(C1)
    assert consumer.handle(DeadlineReached(wall_ms=7), now_ms=60_999) == ()
    effects = consumer.handle(DeadlineReached(wall_ms=8), now_ms=61_000)
    assert effects == (ended(Ending.EXPIRED, 8),)
    assert_gone(consumer, connection, S.EXPIRED)
    assert consumer.counts.connections_expired == 1


# --- open ----------------------------------------------------------------------------------------


@covers(S.OPEN, FrameReceived)
def test_a_frame_on_an_open_channel_is_stored() -> None:
    consumer = opened()
    effects = consumer.handle(received(frame("a"), wall_ms=9), now_ms=5_000)
    assert effects == (stored("a", 9),)
    assert_in(consumer, S.OPEN, deadline_ms=32_000, heard_ms=5_000)
    assert consumer.counts.frames_delivered == 1


@covers(S.OPEN, PingReceived)
def test_a_ping_is_acknowledged_with_its_own_payload() -> None:
    consumer = opened()
    effects = consumer.handle(pinged(b"17"), now_ms=5_000)
    assert effects == (Acknowledge(connection_id=C1, payload=b"17"),)
    assert_in(consumer, S.OPEN, deadline_ms=32_000, heard_ms=5_000)


@covers(S.OPEN, PartReceived)
def test_a_part_of_a_message_is_a_sign_of_life() -> None:
    consumer = opened()
    assert consumer.handle(PartReceived(connection_id=C1), now_ms=5_000) == ()
    assert_in(consumer, S.OPEN, deadline_ms=32_000, heard_ms=5_000)


@covers(S.OPEN, PongReceived)
def test_an_unasked_pong_is_a_sign_of_life_and_nothing_else() -> None:
    consumer = opened()
    assert consumer.handle(PongReceived(connection_id=C1, payload=b""), now_ms=5_000) == ()
    assert_in(consumer, S.OPEN, deadline_ms=32_000, heard_ms=5_000)


@covers(S.OPEN, ChannelRequested)
def test_a_second_upgrade_is_refused_and_the_live_channel_probed_at_once() -> None:
    consumer = opened()
    assert consumer.handle(upgrade(), now_ms=5_000) == (IN_USE, PROBE)
    assert_in(consumer, S.PROBED, deadline_ms=15_000)
    assert consumer.counts.channels_opened == 1


@covers(S.OPEN, CloseReceived)
def test_a_close_terminates_the_connection_and_is_answered() -> None:
    consumer = opened()
    connection = consumer.connections.existing(C1)
    effects = consumer.handle(closed(wall_ms=9), now_ms=5_000)
    assert effects == (ended(Ending.TERMINATED, 9), CloseChannel(connection_id=C1, code=1000))
    assert_gone(consumer, connection, S.TERMINATED)
    assert consumer.counts.connections_terminated == 1


@covers(S.OPEN, ChannelLost)
def test_a_connection_outlives_its_lost_channel_for_the_grace_time() -> None:
    consumer = opened()
    assert consumer.handle(ChannelLost(connection_id=C1), now_ms=5_000) == ()
    assert_in(consumer, S.DETACHED, deadline_ms=305_000)
    assert consumer.counts.channels_lost == 1


@covers(S.OPEN, ChannelViolated)
def test_a_connection_outlives_a_channel_that_was_closed_for_a_violation() -> None:
    consumer = opened()
    violated = ChannelViolated(connection_id=C1, code=1003, reason="a text frame")
    assert consumer.handle(violated, now_ms=5_000) == ()
    assert_in(consumer, S.DETACHED, deadline_ms=305_000)
    assert consumer.counts.channels_violated == {"1003": 1}
    assert consumer.counts.channels_lost == 0


@covers(S.OPEN, StopRequested)
def test_stopping_closes_an_open_channel_with_going_away() -> None:
    consumer = opened()
    assert consumer.handle(StopRequested(), now_ms=5_000) == (
        CloseChannel(connection_id=C1, code=1001, reason="the collector is stopping"),
    )
    assert_in(consumer, S.DETACHED, deadline_ms=305_000)


@covers(S.OPEN, DeadlineReached)
def test_a_silent_producer_is_probed_after_the_keep_alive_time() -> None:
    consumer = opened()
    assert consumer.handle(DeadlineReached(), now_ms=31_999) == ()
    assert consumer.handle(DeadlineReached(), now_ms=32_000) == (PROBE,)
    assert_in(consumer, S.PROBED, deadline_ms=42_000)


# --- probed --------------------------------------------------------------------------------------


@covers(S.PROBED, FrameReceived)
def test_a_frame_answers_the_probe() -> None:
    consumer = probed()
    effects = consumer.handle(received(frame("a"), wall_ms=9), now_ms=33_000)
    assert effects == (stored("a", 9),)
    assert_in(consumer, S.OPEN, deadline_ms=63_000, heard_ms=33_000)


@covers(S.PROBED, PingReceived)
def test_a_ping_answers_the_probe() -> None:
    consumer = probed()
    effects = consumer.handle(pinged(b"17"), now_ms=33_000)
    assert effects == (Acknowledge(connection_id=C1, payload=b"17"),)
    assert_in(consumer, S.OPEN, deadline_ms=63_000, heard_ms=33_000)


@covers(S.PROBED, PartReceived)
def test_a_part_of_a_message_answers_the_probe_which_cannot_be_answered_within_it() -> None:
    consumer = probed()
    assert consumer.handle(PartReceived(connection_id=C1), now_ms=33_000) == ()
    assert_in(consumer, S.OPEN, deadline_ms=63_000, heard_ms=33_000)


@covers(S.PROBED, PongReceived)
def test_a_pong_answers_the_probe() -> None:
    consumer = probed()
    pong = PongReceived(connection_id=C1, payload=PROBE.payload)
    assert consumer.handle(pong, now_ms=33_000) == ()
    assert_in(consumer, S.OPEN, deadline_ms=63_000, heard_ms=33_000)


@covers(S.PROBED, ChannelRequested)
def test_an_upgrade_during_a_probe_is_refused_and_the_probe_goes_on() -> None:
    consumer = probed()
    assert consumer.handle(upgrade(), now_ms=33_000) == (IN_USE,)
    assert_in(consumer, S.PROBED, deadline_ms=42_000)


@covers(S.PROBED, CloseReceived)
def test_a_close_during_a_probe_terminates_the_connection() -> None:
    consumer = probed()
    connection = consumer.connections.existing(C1)
    effects = consumer.handle(closed(wall_ms=9), now_ms=33_000)
    assert effects == (ended(Ending.TERMINATED, 9), CloseChannel(connection_id=C1, code=1000))
    assert_gone(consumer, connection, S.TERMINATED)
    assert consumer.counts.connections_terminated == 1


@covers(S.PROBED, ChannelLost)
def test_a_channel_that_is_lost_during_a_probe_detaches_the_connection() -> None:
    consumer = probed()
    assert consumer.handle(ChannelLost(connection_id=C1), now_ms=33_000) == ()
    assert_in(consumer, S.DETACHED, deadline_ms=333_000)
    assert consumer.counts.channels_lost == 1


@covers(S.PROBED, ChannelViolated)
def test_a_violation_during_a_probe_detaches_the_connection() -> None:
    consumer = probed()
    violated = ChannelViolated(connection_id=C1, code=1009, reason="too big")
    assert consumer.handle(violated, now_ms=33_000) == ()
    assert_in(consumer, S.DETACHED, deadline_ms=333_000)
    assert consumer.counts.channels_violated == {"1009": 1}
    assert consumer.counts.channels_lost == 0


@covers(S.PROBED, StopRequested)
def test_stopping_closes_a_probed_channel_with_going_away() -> None:
    consumer = probed()
    assert consumer.handle(StopRequested(), now_ms=33_000) == (
        CloseChannel(connection_id=C1, code=1001, reason="the collector is stopping"),
    )
    assert_in(consumer, S.DETACHED, deadline_ms=333_000)


@covers(S.PROBED, DeadlineReached)
def test_a_channel_on_which_nobody_answers_the_probe_is_dropped() -> None:
    consumer = probed()
    assert consumer.handle(DeadlineReached(), now_ms=41_999) == ()
    assert consumer.handle(DeadlineReached(), now_ms=42_000) == (AbortChannel(connection_id=C1),)
    assert_in(consumer, S.DETACHED, deadline_ms=342_000)
    assert consumer.counts.channels_lost == 1


# --- detached ------------------------------------------------------------------------------------


@covers(S.DETACHED, ChannelRequested)
def test_a_producer_that_comes_back_in_time_gets_a_channel() -> None:
    consumer = detached()
    assert consumer.handle(upgrade(), now_ms=4_000) == (AcceptChannel(connection_id=C1),)
    assert_in(consumer, S.OPEN, deadline_ms=34_000, heard_ms=4_000)
    assert consumer.counts.channels_opened == 2


@covers(S.DETACHED, DeadlineReached)
def test_a_producer_that_does_not_come_back_loses_its_connection() -> None:
    consumer = detached()
    connection = consumer.connections.existing(C1)
    nothing: tuple[ConsumerEffect, ...] = ()
    assert consumer.handle(DeadlineReached(wall_ms=7), now_ms=302_999) == nothing
    effects = consumer.handle(DeadlineReached(wall_ms=8), now_ms=303_000)
    assert effects == (ended(Ending.EXPIRED, 8),)
    assert_gone(consumer, connection, S.EXPIRED)
    assert consumer.counts.connections_expired == 1


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()
