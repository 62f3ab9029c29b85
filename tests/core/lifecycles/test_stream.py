"""A case for every row: what TS 28.532 11.5.1.4-5 and lost answers ask of a producer's stream."""

from __future__ import annotations

from mnstream.core.effects import ReportStream, RequestOperation
from mnstream.core.errors import NotPermitted, UnexpectedStreams
from mnstream.core.events import (
    DeadlineReached,
    OperationAnswered,
    StreamAccepted,
    StreamKept,
    StreamProposed,
    StreamRejected,
    StreamRemoved,
    StreamsWithdrawn,
)
from mnstream.core.lifecycles.stream import STREAM
from mnstream.core.lifecycles.stream import StreamState as S
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.produced import ProducedStreams
from mnstream.core.values import Status
from tests.core.support import C1, Rows, ids, operation_of, performance, refused

covers = Rows(STREAM)

CONFIG = ProducerConfig(request_timeout_ms=5_000, back_off_max_ms=1_600)
(ONE,) = ids(1)
ADD = AddStream(connection_id=C1, stream_info_list=(performance(1),))
DELETE = DeleteStream(connection_id=C1, stream_id_list=ids(1))


def added(operation: ControlOperation) -> OperationAnswered:
    outcome = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(1),))
    return OperationAnswered(operation=operation, outcome=outcome)


def deleted(operation: ControlOperation) -> OperationAnswered:
    return OperationAnswered(
        operation=operation, outcome=DeleteStreamOutcome(status=Status.SUCCESS)
    )


# --- histories -----------------------------------------------------------------------------------


def wanted() -> ProducedStreams:
    """The application has offered stream 1."""
    streams = ProducedStreams(CONFIG)
    streams.offer((performance(1),))
    return streams


def proposed() -> tuple[ProducedStreams, ControlOperation]:
    """... and the consumer has been asked to add it, at 1 s."""
    streams = wanted()
    return streams, operation_of(streams.request_next(C1, acknowledged=0, now_ms=1_000))


def reporting() -> ProducedStreams:
    """... and has added it."""
    streams, operation = proposed()
    streams.answered(added(operation), now_ms=1_500)
    return streams


def withdrawing() -> tuple[ProducedStreams, ControlOperation]:
    """... and has been asked to delete it, at 2 s, when frame 5 had arrived."""
    streams = reporting()
    streams.withdraw(ids(1), last_frame=5)
    return streams, operation_of(streams.request_next(C1, acknowledged=5, now_ms=2_000))


# --- wanted --------------------------------------------------------------------------------------


@covers(S.WANTED, StreamProposed)
def test_a_wanted_stream_is_proposed_when_there_is_a_channel() -> None:
    streams = wanted()
    effects = streams.request_next(C1, acknowledged=0, now_ms=1_000)
    assert effects == (RequestOperation(operation=ADD),)
    assert streams.states() == {ONE: S.PROPOSED}
    assert streams.deadline_ms == 6_000


@covers(S.WANTED, StreamProposed)
def test_a_wanted_stream_is_proposed_with_a_new_connection() -> None:
    streams = wanted()
    assert streams.announced(acknowledged=0) == (performance(1),)
    assert streams.states() == {ONE: S.PROPOSED}
    assert streams.deadline_ms is None  # the connection's own deadline bounds it


@covers(S.WANTED, StreamsWithdrawn)
def test_a_stream_that_was_never_proposed_is_forgotten_when_it_is_withdrawn() -> None:
    streams = wanted()
    streams.withdraw(ids(1), last_frame=5)
    assert streams.states() == {}
    assert streams.request_next(C1, acknowledged=9, now_ms=1_000) == ()


# --- proposed ------------------------------------------------------------------------------------


@covers(S.PROPOSED, StreamAccepted)
def test_an_added_stream_is_announced_to_the_application() -> None:
    streams, operation = proposed()
    effects = streams.answered(added(operation), now_ms=1_500)
    assert effects == [ReportStream(stream_id=ONE)]
    assert streams.states() == {ONE: S.REPORTING}
    assert streams.deadline_ms is None


@covers(S.PROPOSED, StreamAccepted)
def test_a_stream_of_a_created_connection_is_announced_to_the_application() -> None:
    streams = wanted()
    streams.announced(acknowledged=0)
    assert streams.accepted() == [ReportStream(stream_id=ONE)]
    assert streams.states() == {ONE: S.REPORTING}


@covers(S.PROPOSED, StreamRejected)
def test_an_unexpected_stream_is_reported_with_the_reason_and_not_asked_for_again() -> None:
    streams, operation = proposed()
    refusal = UnexpectedStreams("1: no", identifiers=ids(1))
    effects = streams.answered(refused(operation, refusal), now_ms=1_500)
    assert effects == [ReportStream(stream_id=ONE, exception=refusal)]
    assert streams.states() == {}
    assert streams.request_next(C1, acknowledged=0, now_ms=1_600) == ()


@covers(S.PROPOSED, StreamsWithdrawn)
def test_a_stream_withdrawn_while_it_is_proposed_is_deleted_after_the_answer() -> None:
    streams, operation = proposed()
    streams.withdraw(ids(1), last_frame=5)
    assert streams.states() == {ONE: S.WITHDRAWING}
    assert streams.deadline_ms == 6_000
    assert streams.request_next(C1, acknowledged=5, now_ms=1_400) == ()
    assert streams.answered(added(operation), now_ms=1_500) == []
    effects = streams.request_next(C1, acknowledged=5, now_ms=1_500)
    assert effects == (RequestOperation(operation=DELETE),)


@covers(S.PROPOSED, DeadlineReached)
def test_a_stream_whose_request_got_no_answer_is_asked_for_again() -> None:
    streams, first = proposed()
    streams.give_up_request()
    assert streams.states() == {ONE: S.PROPOSED}
    assert streams.deadline_ms is None
    again = operation_of(streams.request_next(C1, acknowledged=0, now_ms=6_000))
    assert again == ADD
    assert streams.answered(added(first), now_ms=6_100) == []  # too late
    assert streams.states() == {ONE: S.PROPOSED}


@covers(S.PROPOSED, StreamsWithdrawn)
def test_a_stream_that_may_have_been_added_is_deleted_when_it_is_withdrawn() -> None:
    streams, _ = proposed()
    streams.give_up_request()
    streams.withdraw(ids(1), last_frame=5)
    assert streams.states() == {ONE: S.WITHDRAWING}
    assert operation_of(streams.request_next(C1, acknowledged=5, now_ms=6_000)) == DELETE


# --- reporting -----------------------------------------------------------------------------------


@covers(S.REPORTING, StreamsWithdrawn)
def test_a_withdrawn_stream_is_deleted_once_its_last_frame_has_arrived() -> None:
    streams = reporting()
    streams.withdraw(ids(1), last_frame=5)
    assert streams.states() == {ONE: S.WITHDRAWING}
    assert streams.request_next(C1, acknowledged=4, now_ms=2_000) == ()
    effects = streams.request_next(C1, acknowledged=5, now_ms=2_000)
    assert effects == (RequestOperation(operation=DELETE),)
    assert streams.deadline_ms == 7_000


@covers(S.REPORTING, StreamProposed)
def test_a_stream_is_proposed_again_to_a_consumer_that_has_forgotten_it() -> None:
    streams = reporting()
    assert streams.announced(acknowledged=3) == (performance(1),)
    assert streams.states() == {ONE: S.PROPOSED}


# --- withdrawing ---------------------------------------------------------------------------------


@covers(S.WITHDRAWING, StreamRemoved)
def test_a_deleted_stream_is_forgotten() -> None:
    streams, operation = withdrawing()
    assert streams.answered(deleted(operation), now_ms=2_500) == []
    assert streams.states() == {}
    assert streams.deadline_ms is None


@covers(S.WITHDRAWING, StreamRemoved)
def test_a_withdrawn_stream_is_not_announced_to_a_consumer_that_has_forgotten_it() -> None:
    streams, _ = withdrawing()
    assert streams.announced(acknowledged=5) == ()
    assert streams.states() == {}


@covers(S.WITHDRAWING, StreamKept)
def test_a_stream_that_the_consumer_does_not_delete_is_still_reported() -> None:
    streams, operation = withdrawing()
    refusal = NotPermitted("the connection belongs to another identity")
    effects = streams.answered(refused(operation, refusal), now_ms=2_500)
    assert effects == [ReportStream(stream_id=ONE, exception=refusal)]
    assert streams.states() == {ONE: S.REPORTING}
    assert streams.deadline_ms is None
    assert streams.request_next(C1, acknowledged=9, now_ms=2_600) == ()


@covers(S.WITHDRAWING, DeadlineReached)
def test_a_deletion_that_got_no_answer_is_asked_for_again() -> None:
    streams, first = withdrawing()
    streams.give_up_request()
    assert streams.states() == {ONE: S.WITHDRAWING}
    assert streams.deadline_ms is None
    again = operation_of(streams.request_next(C1, acknowledged=5, now_ms=7_000))
    assert again == DELETE
    assert streams.answered(deleted(first), now_ms=7_100) == []  # too late
    assert streams.states() == {ONE: S.WITHDRAWING}


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()
