"""Every operation and every exception: TS 28.532 11.5.1; contradictions 9, 17, 28, 29."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.effects import Answer, Store
from mnstream.core.errors import (
    DuplicateStream,
    LimitExceeded,
    MalformedRequest,
    NotPermitted,
    OperationError,
    Unavailable,
    UnexpectedStreams,
    UnknownConnection,
    UnknownConnectionId,
    UnknownStreamId,
)
from mnstream.core.events import OperationRequested, StopRequested
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetConnectionInfoOutcome,
    GetStreamInfo,
    GetStreamInfoOutcome,
    Outcome,
)
from mnstream.core.profiles import REL19, Profile
from mnstream.core.records import ConnectionEstablished, StreamsChanged
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.validation import info_chars
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    ProducerId,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
    StreamType,
)
from tests.core.support import (
    C1,
    C2,
    GNB,
    establish,
    frozen,
    ids,
    new_consumer,
    one,
    performance,
    requested,
    stream,
)

C3 = ConnectionId("c3")
AMF = ProducerId("amf7")
PARTIAL = replace(REL19, name="partial", partial_delete=True)
BAD = stream("x", StreamType.PERFORMANCE)


def outcome_of(
    consumer: StreamingConsumer,
    operation: ControlOperation,
    *,
    identity: str = "",
    connection_id: ConnectionId = C1,
) -> Outcome:
    """Ask for an operation that changes nothing, and see that it did not."""
    before = frozen(consumer.connections)
    event = requested(operation, identity=identity, connection_id=connection_id)
    answer = one(consumer.handle(event, now_ms=1_000), Answer)
    assert frozen(consumer.connections) == before
    return answer.outcome


def refuse_establish(
    consumer: StreamingConsumer, *streams: StreamInfo, producer_id: ProducerId = GNB
) -> OperationError:
    operation = EstablishStreamingConnection(producer_id=producer_id, stream_info_list=streams)
    outcome = outcome_of(consumer, operation, connection_id=C2)
    assert isinstance(outcome, EstablishOutcome)
    assert outcome.status is Status.FAILURE
    assert outcome.connection_id is None
    assert outcome.exception is not None
    assert consumer.counts.operations_refused == {outcome.exception.name: 1}
    return outcome.exception


def with_c1(
    *streams: StreamInfo, config: ConsumerConfig | None = None, profile: Profile = REL19
) -> StreamingConsumer:
    """Make a consumer with connection c1 of gnb1, at identity "CN=gnb1"."""
    consumer = new_consumer(config, profile=profile)
    consumer.handle(establish(*streams, identity="CN=gnb1", wall_ms=5), now_ms=0)
    return consumer


def add(*streams: StreamInfo, identity: str = "CN=gnb1") -> OperationRequested:
    operation = AddStream(connection_id=C1, stream_info_list=streams)
    return requested(operation, identity=identity, wall_ms=8)


def delete(*names: int | str, identity: str = "CN=gnb1") -> OperationRequested:
    operation = DeleteStream(connection_id=C1, stream_id_list=ids(*names))
    return requested(operation, identity=identity, wall_ms=8)


def streams_of(consumer: StreamingConsumer) -> list[str]:
    return list(consumer.connections.existing(C1).streams)


# --- establishStreamingConnection ----------------------------------------------------------------


def test_establish_creates_a_connection_and_stores_it_before_it_answers() -> None:
    consumer = new_consumer()
    event = establish(performance(1), performance(2), identity="CN=gnb1", wall_ms=5)
    assert consumer.handle(event, now_ms=0) == (
        Store(
            record=ConnectionEstablished(
                connection_id=C1,
                producer_id=GNB,
                identity="CN=gnb1",
                streams_version=1,
                stream_info_list=(performance(1), performance(2)),
                wall_ms=5,
            )
        ),
        Answer(outcome=EstablishOutcome(status=Status.SUCCESS, connection_id=C1)),
    )
    assert consumer.counts.connections_established == 1
    assert consumer.counts.operations_refused == {}


def test_one_producer_may_have_several_connections() -> None:
    consumer = with_c1()
    consumer.handle(establish(performance(1), connection_id=C2), now_ms=0)
    assert len(consumer.connections) == 2
    assert [connection.streams_version for connection in consumer.connections] == [1, 2]


def test_one_unexpected_stream_and_there_is_no_connection_and_a_reason_for_each() -> None:
    consumer = new_consumer()
    no_part = stream("7", StreamType.PERFORMANCE)
    no_format = stream("8", StreamType.TRACE, None)
    exception = refuse_establish(consumer, no_part, performance(1), no_format)
    assert exception == UnexpectedStreams(
        "7: PERFORMANCE needs measObjDn and performanceMetrics;"
        " 8: the serialization format is missing",
        identifiers=("7", "8"),
        reasons=(
            ("7", "PERFORMANCE needs measObjDn and performanceMetrics"),
            ("8", "the serialization format is missing"),
        ),
    )
    assert len(consumer.connections) == 0
    assert consumer.next_deadline_ms() is None


def test_the_text_of_many_unexpected_streams_is_bounded_but_every_reason_is_given() -> None:
    consumer = new_consumer()
    bad = tuple(stream(str(number), StreamType.PERFORMANCE) for number in range(12))
    exception = refuse_establish(consumer, *bad)
    assert len(exception.reasons) == len(exception.identifiers) == 12
    assert str(exception).count(";") == 9


def test_a_stream_identifier_given_twice_is_unexpected_at_establish() -> None:
    exception = refuse_establish(new_consumer(), performance(1), performance(2), performance(1))
    assert exception == UnexpectedStreams(
        "1: the stream identifier is given twice",
        identifiers=("1",),
        reasons=(("1", "the stream identifier is given twice"),),
    )


def test_a_stream_that_is_both_bad_and_given_twice_is_bad_twice() -> None:
    exception = refuse_establish(new_consumer(), BAD, BAD)
    assert [reason for _, reason in exception.reasons] == [
        "PERFORMANCE needs measObjDn and performanceMetrics"
    ] * 2


def test_no_streams_are_unexpected_unless_the_profile_allows_it() -> None:
    exception = refuse_establish(new_consumer())
    assert exception == UnexpectedStreams("the list of streams is empty")
    lenient = new_consumer(profile=replace(REL19, allow_no_streams=True))
    operation = EstablishStreamingConnection(producer_id=GNB, stream_info_list=())
    effects = lenient.handle(requested(operation), now_ms=0)
    success = EstablishOutcome(status=Status.SUCCESS, connection_id=C1)
    assert effects[-1] == Answer(outcome=success)


def test_a_producer_has_a_name_of_bounded_length() -> None:
    empty = refuse_establish(new_consumer(), performance(1), producer_id=ProducerId(""))
    assert empty == MalformedRequest("producerId is empty")
    config = ConsumerConfig(text_chars_max=30)
    long = refuse_establish(new_consumer(config), performance(1), producer_id=ProducerId("x" * 31))
    assert long == LimitExceeded("producerId is longer than 30 characters")
    fits = establish(performance(1), producer_id=ProducerId("x" * 30))
    assert len(new_consumer(config).handle(fits, now_ms=0)) == 2


def test_a_producer_need_not_be_named_by_a_dn() -> None:
    consumer = new_consumer()
    assert len(consumer.handle(establish(producer_id=AMF), now_ms=0)) == 2


def test_a_full_consumer_is_unavailable_for_now() -> None:
    consumer = new_consumer(ConsumerConfig(connections_max=1))
    consumer.handle(establish(), now_ms=0)
    exception = refuse_establish(consumer, performance(1))
    assert exception == Unavailable("there are 1 connections already")
    assert exception.temporary


def test_a_stopping_consumer_is_unavailable_for_now() -> None:
    consumer = new_consumer()
    consumer.handle(StopRequested(), now_ms=0)
    exception = refuse_establish(consumer, performance(1))
    assert exception == Unavailable("the consumer is stopping")


def test_the_number_of_streams_is_bounded() -> None:
    consumer = new_consumer(ConsumerConfig(streams_per_connection_max=2))
    exception = refuse_establish(consumer, *map(performance, (1, 2, 3)))
    assert exception == LimitExceeded("more than 2 streams")
    assert len(consumer.handle(establish(*map(performance, (1, 2))), now_ms=0)) == 2


def test_the_characters_of_all_streams_of_a_connection_are_bounded() -> None:
    chars = sum(info_chars(performance(each)) for each in (1, 2))
    config = ConsumerConfig(connection_info_chars_max=chars)
    exception = refuse_establish(new_consumer(config), *map(performance, (1, 2, 3)))
    assert exception == LimitExceeded(f"StreamInfo of more than {chars} characters")
    consumer = with_c1(*map(performance, (1, 2)), config=config)
    outcome = outcome_of(consumer, add(performance(3)).operation, identity="CN=gnb1")
    assert outcome == AddStreamOutcome(status=Status.FAILURE, exception=exception)
    outcome = outcome_of(consumer, add(performance(1)).operation, identity="CN=gnb1")
    assert outcome.exception == DuplicateStream(identifiers=("1",))  # which needs no room
    consumer.handle(delete(2), now_ms=0)
    assert len(consumer.handle(add(performance(3)), now_ms=0)) == 2


# --- addStream -----------------------------------------------------------------------------------


def test_add_streams() -> None:
    consumer = with_c1(performance(1))
    assert consumer.handle(add(performance(2), performance(3)), now_ms=0) == (
        Store(
            record=StreamsChanged(
                connection_id=C1,
                streams_version=2,
                added=(performance(2), performance(3)),
                removed=(),
                wall_ms=8,
            )
        ),
        Answer(
            outcome=AddStreamOutcome(
                status=Status.SUCCESS, stream_info_list=(performance(2), performance(3))
            )
        ),
    )
    assert streams_of(consumer) == ["1", "2", "3"]


def test_a_change_of_streams_is_no_new_connection_and_no_sign_of_life() -> None:
    consumer = with_c1(performance(1))
    consumer.handle(add(performance(2)), now_ms=30_000)
    consumer.handle(delete(1), now_ms=40_000)
    assert consumer.counts.connections_established == 1
    assert consumer.next_deadline_ms() == 60_000


def test_of_duplicates_and_new_streams_only_the_new_are_added() -> None:
    """Row 59: identifiers make a duplicate, and what was agreed stays in force."""
    consumer = with_c1(performance(1))
    other = performance(1, metrics=("other",))
    effects = consumer.handle(add(other, performance(2)), now_ms=0)
    assert effects[1] == Answer(
        outcome=AddStreamOutcome(
            status=Status.PARTIAL_SUCCESS,
            stream_info_list=(performance(2),),
            exception=DuplicateStream(identifiers=("1",)),
        )
    )
    assert consumer.connections.existing(C1).streams == {
        "1": performance(1),
        "2": performance(2),
    }
    assert consumer.counts.operations_refused == {}


def test_duplicates_inside_one_request_count_as_duplicates() -> None:
    consumer = with_c1(performance(1))
    second = performance(2, metrics=("other",))
    effects = consumer.handle(add(performance(2), second), now_ms=0)
    assert effects[1] == Answer(
        outcome=AddStreamOutcome(
            status=Status.PARTIAL_SUCCESS,
            stream_info_list=(performance(2),),
            exception=DuplicateStream(identifiers=("2",)),
        )
    )


def test_nothing_but_duplicates_is_a_failure() -> None:
    consumer = with_c1(performance(1), performance(2))
    outcome = outcome_of(
        consumer, add(performance(2), performance(1)).operation, identity="CN=gnb1"
    )
    exception = DuplicateStream(identifiers=("2", "1"))
    assert outcome == AddStreamOutcome(status=Status.FAILURE, exception=exception)
    assert exception.http_status == 409
    assert consumer.counts.operations_refused == {"duplicateStream": 1}


def test_one_unexpected_stream_and_nothing_is_added() -> None:
    consumer = with_c1(performance(1))
    outcome = outcome_of(consumer, add(performance(2), BAD).operation, identity="CN=gnb1")
    reason = "PERFORMANCE needs measObjDn and performanceMetrics"
    assert outcome == AddStreamOutcome(
        status=Status.FAILURE,
        exception=UnexpectedStreams(f"x: {reason}", identifiers=("x",), reasons=(("x", reason),)),
    )


def test_an_empty_list_of_streams_is_malformed() -> None:
    consumer = with_c1()
    outcome = outcome_of(consumer, add().operation, identity="CN=gnb1")
    exception = MalformedRequest("the list of streams is empty")
    assert outcome == AddStreamOutcome(status=Status.FAILURE, exception=exception)


def test_no_more_streams_than_the_limit_can_be_added() -> None:
    consumer = with_c1(performance(1), config=ConsumerConfig(streams_per_connection_max=2))
    outcome = outcome_of(consumer, add(*map(performance, (2, 3))).operation, identity="CN=gnb1")
    exception = LimitExceeded("more than 2 streams")
    assert outcome == AddStreamOutcome(status=Status.FAILURE, exception=exception)


def test_a_request_that_is_repeated_at_the_limit_gets_the_answer_of_a_repetition() -> None:
    consumer = with_c1(performance(1), config=ConsumerConfig(streams_per_connection_max=3))
    event = add(performance(2), performance(3))
    consumer.handle(event, now_ms=0)  # and the answer is lost
    exception = DuplicateStream(identifiers=("2", "3"))
    assert outcome_of(consumer, event.operation, identity="CN=gnb1") == AddStreamOutcome(
        status=Status.FAILURE, exception=exception
    )


def test_a_request_is_not_longer_than_the_limit_even_if_it_adds_nothing() -> None:
    consumer = with_c1(performance(1), config=ConsumerConfig(streams_per_connection_max=2))
    outcome = outcome_of(consumer, add(*(performance(1),) * 3).operation, identity="CN=gnb1")
    exception = LimitExceeded("more than 2 streams")
    assert outcome == AddStreamOutcome(status=Status.FAILURE, exception=exception)


def test_streams_can_be_added_while_the_consumer_stops() -> None:
    consumer = with_c1()
    consumer.handle(StopRequested(), now_ms=0)
    assert len(consumer.handle(add(performance(2)), now_ms=0)) == 2


# --- deleteStream --------------------------------------------------------------------------------


def test_delete_streams() -> None:
    consumer = with_c1(*map(performance, (1, 2, 3)))
    assert consumer.handle(delete(3, 1), now_ms=0) == (
        Store(
            record=StreamsChanged(
                connection_id=C1, streams_version=2, added=(), removed=ids(3, 1), wall_ms=8
            )
        ),
        Answer(outcome=DeleteStreamOutcome(status=Status.SUCCESS)),
    )
    assert streams_of(consumer) == ["2"]


def test_deleting_the_last_stream_does_not_end_the_connection() -> None:
    consumer = with_c1(performance(1))
    consumer.handle(delete(1), now_ms=0)
    assert streams_of(consumer) == []
    assert consumer.connections.stream_count == 0


def test_a_stream_named_twice_is_deleted_once() -> None:
    consumer = with_c1(performance(1))
    effects = consumer.handle(delete(1, 1), now_ms=0)
    assert effects[1] == Answer(outcome=DeleteStreamOutcome(status=Status.SUCCESS))


def test_by_default_one_unknown_stream_and_nothing_is_deleted() -> None:
    consumer = with_c1(performance(1))
    outcome = outcome_of(consumer, delete(1, 8, 9, 8).operation, identity="CN=gnb1")
    exception = UnknownStreamId(identifiers=("8", "9"))
    assert outcome == DeleteStreamOutcome(status=Status.FAILURE, exception=exception)
    assert str(exception) == "unknownStreamId: 8, 9"
    assert exception.http_status == 404


def test_a_profile_deletes_what_is_known() -> None:
    consumer = with_c1(performance(1), performance(2), profile=PARTIAL)
    effects = consumer.handle(delete(9, 1), now_ms=0)
    exception = UnknownStreamId(identifiers=("9",))
    assert effects[1] == Answer(
        outcome=DeleteStreamOutcome(status=Status.PARTIAL_SUCCESS, exception=exception)
    )
    assert streams_of(consumer) == ["2"]


def test_when_none_is_known_every_profile_fails() -> None:
    consumer = with_c1(performance(1), profile=PARTIAL)
    outcome = outcome_of(consumer, delete(8, 9).operation, identity="CN=gnb1")
    exception = UnknownStreamId(identifiers=("8", "9"))
    assert outcome == DeleteStreamOutcome(status=Status.FAILURE, exception=exception)


def test_a_stream_of_another_connection_is_unknown_on_this_one() -> None:
    consumer = with_c1(performance(1))
    consumer.handle(establish(performance(2), connection_id=C2), now_ms=0)
    outcome = outcome_of(consumer, delete(2).operation, identity="CN=gnb1")
    exception = UnknownStreamId(identifiers=("2",))
    assert outcome == DeleteStreamOutcome(status=Status.FAILURE, exception=exception)


def test_an_empty_list_of_identifiers_is_malformed() -> None:
    outcome = outcome_of(with_c1(), delete().operation, identity="CN=gnb1")
    exception = MalformedRequest("the list of stream identifiers is empty")
    assert outcome == DeleteStreamOutcome(status=Status.FAILURE, exception=exception)


# --- who may use a connection --------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["", "CN=gnb2"])
def test_a_connection_belongs_to_the_identity_that_created_it(identity: str) -> None:
    consumer = with_c1(performance(1))
    refusal = NotPermitted("the connection belongs to another identity")
    added = outcome_of(consumer, add(performance(2)).operation, identity=identity)
    assert added == AddStreamOutcome(status=Status.FAILURE, exception=refusal)
    deleted = outcome_of(consumer, delete(1).operation, identity=identity)
    assert deleted == DeleteStreamOutcome(status=Status.FAILURE, exception=refusal)
    assert refusal.http_status == 403
    assert consumer.counts.operations_refused == {"notPermitted": 2}


def test_an_unknown_connection() -> None:
    consumer = with_c1(performance(1))
    unknown = UnknownConnection(identifiers=("c9",))
    c9 = ConnectionId("c9")
    added = AddStream(connection_id=c9, stream_info_list=(performance(2),))
    assert outcome_of(consumer, added) == AddStreamOutcome(status=Status.FAILURE, exception=unknown)
    deleted = DeleteStream(connection_id=c9, stream_id_list=ids(1))
    assert outcome_of(consumer, deleted) == DeleteStreamOutcome(
        status=Status.FAILURE, exception=unknown
    )
    assert outcome_of(consumer, GetStreamInfo(connection_id=c9)) == GetStreamInfoOutcome(
        status=Status.FAILURE, exception=unknown
    )


# --- getConnectionInfo ---------------------------------------------------------------------------

INFO_1 = ConnectionInfo(connection_id=C1, stream_reporter=GNB, stream_id_list=ids(1, 2))
INFO_2 = ConnectionInfo(connection_id=C2, stream_reporter=AMF, stream_id_list=ids(2, 3))


def with_two() -> StreamingConsumer:
    """c1 of gnb1 reports streams 1 and 2, c2 of amf7 reports streams 2 and 3."""
    consumer = new_consumer()
    consumer.handle(establish(performance(1), performance(2)), now_ms=0)
    other = performance(2, metrics=("other",))
    consumer.handle(establish(other, performance(3), connection_id=C2, producer_id=AMF), now_ms=0)
    return consumer


@pytest.mark.parametrize(
    ("wanted", "status", "found", "unknown"),
    [
        ((), Status.SUCCESS, (INFO_1, INFO_2), ()),
        ((C2,), Status.SUCCESS, (INFO_2,), ()),
        ((C2, C1), Status.SUCCESS, (INFO_2, INFO_1), ()),
        ((C3, C1), Status.PARTIAL_SUCCESS, (INFO_1,), (C3,)),
        ((C3,), Status.FAILURE, (), (C3,)),
    ],
)
def test_get_connection_info(
    wanted: tuple[ConnectionId, ...],
    status: Status,
    found: tuple[ConnectionInfo, ...],
    unknown: tuple[ConnectionId, ...],
) -> None:
    outcome = outcome_of(with_two(), GetConnectionInfo(connection_id_list=wanted))
    assert outcome == GetConnectionInfoOutcome(
        status=status,
        connection_info_list=found,
        exception=UnknownConnectionId(identifiers=unknown) if unknown else None,
    )


def test_a_consumer_without_connections_has_no_connection_info() -> None:
    outcome = outcome_of(new_consumer(), GetConnectionInfo())
    assert outcome == GetConnectionInfoOutcome(status=Status.SUCCESS)


# --- getStreamInfo -------------------------------------------------------------------------------


def summed(number: int, *reporters: ProducerId, metrics: str = "") -> StreamInfoSum:
    info = performance(number, metrics=(metrics,)) if metrics else performance(number)
    return StreamInfoSum(stream_info=info, stream_reporters=reporters)


@pytest.mark.parametrize(
    ("connection_id", "wanted", "status", "found", "unknown"),
    [
        (C1, (), Status.SUCCESS, (summed(1, GNB), summed(2, GNB, AMF)), ()),
        (C2, (), Status.SUCCESS, (summed(2, GNB, AMF, metrics="other"), summed(3, AMF)), ()),
        (C2, (3,), Status.SUCCESS, (summed(3, AMF),), ()),
        (C1, (2, 1), Status.SUCCESS, (summed(2, GNB, AMF), summed(1, GNB)), ()),
        (C1, (3, 1), Status.PARTIAL_SUCCESS, (summed(1, GNB),), (3,)),
        (C1, (3,), Status.FAILURE, (), (3,)),
        (None, (), Status.SUCCESS, (summed(1, GNB), summed(2, GNB, AMF), summed(3, AMF)), ()),
        (None, (3, 2), Status.SUCCESS, (summed(3, AMF), summed(2, GNB, AMF)), ()),
        (None, (9, 3), Status.PARTIAL_SUCCESS, (summed(3, AMF),), (9,)),
        (None, (9,), Status.FAILURE, (), (9,)),
    ],
)
def test_get_stream_info(
    connection_id: ConnectionId | None,
    wanted: tuple[int, ...],
    status: Status,
    found: tuple[StreamInfoSum, ...],
    unknown: tuple[int, ...],
) -> None:
    operation = GetStreamInfo(connection_id=connection_id, stream_id_list=ids(*wanted))
    assert outcome_of(with_two(), operation) == GetStreamInfoOutcome(
        status=status,
        stream_info_sum_list=found,
        exception=UnknownStreamId(identifiers=ids(*unknown)) if unknown else None,
    )


def test_a_producer_that_reports_a_stream_on_two_connections_is_named_once() -> None:
    consumer = with_two()
    consumer.handle(establish(performance(2), connection_id=C3), now_ms=0)
    outcome = outcome_of(consumer, GetStreamInfo(connection_id=C3))
    assert outcome == GetStreamInfoOutcome(
        status=Status.SUCCESS, stream_info_sum_list=(summed(2, GNB, AMF),)
    )


def test_a_stream_has_no_reporter_any_more_when_each_has_deleted_it() -> None:
    consumer = with_two()
    for connection_id, reporters in ((C1, [AMF]), (C2, [])):
        operation = DeleteStream(connection_id=connection_id, stream_id_list=ids(2))
        consumer.handle(requested(operation), now_ms=0)
        outcome = outcome_of(consumer, GetStreamInfo(stream_id_list=ids(2)))
        assert isinstance(outcome, GetStreamInfoOutcome)
        named = [each.stream_reporters for each in outcome.stream_info_sum_list]
        assert named == ([tuple(reporters)] if reporters else [])


def test_a_connection_without_streams_has_no_stream_info() -> None:
    consumer = with_c1(performance(1))
    consumer.handle(delete(1), now_ms=0)
    outcome = outcome_of(consumer, GetStreamInfo(connection_id=C1))
    assert outcome == GetStreamInfoOutcome(status=Status.SUCCESS)


def test_a_list_whose_commas_were_encoded_is_a_list() -> None:
    consumer = new_consumer()
    consumer.handle(establish(performance(6), performance(7)), now_ms=0)
    [answer] = consumer.handle(
        requested(GetStreamInfo(connection_id=C1, stream_id_list=(StreamId("6,7"),))), now_ms=0
    )
    assert isinstance(answer, Answer)
    assert isinstance(answer.outcome, GetStreamInfoOutcome)
    found = [each.stream_info.stream_id for each in answer.outcome.stream_info_sum_list]
    assert found == ["6", "7"]
