"""A case for every row: what TS 28.532 11.5.1.1-3 and the time limits ask of a producer."""

from __future__ import annotations

from dataclasses import replace

from mnstream.core.effects import (
    AbortChannel,
    CloseChannel,
    OpenChannel,
    ReportAcknowledged,
    ReportEnd,
    ReportStream,
    RequestOperation,
    SendFrames,
    SendPing,
)
from mnstream.core.errors import ConnectionInUse, Unavailable, UnexpectedStreams, UnknownConnection
from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelOpened,
    ChannelRefused,
    CloseReceived,
    ConnectionCreated,
    ConnectionForgotten,
    ConnectionRefused,
    DeadlineReached,
    GiveUpReached,
    OperationFailed,
    PeerSilent,
    PingSent,
    PongReceived,
    RequestFailed,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
    WindowEmptied,
)
from mnstream.core.lifecycles.producer_connection import (
    PRODUCER_CONNECTION,
)
from mnstream.core.lifecycles.producer_connection import (
    ProducerConnectionState as S,
)
from mnstream.core.lifecycles.stream import StreamState
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishStreamingConnection,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import Status, StreamId
from tests.core.support import (
    C1,
    GNB,
    Rows,
    created,
    frame,
    ids,
    lost,
    offered,
    operation_of,
    performance,
    ping_left,
    pong,
    refused,
)

covers = Rows(PRODUCER_CONNECTION)

# Every time differs from every other, so that no deadline can stand in for another.
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
    give_up_ms=60_000,
)
ESTABLISH = EstablishStreamingConnection(producer_id=GNB, stream_info_list=(performance(1),))
OPEN_C1 = OpenChannel(connection_id=C1)
CLOSE_C1 = CloseChannel(connection_id=C1, code=1000)
ABORT_C1 = AbortChannel(connection_id=C1)
MORE = StreamsOffered(stream_info_list=(performance(2),))
LESS = StreamsWithdrawn(stream_id_list=ids(1))
SUCCESS = ReportEnd(status=Status.SUCCESS, unacknowledged=0)


def sent(*bodies: str) -> SendFrames:
    return SendFrames(connection_id=C1, frames=tuple(frame(body) for body in bodies))


def ping(number: int) -> SendPing:
    return SendPing(connection_id=C1, payload=number.to_bytes(8, "big"))


def announced(name: int) -> ReportStream:
    return ReportStream(stream_id=StreamId(str(name)))


# --- histories -----------------------------------------------------------------------------------


def idle() -> StreamingProducer:
    """The application has offered stream 1."""
    producer = StreamingProducer(GNB, config=CONFIG)
    producer.handle(StreamsOffered(stream_info_list=(performance(1),)), now_ms=0)
    return producer


def creating() -> tuple[StreamingProducer, ControlOperation]:
    """... and has started, at 1 s."""
    producer = idle()
    return producer, operation_of(producer.handle(StartRequested(), now_ms=1_000))


def upgrading() -> StreamingProducer:
    """... and the consumer has created connection c1, at 2 s."""
    producer, operation = creating()
    producer.handle(created(operation), now_ms=2_000)
    return producer


def opened(*bodies: str) -> StreamingProducer:
    """... and opened its channel at 3 s; these frames are reported at once."""
    producer = upgrading()
    producer.handle(ChannelOpened(connection_id=C1), now_ms=3_000)
    producer.handle(offered(*bodies), now_ms=3_000)
    return producer


def draining() -> StreamingProducer:
    """... frames a and b; the application terminates at 4 s, so a Ping is on its way."""
    producer = opened("a", "b")
    producer.handle(TerminateRequested(), now_ms=4_000)
    return producer


def closing() -> StreamingProducer:
    """... the frames are acknowledged at 5 s, so our Close is on its way."""
    producer = draining()
    producer.handle(pong(2), now_ms=5_000)
    return producer


def backing_off(*bodies: str) -> StreamingProducer:
    """The open channel was lost at 4 s, with these frames not acknowledged."""
    producer = opened(*bodies)
    producer.handle(lost(), now_ms=4_000)
    return producer


def assert_in(producer: StreamingProducer, state: S, *, deadline_ms: int | None) -> None:
    assert producer.state is state
    assert producer.next_deadline_ms() == deadline_ms
    assert producer.finished is (state in {S.CLOSED, S.FAILED})


def states(producer: StreamingProducer) -> dict[str, StreamState]:
    return {str(name): state for name, state in producer.streams.states().items()}


# --- idle ----------------------------------------------------------------------------------------


@covers(S.IDLE, StreamsOffered)
def test_streams_offered_before_the_start_are_announced_with_the_connection() -> None:
    producer = idle()
    assert producer.handle(MORE, now_ms=500) == ()
    assert_in(producer, S.IDLE, deadline_ms=None)
    assert states(producer) == {"1": StreamState.WANTED, "2": StreamState.WANTED}
    operation = operation_of(producer.handle(StartRequested(), now_ms=1_000))
    assert operation == EstablishStreamingConnection(
        producer_id=GNB, stream_info_list=(performance(1), performance(2))
    )


@covers(S.IDLE, StreamsWithdrawn)
def test_a_stream_withdrawn_before_the_start_is_never_announced() -> None:
    producer = idle()
    assert producer.handle(LESS, now_ms=500) == ()
    assert_in(producer, S.IDLE, deadline_ms=None)
    assert states(producer) == {}


@covers(S.IDLE, StreamDataOffered)
def test_frames_offered_before_the_start_are_kept() -> None:
    producer = idle()
    assert producer.handle(offered("a"), now_ms=50_000) == ()
    assert_in(producer, S.IDLE, deadline_ms=None)
    assert producer.window.frames() == (frame("a"),)
    assert not producer.window.sealed


@covers(S.IDLE, StartRequested)
def test_start_posts_the_connection() -> None:
    producer = idle()
    effects = producer.handle(StartRequested(), now_ms=1_000)
    assert effects == (RequestOperation(operation=ESTABLISH),)
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert states(producer) == {"1": StreamState.PROPOSED}


@covers(S.IDLE, TerminateRequested)
def test_terminate_before_the_start_is_the_end() -> None:
    producer = idle()
    assert producer.handle(TerminateRequested(), now_ms=500) == (SUCCESS,)
    assert_in(producer, S.CLOSED, deadline_ms=None)


# --- creating ------------------------------------------------------------------------------------


@covers(S.CREATING, StreamsOffered)
def test_a_stream_offered_while_creating_waits_for_the_channel() -> None:
    producer, _ = creating()
    assert producer.handle(MORE, now_ms=1_500) == ()
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert states(producer) == {"1": StreamState.PROPOSED, "2": StreamState.WANTED}


@covers(S.CREATING, StreamsWithdrawn)
def test_a_stream_withdrawn_while_creating_is_deleted_when_there_is_a_channel() -> None:
    producer, _ = creating()
    assert producer.handle(LESS, now_ms=1_500) == ()
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert states(producer) == {"1": StreamState.WITHDRAWING}


@covers(S.CREATING, StreamDataOffered)
def test_frames_offered_while_creating_are_kept() -> None:
    producer, _ = creating()
    assert producer.handle(offered("a"), now_ms=50_000) == ()
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert producer.window.frames() == (frame("a"),)
    assert not producer.window.sealed


@covers(S.CREATING, ConnectionCreated)
def test_a_created_connection_is_upgraded() -> None:
    producer, operation = creating()
    effects = producer.handle(created(operation), now_ms=2_000)
    assert effects == (announced(1), OPEN_C1)
    assert_in(producer, S.UPGRADING, deadline_ms=7_000)
    assert producer.connection_id == C1
    assert producer.counts.connections_created == 1
    assert states(producer) == {"1": StreamState.REPORTING}


@covers(S.CREATING, ConnectionRefused)
def test_a_connection_that_would_be_refused_again_is_given_up() -> None:
    producer, operation = creating()
    refusal = UnexpectedStreams("1: no", identifiers=ids(1), reasons=(("1", "no"),))
    effects = producer.handle(refused(operation, refusal), now_ms=2_000)
    assert effects == (
        ReportEnd(
            status=Status.FAILURE,
            unacknowledged=0,
            exception=refusal,
            reason="unexpectedStreams: 1: no",
        ),
    )
    assert_in(producer, S.FAILED, deadline_ms=None)


@covers(S.CREATING, RequestFailed)
def test_a_connection_that_got_no_answer_is_tried_again_later() -> None:
    producer, operation = creating()
    failed = OperationFailed(operation=operation, reason="no route", jitter=0.5)
    assert producer.handle(failed, now_ms=2_000) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=2_150)
    assert producer.trouble == "no route"


@covers(S.CREATING, RequestFailed)
def test_a_connection_that_is_refused_for_now_is_tried_again_later() -> None:
    producer, operation = creating()
    refusal = refused(operation, Unavailable("full"), jitter=0.5)
    assert producer.handle(refusal, now_ms=2_000) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=2_150)
    assert producer.trouble == "unavailable: full"


@covers(S.CREATING, DeadlineReached)
def test_a_request_that_is_not_answered_in_time_is_tried_again_later() -> None:
    producer, operation = creating()
    assert producer.handle(DeadlineReached(), now_ms=5_999) == ()
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert producer.handle(DeadlineReached(), now_ms=6_000) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=6_100)
    assert producer.trouble == "no answer in time"
    assert producer.handle(created(operation), now_ms=6_050) == ()  # nobody waits for it now
    assert_in(producer, S.BACKING_OFF, deadline_ms=6_100)


@covers(S.CREATING, TerminateRequested)
def test_terminate_while_creating_takes_no_more_frames_and_goes_on() -> None:
    producer, _ = creating()
    assert producer.handle(TerminateRequested(), now_ms=1_500) == ()
    assert_in(producer, S.CREATING, deadline_ms=6_000)
    assert producer.window.sealed


# --- upgrading -----------------------------------------------------------------------------------


@covers(S.UPGRADING, StreamsOffered)
def test_a_stream_offered_while_upgrading_waits_for_the_channel() -> None:
    producer = upgrading()
    assert producer.handle(MORE, now_ms=2_500) == ()
    assert_in(producer, S.UPGRADING, deadline_ms=7_000)
    assert states(producer) == {"1": StreamState.REPORTING, "2": StreamState.WANTED}


@covers(S.UPGRADING, StreamsWithdrawn)
def test_a_stream_withdrawn_while_upgrading_is_deleted_when_there_is_a_channel() -> None:
    producer = upgrading()
    assert producer.handle(LESS, now_ms=2_500) == ()
    assert_in(producer, S.UPGRADING, deadline_ms=7_000)
    assert states(producer) == {"1": StreamState.WITHDRAWING}


@covers(S.UPGRADING, StreamDataOffered)
def test_frames_offered_while_upgrading_are_kept() -> None:
    producer = upgrading()
    assert producer.handle(offered("a"), now_ms=50_000) == ()
    assert_in(producer, S.UPGRADING, deadline_ms=7_000)
    assert producer.window.frames() == (frame("a"),)
    assert not producer.window.sealed


@covers(S.UPGRADING, ChannelOpened)
def test_an_open_channel_first_gets_what_is_not_acknowledged_then_new_streams() -> None:
    producer = upgrading()
    producer.handle(offered("a", "b"), now_ms=2_500)
    producer.handle(MORE, now_ms=2_500)
    add = AddStream(connection_id=C1, stream_info_list=(performance(2),))
    effects = producer.handle(ChannelOpened(connection_id=C1), now_ms=3_000)
    assert effects == (sent("a", "b"), RequestOperation(operation=add))
    assert_in(producer, S.OPEN, deadline_ms=3_050)  # a Ping, for the two frames
    assert producer.counts.channels_opened == 1
    assert producer.counts.frames_resent == 0


@covers(S.UPGRADING, ConnectionForgotten)
def test_a_connection_that_the_consumer_forgot_is_created_anew() -> None:
    producer = upgrading()
    unknown = ChannelRefused(
        connection_id=C1, exception=UnknownConnection(identifiers=(C1,)), jitter=0.5
    )
    assert producer.handle(unknown, now_ms=2_500) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=2_650)
    assert producer.connection_id is None
    assert producer.trouble == "unknownConnection: c1"
    effects = producer.handle(DeadlineReached(), now_ms=2_650)
    assert effects == (RequestOperation(operation=ESTABLISH),)


@covers(S.UPGRADING, ChannelRefused)
def test_a_refused_upgrade_is_tried_again_later() -> None:
    producer = upgrading()
    busy = ChannelRefused(connection_id=C1, exception=ConnectionInUse("busy"), jitter=0.5)
    assert producer.handle(busy, now_ms=2_500) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=2_650)
    assert producer.connection_id == C1
    assert producer.trouble == "connectionInUse: busy"


@covers(S.UPGRADING, ChannelFailed)
def test_a_failed_upgrade_is_tried_again_later() -> None:
    producer = upgrading()
    failed = ChannelFailed(connection_id=C1, reason="no route", jitter=0.5)
    assert producer.handle(failed, now_ms=2_500) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=2_650)
    assert producer.connection_id == C1
    assert producer.trouble == "no route"


@covers(S.UPGRADING, DeadlineReached)
def test_an_upgrade_that_is_not_answered_in_time_is_dropped_and_tried_again_later() -> None:
    producer = upgrading()
    assert producer.handle(DeadlineReached(jitter=0.5), now_ms=6_999) == ()
    assert producer.handle(DeadlineReached(jitter=0.5), now_ms=7_000) == (ABORT_C1,)
    assert_in(producer, S.BACKING_OFF, deadline_ms=7_150)
    assert producer.trouble == "no answer in time"


@covers(S.UPGRADING, TerminateRequested)
def test_terminate_while_upgrading_takes_no_more_frames_and_goes_on() -> None:
    producer = upgrading()
    assert producer.handle(TerminateRequested(), now_ms=2_500) == ()
    assert_in(producer, S.UPGRADING, deadline_ms=7_000)
    assert producer.window.sealed
    effects = producer.handle(ChannelOpened(connection_id=C1), now_ms=3_000)
    assert effects == (CLOSE_C1,)
    assert_in(producer, S.CLOSING, deadline_ms=6_000)


# --- open ----------------------------------------------------------------------------------------


@covers(S.OPEN, StreamsOffered)
def test_a_stream_offered_on_an_open_channel_is_added_at_once() -> None:
    producer = opened()
    add = AddStream(connection_id=C1, stream_info_list=(performance(2),))
    assert producer.handle(MORE, now_ms=4_000) == (RequestOperation(operation=add),)
    assert_in(producer, S.OPEN, deadline_ms=9_000)
    assert states(producer) == {"1": StreamState.REPORTING, "2": StreamState.PROPOSED}


@covers(S.OPEN, StreamsWithdrawn)
def test_a_stream_withdrawn_on_an_open_channel_is_deleted_when_its_frames_have_arrived() -> None:
    producer = opened("a")
    assert producer.handle(LESS, now_ms=3_010) == ()
    assert_in(producer, S.OPEN, deadline_ms=3_050)
    assert producer.handle(DeadlineReached(), now_ms=3_050) == (ping(1),)
    delete = DeleteStream(connection_id=C1, stream_id_list=ids(1))
    effects = producer.handle(pong(1), now_ms=3_100)
    assert effects == (ReportAcknowledged(frames=1), RequestOperation(operation=delete))
    assert_in(producer, S.OPEN, deadline_ms=8_100)


@covers(S.OPEN, StreamDataOffered)
def test_frames_offered_on_an_open_channel_are_sent() -> None:
    producer = opened()
    assert producer.handle(offered("a", "b"), now_ms=4_000) == (sent("a", "b"),)
    assert_in(producer, S.OPEN, deadline_ms=4_050)
    assert producer.handle(offered("c"), now_ms=4_010) == (sent("c"),)
    assert producer.window.frames() == (frame("a"), frame("b"), frame("c"))


@covers(S.OPEN, PongReceived)
def test_a_pong_acknowledges_the_frames_before_its_ping() -> None:
    producer = opened("a", "b", "c", "d")  # four frames, so the Ping has gone with them
    producer.handle(offered("e"), now_ms=3_010)
    effects = producer.handle(pong(4), now_ms=3_020)
    assert effects == (ReportAcknowledged(frames=4),)
    assert_in(producer, S.OPEN, deadline_ms=3_060)
    assert producer.window.frames() == (frame("e"),)


@covers(S.OPEN, DeadlineReached)
def test_an_acknowledgement_is_asked_for_after_the_ping_interval() -> None:
    producer = opened("a")
    assert producer.handle(DeadlineReached(), now_ms=3_049) == ()
    assert producer.handle(DeadlineReached(), now_ms=3_050) == (ping(1),)
    assert_in(producer, S.OPEN, deadline_ms=33_050)  # for the next, as nothing else happens


@covers(S.OPEN, PingSent)
def test_a_ping_has_a_time_to_be_answered_in_once_it_has_left() -> None:
    producer = opened("a")
    producer.handle(DeadlineReached(), now_ms=3_050)
    assert producer.handle(ping_left(1), now_ms=4_000) == ()
    assert_in(producer, S.OPEN, deadline_ms=11_000)


@covers(S.OPEN, PeerSilent)
def test_a_consumer_that_does_not_answer_a_ping_in_time_is_left() -> None:
    producer = opened("a")
    producer.handle(DeadlineReached(), now_ms=3_050)
    producer.handle(ping_left(1), now_ms=3_050)
    assert producer.handle(DeadlineReached(jitter=0.5), now_ms=10_050) == (ABORT_C1,)
    assert_in(producer, S.BACKING_OFF, deadline_ms=10_200)
    assert producer.trouble == "the consumer does not answer"
    assert producer.window.frames() == (frame("a"),)


@covers(S.OPEN, ChannelLost)
def test_a_lost_channel_is_opened_again_later() -> None:
    producer = opened("a")
    assert producer.handle(lost("reset", jitter=0.5), now_ms=4_000) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_150)
    assert producer.connection_id == C1
    assert producer.trouble == "reset"
    assert producer.window.frames() == (frame("a"),)


@covers(S.OPEN, CloseReceived)
def test_a_close_of_the_consumer_is_answered_and_the_channel_opened_again_later() -> None:
    producer = opened("a")
    away = CloseReceived(connection_id=C1, code=1001, reason="stopping", jitter=0.5)
    effects = producer.handle(away, now_ms=4_000)
    assert effects == (CloseChannel(connection_id=C1, code=1001),)
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_150)
    assert producer.connection_id == C1
    assert producer.trouble == "closed by the consumer: 1001 stopping"


@covers(S.OPEN, TerminateRequested)
def test_terminate_drains_first() -> None:
    producer = opened("a")
    assert producer.handle(TerminateRequested(), now_ms=3_010) == (ping(1),)
    assert_in(producer, S.DRAINING, deadline_ms=9_010)
    assert producer.window.sealed


@covers(S.OPEN, TerminateRequested)
def test_terminate_closes_at_once_when_everything_is_acknowledged() -> None:
    producer = opened()
    assert producer.handle(TerminateRequested(), now_ms=4_000) == (CLOSE_C1,)
    assert_in(producer, S.CLOSING, deadline_ms=7_000)


# --- draining ------------------------------------------------------------------------------------


@covers(S.DRAINING, PingSent)
def test_the_last_ping_has_a_time_to_be_answered_in_once_it_has_left() -> None:
    producer = opened("a")
    producer.config = replace(CONFIG, drain_timeout_ms=60_000)  # it shall not come first
    producer.handle(TerminateRequested(), now_ms=4_000)
    assert_in(producer, S.DRAINING, deadline_ms=34_000)
    assert producer.handle(ping_left(1), now_ms=4_500) == ()
    assert_in(producer, S.DRAINING, deadline_ms=11_500)


@covers(S.DRAINING, PongReceived)
def test_a_pong_acknowledges_while_draining() -> None:
    producer = opened("a", "b", "c", "d")
    producer.handle(offered("e"), now_ms=3_010)
    producer.handle(TerminateRequested(), now_ms=3_020)
    assert producer.handle(pong(4), now_ms=3_030) == (ReportAcknowledged(frames=4),)
    assert_in(producer, S.DRAINING, deadline_ms=9_020)
    assert producer.window.frames() == (frame("e"),)


@covers(S.DRAINING, WindowEmptied)
def test_the_last_acknowledgement_closes_the_channel() -> None:
    producer = draining()
    effects = producer.handle(pong(2), now_ms=5_000)
    assert effects == (ReportAcknowledged(frames=2), CLOSE_C1)
    assert_in(producer, S.CLOSING, deadline_ms=8_000)


@covers(S.DRAINING, DeadlineReached)
def test_an_early_wake_up_while_draining_changes_nothing() -> None:
    producer = draining()
    assert producer.handle(DeadlineReached(), now_ms=9_999) == ()
    assert_in(producer, S.DRAINING, deadline_ms=10_000)


@covers(S.DRAINING, DeadlineReached)
def test_pings_go_on_while_draining() -> None:
    config = ProducerConfig(keep_alive_ms=100, drain_timeout_ms=1_000)
    producer = StreamingProducer(GNB, config=config)
    operation = operation_of(producer.handle(StartRequested(), now_ms=0))
    producer.handle(created(operation), now_ms=0)
    producer.handle(ChannelOpened(connection_id=C1), now_ms=0)
    producer.handle(offered("a"), now_ms=0)
    producer.handle(TerminateRequested(), now_ms=10)
    assert producer.handle(DeadlineReached(), now_ms=110) == (ping(1),)
    assert_in(producer, S.DRAINING, deadline_ms=210)


@covers(S.DRAINING, GiveUpReached)
def test_the_channel_is_closed_when_draining_takes_too_long() -> None:
    producer = draining()
    assert producer.handle(DeadlineReached(), now_ms=10_000) == (CLOSE_C1,)
    assert_in(producer, S.CLOSING, deadline_ms=13_000)
    effects = producer.handle(CloseReceived(connection_id=C1, code=1000), now_ms=11_000)
    assert effects == (
        ReportEnd(status=Status.FAILURE, unacknowledged=2, reason="2 frames were not acknowledged"),
    )


@covers(S.DRAINING, PeerSilent)
def test_a_consumer_that_does_not_answer_while_draining_is_left() -> None:
    producer = opened("a")
    producer.handle(DeadlineReached(), now_ms=3_050)
    producer.handle(ping_left(1), now_ms=3_050)
    producer.handle(TerminateRequested(), now_ms=9_000)
    assert producer.handle(DeadlineReached(jitter=0.5), now_ms=10_050) == (ABORT_C1,)
    assert_in(producer, S.BACKING_OFF, deadline_ms=10_200)
    assert producer.trouble == "the consumer does not answer"
    assert producer.window.frames() == (frame("a"),)


@covers(S.DRAINING, ChannelLost)
def test_a_channel_lost_while_draining_is_opened_again_and_drained() -> None:
    producer = draining()
    assert producer.handle(lost(jitter=0.5), now_ms=5_000) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=5_150)
    assert producer.handle(DeadlineReached(), now_ms=5_150) == (OPEN_C1,)
    effects = producer.handle(ChannelOpened(connection_id=C1), now_ms=6_000)
    assert effects == (sent("a", "b"), ping(2))
    assert_in(producer, S.DRAINING, deadline_ms=12_000)
    assert producer.counts.frames_resent == 2


@covers(S.DRAINING, CloseReceived)
def test_a_close_of_the_consumer_while_draining_is_answered_and_the_channel_opened_again() -> None:
    producer = draining()
    away = CloseReceived(connection_id=C1, code=1001, jitter=0.5)
    assert producer.handle(away, now_ms=5_000) == (CloseChannel(connection_id=C1, code=1001),)
    assert_in(producer, S.BACKING_OFF, deadline_ms=5_150)
    assert producer.trouble == "closed by the consumer: 1001"
    assert producer.window.frames() == (frame("a"), frame("b"))


@covers(S.DRAINING, TerminateRequested)
def test_terminate_again_while_draining_changes_nothing() -> None:
    producer = draining()
    assert producer.handle(TerminateRequested(), now_ms=10_000) == ()  # it is no wake-up either
    assert_in(producer, S.DRAINING, deadline_ms=10_000)


# --- closing -------------------------------------------------------------------------------------


@covers(S.CLOSING, CloseReceived)
def test_the_consumers_close_completes_the_termination() -> None:
    producer = closing()
    effects = producer.handle(CloseReceived(connection_id=C1, code=1000), now_ms=6_000)
    assert effects == (SUCCESS,)
    assert_in(producer, S.CLOSED, deadline_ms=None)


@covers(S.CLOSING, PingSent)
def test_a_ping_that_leaves_before_the_close_changes_nothing() -> None:
    producer = draining()
    producer.handle(DeadlineReached(), now_ms=10_000)
    assert producer.handle(ping_left(2), now_ms=10_100) == ()
    assert_in(producer, S.CLOSING, deadline_ms=13_000)


@covers(S.CLOSING, PongReceived)
def test_a_pong_that_comes_before_the_close_still_acknowledges() -> None:
    producer = draining()
    producer.handle(DeadlineReached(), now_ms=10_000)
    assert producer.handle(pong(2), now_ms=10_500) == (ReportAcknowledged(frames=2),)
    assert_in(producer, S.CLOSING, deadline_ms=13_000)
    close = CloseReceived(connection_id=C1, code=1000)
    assert producer.handle(close, now_ms=11_000) == (SUCCESS,)


@covers(S.CLOSING, ChannelLost)
def test_a_channel_lost_before_the_consumers_close_is_a_failed_termination() -> None:
    producer = closing()
    assert producer.handle(lost("reset"), now_ms=6_000) == (
        ReportEnd(status=Status.FAILURE, unacknowledged=0, reason="reset"),
    )
    assert_in(producer, S.FAILED, deadline_ms=None)


@covers(S.CLOSING, ChannelLost)
def test_a_failed_termination_has_a_reason_even_if_the_transport_gives_none() -> None:
    producer = closing()
    reason = "the channel was lost before the consumer's Close"
    assert producer.handle(lost(""), now_ms=6_000) == (
        ReportEnd(status=Status.FAILURE, unacknowledged=0, reason=reason),
    )


@covers(S.CLOSING, DeadlineReached)
def test_a_close_that_is_not_answered_in_time_is_a_failed_termination() -> None:
    producer = closing()
    assert producer.handle(DeadlineReached(), now_ms=7_999) == ()
    assert producer.handle(DeadlineReached(), now_ms=8_000) == (
        ABORT_C1,
        ReportEnd(
            status=Status.FAILURE,
            unacknowledged=0,
            reason="the consumer did not answer our Close",
        ),
    )
    assert_in(producer, S.FAILED, deadline_ms=None)


@covers(S.CLOSING, TerminateRequested)
def test_terminate_again_while_closing_changes_nothing() -> None:
    producer = closing()
    assert producer.handle(TerminateRequested(), now_ms=50_000) == ()  # it is no wake-up either
    assert_in(producer, S.CLOSING, deadline_ms=8_000)


# --- backing off ---------------------------------------------------------------------------------


@covers(S.BACKING_OFF, StreamsOffered)
def test_a_stream_offered_while_backing_off_waits_for_the_channel() -> None:
    producer = backing_off()
    assert producer.handle(MORE, now_ms=4_050) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_100)
    assert states(producer) == {"1": StreamState.REPORTING, "2": StreamState.WANTED}


@covers(S.BACKING_OFF, StreamsWithdrawn)
def test_a_stream_withdrawn_while_backing_off_is_deleted_when_there_is_a_channel() -> None:
    producer = backing_off()
    assert producer.handle(LESS, now_ms=4_050) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_100)
    assert states(producer) == {"1": StreamState.WITHDRAWING}


@covers(S.BACKING_OFF, StreamDataOffered)
def test_frames_offered_while_backing_off_are_kept() -> None:
    producer = backing_off("a")
    assert producer.handle(offered("b"), now_ms=4_050) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_100)
    assert producer.window.frames() == (frame("a"), frame("b"))
    assert not producer.window.sealed


@covers(S.BACKING_OFF, DeadlineReached)
def test_a_known_connection_is_only_upgraded_again() -> None:
    producer = backing_off("a")
    assert producer.handle(DeadlineReached(), now_ms=4_099) == ()
    assert producer.handle(DeadlineReached(), now_ms=4_100) == (OPEN_C1,)
    assert_in(producer, S.UPGRADING, deadline_ms=9_100)


@covers(S.BACKING_OFF, DeadlineReached)
def test_a_connection_that_was_never_created_is_posted_again() -> None:
    producer, operation = creating()
    producer.handle(OperationFailed(operation=operation, reason="no route"), now_ms=2_000)
    effects = producer.handle(DeadlineReached(), now_ms=2_100)
    assert effects == (RequestOperation(operation=ESTABLISH),)
    assert_in(producer, S.CREATING, deadline_ms=7_100)


@covers(S.BACKING_OFF, TerminateRequested)
def test_terminate_while_backing_off_goes_on_for_the_sake_of_frames() -> None:
    producer = backing_off("a")
    assert producer.handle(TerminateRequested(), now_ms=4_050) == ()
    assert_in(producer, S.BACKING_OFF, deadline_ms=4_100)
    assert producer.window.sealed


@covers(S.BACKING_OFF, WindowEmptied)
def test_terminate_while_backing_off_with_nothing_left_over_is_the_end() -> None:
    producer = backing_off()
    assert producer.handle(TerminateRequested(), now_ms=4_050) == (SUCCESS,)
    assert_in(producer, S.CLOSED, deadline_ms=None)


@covers(S.BACKING_OFF, WindowEmptied)
def test_a_terminated_producer_with_nothing_to_report_does_not_try_again() -> None:
    producer = upgrading()
    producer.handle(TerminateRequested(), now_ms=2_500)
    failed = ChannelFailed(connection_id=C1, reason="no route")
    assert producer.handle(failed, now_ms=2_600) == (SUCCESS,)
    assert_in(producer, S.CLOSED, deadline_ms=None)


@covers(S.BACKING_OFF, GiveUpReached)
def test_a_producer_without_a_channel_for_too_long_gives_up() -> None:
    producer = backing_off("a")
    now_ms = 4_000
    while producer.state is not S.FAILED:
        deadline_ms = producer.next_deadline_ms()
        assert deadline_ms is not None
        assert deadline_ms <= 64_000
        now_ms = deadline_ms
        effects = producer.handle(DeadlineReached(), now_ms=now_ms)
        if producer.state is S.UPGRADING:
            producer.handle(ChannelFailed(connection_id=C1, reason="no route"), now_ms=now_ms)
        else:
            assert effects == (
                ReportEnd(status=Status.FAILURE, unacknowledged=1, reason="no route"),
            )
    assert now_ms == 64_000  # 60 s after the channel was lost
    assert_in(producer, S.FAILED, deadline_ms=None)


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()
