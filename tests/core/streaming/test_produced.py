"""Streams of a producer and the requests for them: TS 28.532 11.5.1.4-5."""

from __future__ import annotations

from mnstream.core.effects import ReportStream, RequestOperation
from mnstream.core.errors import (
    DuplicateStream,
    LimitExceeded,
    NotPermitted,
    OperationError,
    Unavailable,
    UnexpectedStreams,
    UnknownConnection,
    UnknownStreamId,
)
from mnstream.core.events import OperationAnswered, OperationFailed
from mnstream.core.lifecycles.stream import StreamState
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.produced import ProducedStreams
from mnstream.core.values import Status, StreamId
from tests.core.support import C1, C2, ids, operation_of, performance, refused

CONFIG = ProducerConfig(request_timeout_ms=5_000, back_off_max_ms=1_600)


def wanting(*names: int) -> ProducedStreams:
    streams = ProducedStreams(CONFIG)
    streams.offer(map(performance, names))
    return streams


def reporting(*names: int) -> ProducedStreams:
    streams = wanting(*names)
    streams.announced(0)
    streams.accepted()
    return streams


def asked(streams: ProducedStreams, acknowledged: int = 0, now_ms: int = 0) -> ControlOperation:
    return operation_of(streams.request_next(C1, acknowledged, now_ms))


def adding(*names: int) -> AddStream:
    return AddStream(connection_id=C1, stream_info_list=tuple(map(performance, names)))


def deleting(*names: int) -> DeleteStream:
    return DeleteStream(connection_id=C1, stream_id_list=ids(*names))


def failed_partly(
    operation: ControlOperation, exception: OperationError, *added: int
) -> OperationAnswered:
    outcome = (
        AddStreamOutcome(
            status=Status.PARTIAL_SUCCESS,
            stream_info_list=tuple(map(performance, added)),
            exception=exception,
        )
        if isinstance(operation, AddStream)
        else DeleteStreamOutcome(status=Status.PARTIAL_SUCCESS, exception=exception)
    )
    return OperationAnswered(operation=operation, outcome=outcome)


def reports(*names: int, exception: OperationError | None = None) -> list[ReportStream]:
    return [ReportStream(stream_id=StreamId(str(name)), exception=exception) for name in names]


def states(streams: ProducedStreams) -> dict[str, StreamState]:
    return {str(name): state for name, state in streams.states().items()}


WANTED, PROPOSED = StreamState.WANTED, StreamState.PROPOSED
REPORTING, WITHDRAWING = StreamState.REPORTING, StreamState.WITHDRAWING

# --- adding --------------------------------------------------------------------------------------


def test_wanted_streams_go_into_one_request() -> None:
    streams = wanting(1, 2)
    assert ids(1)[0] in streams
    assert ids(3)[0] not in streams
    assert asked(streams) == adding(1, 2)


def test_only_one_request_is_under_way() -> None:
    streams = wanting(1)
    first = asked(streams)
    streams.offer((performance(2),))
    assert streams.request_next(C1, 0, 100) == ()
    success = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(1),))
    answer = OperationAnswered(operation=first, outcome=success)
    assert streams.answered(answer, 200) == reports(1)
    assert asked(streams, now_ms=200) == adding(2)


def test_a_stream_that_is_offered_again_keeps_its_place() -> None:
    streams = reporting(1)
    streams.offer((performance(1), performance(2)))
    assert asked(streams) == adding(2)


def test_streams_that_the_consumer_calls_duplicates_are_there() -> None:
    streams = wanting(1, 2)
    exception = DuplicateStream(identifiers=ids(1, 2))
    assert streams.answered(refused(asked(streams), exception), 100) == reports(1, 2)
    assert states(streams) == {"1": REPORTING, "2": REPORTING}


def test_after_a_partial_success_all_are_there() -> None:
    streams = wanting(1, 2)
    answer = failed_partly(asked(streams), DuplicateStream(identifiers=ids(1)), 2)
    assert streams.answered(answer, 100) == reports(1, 2)


def test_many_streams_are_added_in_several_requests() -> None:
    streams = wanting(*range(1, 2_501))
    sizes: list[int] = []
    while effects := streams.request_next(C1, 0, 0):
        operation = operation_of(effects)
        assert isinstance(operation, AddStream)
        sizes.append(len(operation.stream_info_list))
        added = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=operation.stream_info_list)
        streams.answered(OperationAnswered(operation=operation, outcome=added), 0)
    assert sizes == [1_000, 1_000, 500]


def test_a_refusal_is_for_the_streams_that_it_names_and_for_no_other() -> None:
    streams = reporting(3)
    streams.offer(map(performance, (1, 2)))
    exception = UnexpectedStreams("1: no", identifiers=ids(1))
    request = asked(streams)
    streams.offer((performance(4),))
    assert streams.answered(refused(request, exception), 100) == reports(1, exception=exception)
    assert states(streams) == {"3": REPORTING, "2": PROPOSED, "4": WANTED}
    assert asked(streams) == adding(2, 4)


def consumer_without(streams: ProducedStreams, *bad: int) -> tuple[list[int], list[ReportStream]]:
    """Answer all requests as a consumer does that says only that something is unexpected."""
    sizes: list[int] = []
    reported: list[ReportStream] = []
    while effects := streams.request_next(C1, 0, 0):
        operation = operation_of(effects)
        assert isinstance(operation, AddStream)
        sizes.append(len(operation.stream_info_list))
        answer = refused(operation, UnexpectedStreams("something"))
        if not any(performance(each) in operation.stream_info_list for each in bad):
            added = AddStreamOutcome(
                status=Status.SUCCESS, stream_info_list=operation.stream_info_list
            )
            answer = OperationAnswered(operation=operation, outcome=added)
        for effect in streams.answered(answer, 0):
            assert isinstance(effect, ReportStream)
            reported.append(effect)
    return sizes, reported


def test_the_bad_stream_is_found_when_the_consumer_does_not_name_it() -> None:
    streams = wanting(*range(1, 9))
    sizes, reported = consumer_without(streams, 3)
    assert sizes == [8, 4, 2, 4, 2, 1, 1, 2, 2]
    unexpected = UnexpectedStreams("something")
    assert [each for each in reported if each.exception is not None] == reports(
        3, exception=unexpected
    )
    assert states(streams) == {str(each): REPORTING for each in range(1, 9) if each != 3}


def test_a_bad_stream_among_a_thousand_costs_few_requests() -> None:
    sizes, reported = consumer_without(wanting(*range(1, 1_001)), 777)
    assert len(reported) == 1_000
    assert len(sizes) < 40


def test_who_may_not_ask_is_not_asked_again_for_fewer() -> None:
    streams = wanting(1, 2)
    exception = NotPermitted("the connection belongs to another identity")
    request = asked(streams)
    assert streams.answered(refused(request, exception), 100) == reports(1, 2, exception=exception)
    assert streams.request_next(C1, 0, 100) == ()


def test_a_failure_without_an_exception_is_no_success() -> None:
    streams = wanting(1)
    outcome = AddStreamOutcome(status=Status.FAILURE)
    answer = OperationAnswered(operation=asked(streams), outcome=outcome)
    exception = OperationError("refused without a reason")
    assert streams.answered(answer, 100) == reports(1, exception=exception)


def test_a_limit_is_a_refusal() -> None:
    streams = wanting(1)
    exception = LimitExceeded("too many")
    assert streams.answered(refused(asked(streams), exception), 100) == reports(
        1, exception=exception
    )


# --- the same identifier again -------------------------------------------------------------------

OTHER = performance(1, metrics=("other",))


def succeeded(operation: ControlOperation) -> OperationAnswered:
    if isinstance(operation, AddStream):
        added = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=operation.stream_info_list)
        return OperationAnswered(operation=operation, outcome=added)
    deleted = DeleteStreamOutcome(status=Status.SUCCESS)
    return OperationAnswered(operation=operation, outcome=deleted)


def test_a_stream_that_is_withdrawn_and_offered_again_is_deleted_and_added() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 0)
    delete = asked(streams)
    assert streams.offer((OTHER,)) == []
    streams.give_up_request()  # and the wish is not given up
    delete = asked(streams)
    assert delete == deleting(1)
    assert streams.answered(succeeded(delete), 100) == []
    assert states(streams) == {"1": WANTED}
    assert streams.is_asking
    add = asked(streams)
    assert add == AddStream(connection_id=C1, stream_info_list=(OTHER,))
    assert streams.answered(succeeded(add), 200) == reports(1)


def test_a_stream_that_is_offered_again_and_withdrawn_again_is_gone() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 0)
    streams.offer((OTHER,))
    streams.withdraw(ids(1), 9)
    assert streams.answered(succeeded(asked(streams)), 100) == []
    assert states(streams) == {}


def test_a_new_connection_hears_of_the_stream_as_it_is_wanted_now() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 5)
    streams.offer((OTHER,))
    assert streams.announced(acknowledged=5) == (OTHER,)
    assert streams.accepted() == reports(1)


def test_a_stream_that_is_not_withdrawn_cannot_become_another_one() -> None:
    exception = DuplicateStream(
        "its StreamInfo is another one until it is withdrawn", identifiers=ids(1)
    )
    for streams in (wanting(1), reporting(1)):
        assert streams.offer((OTHER, performance(1), performance(2))) == reports(
            1, exception=exception
        )
    streams.withdraw(ids(1), 0)
    assert streams.offer((OTHER, performance(1))) == reports(1, exception=exception)


def test_what_the_consumer_did_not_delete_is_not_offered_as_another_one() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 0)
    streams.offer((OTHER,))
    exception = NotPermitted("the connection belongs to another identity")
    assert streams.answered(refused(asked(streams), exception), 100) == reports(
        1, exception=exception
    )
    assert streams.request_next(C1, 0, 100) == ()
    assert len(streams.offer((OTHER,))) == 1
    assert streams.announced(0) == (performance(1),)


# --- answers that may be better later ------------------------------------------------------------


def assert_asked_again_at(streams: ProducedStreams, deadline_ms: int) -> None:
    assert streams.deadline_ms == deadline_ms
    assert streams.request_next(C1, 9, deadline_ms - 1) == ()
    streams.give_up_request()
    assert asked(streams, 9, deadline_ms) == adding(1)


def test_no_answer_is_asked_again_after_a_while() -> None:
    streams = wanting(1)
    failed = OperationFailed(operation=asked(streams), reason="no route")
    assert streams.answered(failed, 100) == []
    assert states(streams) == {"1": PROPOSED}
    assert_asked_again_at(streams, 1_700)


def test_a_temporary_refusal_is_asked_again_after_a_while() -> None:
    streams = wanting(1)
    assert streams.answered(refused(asked(streams), Unavailable("full")), 100) == []
    assert_asked_again_at(streams, 1_700)


def test_streams_are_not_given_up_because_the_consumer_lost_the_connection() -> None:
    streams = wanting(1)
    unknown = UnknownConnection(identifiers=(C1,))
    assert streams.answered(refused(asked(streams), unknown), 100) == []
    assert_asked_again_at(streams, 1_700)


def test_the_time_for_an_answer_counts_from_the_request() -> None:
    streams = wanting(1)
    asked(streams, now_ms=1_000)
    assert streams.deadline_ms == 6_000


# --- deleting ------------------------------------------------------------------------------------


def test_all_streams_whose_frames_have_arrived_go_into_one_request() -> None:
    streams = reporting(1, 2, 3)
    streams.withdraw(ids(3, 1), 5)
    streams.withdraw(ids(2), 6)
    assert asked(streams, acknowledged=5) == deleting(1, 3)
    assert states(streams) == dict.fromkeys("123", WITHDRAWING)


def test_streams_are_added_before_others_are_deleted() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 0)
    streams.offer((performance(2),))
    assert asked(streams) == adding(2)


def test_a_second_withdrawal_does_not_postpone_the_first() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 5)
    streams.withdraw(ids(1), 9)
    assert asked(streams, acknowledged=5) == deleting(1)


def test_an_unknown_stream_is_gone() -> None:
    streams = reporting(1)
    streams.withdraw(ids(1), 0)
    unknown = UnknownStreamId(identifiers=ids(1))
    assert streams.answered(refused(asked(streams), unknown), 100) == []
    assert states(streams) == {}


def test_when_some_are_unknown_nothing_was_deleted_and_the_others_are_asked_for_again() -> None:
    streams = reporting(1, 2, 3)
    streams.withdraw(ids(1, 2, 3), 0)
    unknown = UnknownStreamId(identifiers=ids(2))
    assert streams.answered(refused(asked(streams), unknown), 100) == []
    assert states(streams) == {"1": WITHDRAWING, "3": WITHDRAWING}
    assert asked(streams) == deleting(1, 3)


def test_when_the_consumer_does_not_say_which_are_unknown_they_are_deleted_one_by_one() -> None:
    streams = reporting(1, 2, 3)
    streams.withdraw(ids(1, 2), 0)
    assert streams.answered(refused(asked(streams), UnknownStreamId("some")), 100) == []
    assert asked(streams) == deleting(1)
    assert streams.answered(refused(deleting(1), UnknownStreamId("it")), 200) == []  # not ours
    streams.give_up_request()
    first = asked(streams)
    assert streams.answered(refused(first, UnknownStreamId("it")), 200) == []
    assert asked(streams) == deleting(2)


def test_one_by_one_ends_with_the_streams_that_needed_it() -> None:
    streams = reporting(1, 2, 3, 4)
    streams.withdraw(ids(1, 2), 0)
    streams.answered(refused(asked(streams), UnknownStreamId("some")), 100)
    success = DeleteStreamOutcome(status=Status.SUCCESS)
    for _ in range(2):
        streams.answered(OperationAnswered(operation=asked(streams), outcome=success), 200)
    assert streams.request_next(C1, 0, 300) == ()
    streams.withdraw(ids(3, 4), 0)
    assert asked(streams) == deleting(3, 4)


def test_after_a_partial_success_all_are_gone() -> None:
    streams = reporting(1, 2)
    streams.withdraw(ids(1, 2), 0)
    answer = failed_partly(asked(streams), UnknownStreamId(identifiers=ids(2)))
    assert streams.answered(answer, 100) == []
    assert states(streams) == {}


def test_what_the_consumer_refuses_to_delete_is_kept_and_not_asked_for_again() -> None:
    streams = reporting(1, 2)
    streams.withdraw(ids(1, 2), 0)
    exception = LimitExceeded("too many")
    assert streams.answered(refused(asked(streams), exception), 100) == []
    for name in (1, 2):
        request = asked(streams)
        assert request == deleting(name)
        assert streams.answered(refused(request, exception), 100) == reports(
            name, exception=exception
        )
    assert states(streams) == {"1": REPORTING, "2": REPORTING}
    assert streams.request_next(C1, 0, 100) == ()


# --- another connection --------------------------------------------------------------------------


def test_a_new_connection_is_told_all_that_is_wanted_or_not_yet_gone() -> None:
    streams = reporting(1, 2, 3)
    streams.offer((performance(4),))
    streams.withdraw(ids(2), 5)
    streams.withdraw(ids(3), 6)
    # Frame 6 has to be sent again, and may belong to stream 3.
    assert streams.announced(acknowledged=5) == tuple(map(performance, (1, 3, 4)))
    assert states(streams) == {"1": PROPOSED, "3": WITHDRAWING, "4": PROPOSED}
    assert streams.accepted() == reports(1, 4)
    effects = streams.request_next(C2, 6, 100)
    delete = DeleteStream(connection_id=C2, stream_id_list=ids(3))
    assert effects == (RequestOperation(operation=delete),)


def test_a_request_of_the_connection_before_is_given_up() -> None:
    streams = wanting(1)
    request = asked(streams)
    streams.announced(0)
    assert streams.deadline_ms is None
    success = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(performance(1),))
    assert streams.answered(OperationAnswered(operation=request, outcome=success), 100) == []
    assert states(streams) == {"1": PROPOSED}


def test_whether_the_consumer_still_has_to_answer() -> None:
    assert wanting(1).is_asking
    proposed = wanting(1)
    proposed.announced(0)
    assert proposed.is_asking
    withdrawn = reporting(1)
    withdrawn.withdraw(ids(1), 0)
    assert withdrawn.is_asking
    assert not reporting(1).is_asking
    assert not ProducedStreams(CONFIG).is_asking


def test_many_streams_are_deleted_in_several_requests() -> None:
    streams = reporting(*range(1, 251))
    streams.withdraw(ids(*range(1, 251)), 0)
    sizes: list[int] = []
    while effects := streams.request_next(C1, 0, 0):
        [request] = effects
        assert isinstance(request, RequestOperation)
        operation = request.operation
        assert isinstance(operation, DeleteStream)
        sizes.append(len(operation.stream_id_list))
        outcome = DeleteStreamOutcome(status=Status.SUCCESS)
        streams.answered(OperationAnswered(operation=operation, outcome=outcome), 0)
    assert sizes == [100, 100, 50]
