"""A producer over time: acknowledgement, resends, streams, and how it ends."""

from __future__ import annotations

import pytest

from mnstream.core.effects import (
    AbortChannel,
    CloseChannel,
    OpenChannel,
    ProducerEffect,
    ReportAcknowledged,
    ReportEnd,
    ReportStream,
    RequestOperation,
    SendFrames,
    SendPing,
)
from mnstream.core.errors import (
    ConnectionInUse,
    MalformedRequest,
    OperationError,
    Unavailable,
    UnknownConnection,
)
from mnstream.core.events import (
    ChannelFailed,
    ChannelOpened,
    ChannelRefused,
    CloseReceived,
    DeadlineReached,
    OperationAnswered,
    OperationFailed,
    ProducerDriverEvent,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
)
from mnstream.core.lifecycles.producer_connection import ProducerConnectionState as S
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import Status, StreamId
from tests.core.support import (
    C1,
    C2,
    GNB,
    created,
    frame,
    frozen,
    ids,
    lost,
    offered,
    one,
    operation_of,
    performance,
    ping_left,
    pong,
    refused,
)

CONFIG = ProducerConfig(
    window_frames_max=8,
    window_bytes_max=1_000,
    ping_frames=4,
    ping_interval_ms=50,
    keep_alive_ms=30_000,
    pong_timeout_ms=7_000,
    request_timeout_ms=5_000,
    close_timeout_ms=3_000,
    drain_timeout_ms=6_000,
    back_off_initial_ms=200,
    back_off_max_ms=1_600,
)
OPENED = ChannelOpened(connection_id=C1)
OPEN_C1 = OpenChannel(connection_id=C1)


def started(config: ProducerConfig = CONFIG) -> tuple[StreamingProducer, RequestOperation]:
    producer = StreamingProducer(GNB, config=config)
    producer.handle(StreamsOffered(stream_info_list=(performance(1),)), now_ms=0)
    return producer, one(producer.handle(StartRequested(), now_ms=0), RequestOperation)


def opened(config: ProducerConfig = CONFIG) -> StreamingProducer:
    producer, request = started(config)
    producer.handle(created(request.operation), now_ms=0)
    producer.handle(OPENED, now_ms=0)
    return producer


def sent(*bodies: str) -> SendFrames:
    return SendFrames(connection_id=C1, frames=tuple(map(frame, bodies)))


def ping(number: int) -> SendPing:
    return SendPing(connection_id=C1, payload=number.to_bytes(8, "big"))


def wake(producer: StreamingProducer) -> tuple[int, tuple[ProducerEffect, ...]]:
    """Let the time come that the producer asked for."""
    deadline_ms = producer.next_deadline_ms()
    assert deadline_ms is not None
    return deadline_ms, producer.handle(DeadlineReached(), now_ms=deadline_ms)


def reopened(producer: StreamingProducer, now_ms: int) -> tuple[ProducerEffect, ...]:
    """Lose the channel and open it again; returns what is sent first."""
    producer.handle(lost(), now_ms=now_ms)
    again_ms, effects = wake(producer)
    assert effects == (OPEN_C1,)
    return producer.handle(OPENED, now_ms=again_ms)


# --- acknowledgement -----------------------------------------------------------------------------


def test_enough_frames_are_followed_by_a_ping_at_once() -> None:
    producer = opened()
    assert producer.handle(offered(*"abc"), now_ms=10) == (sent(*"abc"),)
    assert producer.handle(offered("d"), now_ms=11) == (sent("d"), ping(4))
    assert producer.handle(offered("e"), now_ms=12) == (sent("e"),)
    assert wake(producer) == (62, (ping(5),))


def test_a_frame_is_acknowledged_once() -> None:
    producer = opened()
    producer.handle(offered(*"abcd"), now_ms=10)
    assert producer.handle(pong(4), now_ms=20) == (ReportAcknowledged(frames=4),)
    assert producer.handle(pong(4), now_ms=21) == ()
    assert producer.window.acknowledged == 4


def test_a_pong_that_answers_no_ping_of_ours_acknowledges_nothing() -> None:
    producer = opened()
    producer.handle(offered(*"abcd"), now_ms=10)
    before = frozen(producer.window)
    for number in (0, 3, 5, 2**64 - 1):
        assert producer.handle(pong(number), now_ms=20) == ()
    assert frozen(producer.window) == before


def test_an_idle_channel_is_kept_alive() -> None:
    producer = opened()
    assert wake(producer) == (30_000, (ping(0),))
    assert producer.handle(pong(0), now_ms=30_010) == ()
    assert wake(producer) == (60_010, (ping(0),))
    producer.handle(ping_left(0), now_ms=60_010)
    assert wake(producer) == (67_010, (AbortChannel(connection_id=C1),))


def test_no_frames_are_no_frames() -> None:
    producer = opened()
    before = frozen(producer)
    assert producer.handle(StreamDataOffered(frames=()), now_ms=10) == ()
    assert frozen(producer) == before


# --- resends -------------------------------------------------------------------------------------


def test_what_is_not_acknowledged_is_sent_again_first_and_in_order() -> None:
    producer = opened()
    producer.handle(offered(*"abcd"), now_ms=10)
    producer.handle(pong(4), now_ms=20)
    producer.handle(offered(*"ef"), now_ms=30)
    producer.handle(lost(), now_ms=40)
    producer.handle(offered("g"), now_ms=50)
    assert wake(producer) == (140, (OPEN_C1,))
    assert producer.handle(OPENED, now_ms=150) == (sent(*"efg"),)
    assert producer.counts.frames_resent == 2
    assert producer.counts.channels_opened == 2
    assert wake(producer) == (200, (ping(7),))
    assert producer.handle(pong(7), now_ms=210) == (ReportAcknowledged(frames=3),)


def test_many_frames_sent_again_are_followed_by_a_ping() -> None:
    producer = opened()
    producer.handle(offered(*"abcd"), now_ms=10)
    assert reopened(producer, 20) == (sent(*"abcd"), ping(4))
    assert producer.counts.frames_resent == 4


def test_a_pong_for_the_channel_before_acknowledges_nothing() -> None:
    producer = opened()
    producer.handle(offered("a"), now_ms=10)
    wake(producer)
    reopened(producer, 100)
    assert producer.handle(pong(1), now_ms=210) == ()
    assert len(producer.window) == 1


def test_pauses_grow_until_there_is_a_channel() -> None:
    producer = opened()
    producer.handle(lost(), now_ms=1_000)
    times: list[int] = []
    for _ in range(6):
        now_ms, effects = wake(producer)
        assert effects == (OPEN_C1,)
        times.append(now_ms)
        producer.handle(ChannelFailed(connection_id=C1, reason="no route"), now_ms=now_ms)
    assert [b - a for a, b in zip([1_000, *times], times, strict=False)] == [
        100, 200, 400, 800, 800, 800,
    ]  # fmt: skip
    now_ms, _ = wake(producer)
    producer.handle(OPENED, now_ms=now_ms)
    producer.handle(lost(), now_ms=now_ms)
    assert producer.next_deadline_ms() == now_ms + 100


@pytest.mark.parametrize(
    "refusal", [ConnectionInUse("busy"), Unavailable("stopping"), MalformedRequest("what?")]
)
def test_a_known_connection_is_tried_again_whatever_the_refusal(refusal: OperationError) -> None:
    producer, request = started()
    producer.handle(created(request.operation), now_ms=0)
    refused_channel = ChannelRefused(connection_id=C1, exception=refusal)
    producer.handle(refused_channel, now_ms=10)
    assert producer.trouble == str(refusal)
    assert wake(producer) == (110, (OPEN_C1,))


def test_a_consumer_that_forgot_the_connection_gets_a_new_one_and_all_that_is_left() -> None:
    producer = opened()
    producer.handle(offered(*"ab"), now_ms=10)
    producer.handle(lost(), now_ms=20)
    wake(producer)
    unknown = ChannelRefused(connection_id=C1, exception=UnknownConnection(identifiers=(C1,)))
    producer.handle(unknown, now_ms=130)
    producer.handle(StreamsOffered(stream_info_list=(performance(2),)), now_ms=140)
    _, effects = wake(producer)
    operation = operation_of(effects)
    assert operation == EstablishStreamingConnection(
        producer_id=GNB, stream_info_list=(performance(1), performance(2))
    )
    assert producer.handle(created(operation, C2), now_ms=400) == (
        ReportStream(stream_id=StreamId("1")),
        ReportStream(stream_id=StreamId("2")),
        OpenChannel(connection_id=C2),
    )
    assert producer.handle(ChannelOpened(connection_id=C2), now_ms=410) == (
        SendFrames(connection_id=C2, frames=(frame("a"), frame("b"))),
    )
    assert producer.counts.connections_created == 2


# --- streams -------------------------------------------------------------------------------------

ADD = AddStream(connection_id=C1, stream_info_list=(performance(2),))
OFFER = StreamsOffered(stream_info_list=(performance(2),))


def test_a_stream_is_asked_for_again_when_the_answer_does_not_come() -> None:
    producer = opened()
    assert producer.handle(OFFER, now_ms=10) == (RequestOperation(operation=ADD),)
    assert wake(producer) == (5_010, (RequestOperation(operation=ADD),))
    assert producer.next_deadline_ms() == 10_010


def test_a_stream_is_asked_for_again_when_the_request_failed() -> None:
    producer = opened()
    operation = operation_of(producer.handle(OFFER, now_ms=10))
    assert producer.handle(OperationFailed(operation=operation, reason="x"), now_ms=20) == ()
    assert wake(producer) == (1_620, (RequestOperation(operation=ADD),))


def test_the_next_request_follows_the_answer() -> None:
    producer = opened()
    operation = operation_of(producer.handle(OFFER, now_ms=10))
    producer.handle(StreamsWithdrawn(stream_id_list=ids(1)), now_ms=15)
    success = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(2),))
    delete = DeleteStream(connection_id=C1, stream_id_list=ids(1))
    answer = OperationAnswered(operation=operation, outcome=success)
    assert producer.handle(answer, now_ms=20) == (
        ReportStream(stream_id=StreamId("2")),
        RequestOperation(operation=delete),
    )


def test_requests_wait_for_the_next_channel_when_theirs_is_lost() -> None:
    producer = opened()
    operation = operation_of(producer.handle(OFFER, now_ms=10))
    effects = reopened(producer, 20)
    assert effects == (RequestOperation(operation=ADD),)
    success = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(2),))
    late = OperationAnswered(operation=operation, outcome=success)
    assert producer.handle(late, now_ms=130) == ()
    ours = OperationAnswered(operation=operation_of(effects), outcome=success)
    assert producer.handle(ours, now_ms=140) == (ReportStream(stream_id=StreamId("2")),)


def test_an_answer_that_comes_while_draining_starts_nothing() -> None:
    producer = opened()
    producer.handle(offered("a"), now_ms=5)
    operation = operation_of(producer.handle(OFFER, now_ms=10))
    producer.handle(TerminateRequested(), now_ms=20)
    success = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(2),))
    answer = OperationAnswered(operation=operation, outcome=success)
    before = frozen(producer)
    assert producer.handle(answer, now_ms=30) == ()
    assert frozen(producer) == before


# --- the end -------------------------------------------------------------------------------------


def finish(producer: StreamingProducer, now_ms: int) -> ReportEnd:
    """Terminate a producer whose window is empty."""
    close = CloseChannel(connection_id=C1, code=1000)
    assert producer.handle(TerminateRequested(), now_ms=now_ms) == (close,)
    received = CloseReceived(connection_id=C1, code=1000)
    return one(producer.handle(received, now_ms=now_ms), ReportEnd)


def test_a_refusal_that_was_overcome_is_not_reported_at_the_end() -> None:
    producer, request = started()
    producer.handle(refused(request.operation, Unavailable("full")), now_ms=10)
    _, effects = wake(producer)
    producer.handle(created(operation_of(effects)), now_ms=200)
    producer.handle(OPENED, now_ms=210)
    assert finish(producer, 300) == ReportEnd(status=Status.SUCCESS, unacknowledged=0)


def test_trouble_that_was_overcome_is_no_reason_for_what_is_left_over_later() -> None:
    producer = opened()
    producer.handle(offered("a"), now_ms=10)
    assert producer.handle(lost("reset"), now_ms=20) == ()
    assert producer.trouble == "reset"
    wake(producer)
    producer.handle(OPENED, now_ms=200)
    assert producer.trouble == ""
    producer.handle(TerminateRequested(), now_ms=210)
    producer.handle(DeadlineReached(), now_ms=6_210)
    end = one(producer.handle(CloseReceived(connection_id=C1, code=1000), now_ms=6_220), ReportEnd)
    assert end == ReportEnd(
        status=Status.FAILURE, unacknowledged=1, reason="1 frames were not acknowledged"
    )


def test_a_consumer_that_stays_full_is_given_up_with_what_it_said() -> None:
    config = ProducerConfig(give_up_ms=150, back_off_initial_ms=200)
    producer, request = started(config)
    full = Unavailable("full")
    producer.handle(refused(request.operation, full), now_ms=10)
    _, effects = wake(producer)
    producer.handle(refused(operation_of(effects), full), now_ms=120)
    assert wake(producer) == (
        150,
        (
            ReportEnd(
                status=Status.FAILURE,
                unacknowledged=0,
                exception=full,
                reason="unavailable: full",
            ),
        ),
    )
    assert producer.state is S.FAILED


def test_a_producer_that_is_asked_to_may_go_on_for_ever() -> None:
    producer, request = started()
    producer.handle(OperationFailed(operation=request.operation, reason="no route"), now_ms=0)
    for _ in range(50):
        now_ms, effects = wake(producer)
        failed = OperationFailed(operation=operation_of(effects), reason="no route")
        producer.handle(failed, now_ms=now_ms)
    assert producer.state is S.BACKING_OFF


def test_an_outcome_without_a_connection_is_a_refusal_whatever_it_says() -> None:
    producer, request = started()
    nothing = EstablishOutcome(status=Status.FAILURE)
    answer = OperationAnswered(operation=request.operation, outcome=nothing)
    end = one(producer.handle(answer, now_ms=10), ReportEnd)
    assert end == ReportEnd(
        status=Status.FAILURE, unacknowledged=0, reason="refused without a reason"
    )


def test_terminate_while_waiting_for_a_channel_delivers_first() -> None:
    producer = opened()
    producer.handle(offered("a"), now_ms=10)
    producer.handle(lost(), now_ms=20)
    producer.handle(TerminateRequested(), now_ms=30)
    wake(producer)
    assert producer.handle(OPENED, now_ms=130) == (sent("a"), ping(1))
    assert producer.state is S.DRAINING
    assert producer.handle(pong(1), now_ms=140) == (
        ReportAcknowledged(frames=1),
        CloseChannel(connection_id=C1, code=1000),
    )


def test_a_producer_has_defaults() -> None:
    assert StreamingProducer(GNB).config == ProducerConfig()


def test_a_finished_producer_waits_for_nothing() -> None:
    producer = opened()
    finish(producer, 100)
    assert producer.finished
    assert producer.next_deadline_ms() is None


def test_the_same_events_have_the_same_effects_and_leave_the_same_state() -> None:
    first, request = started()
    second, same = started()
    created_first: list[ProducerDriverEvent] = [created(request.operation)]
    created_second: list[ProducerDriverEvent] = [created(same.operation)]
    history: list[ProducerDriverEvent] = [
        OPENED,
        offered(*"abcd"),
        pong(4),
        offered("e"),
        lost(jitter=0.7),
        TerminateRequested(),
        DeadlineReached(jitter=0.2),
        OPENED,
        pong(5),
        CloseReceived(connection_id=C1, code=1000),
    ]
    for step, (one_event, other_event) in enumerate(
        zip(created_first + history, created_second + history, strict=True)
    ):
        effects = first.handle(one_event, now_ms=1_000 * step)
        assert effects == second.handle(other_event, now_ms=1_000 * step)
        assert frozen(first) == frozen(second)
    assert first.finished
