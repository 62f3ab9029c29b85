"""Answers in: ours, those of other readings of the standard, and broken ones."""

from __future__ import annotations

import pytest

from mnstream.adapters.rest import HttpResponse, decode_outcome
from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    LimitExceeded,
    MalformedRequest,
    NotPermitted,
    OperationError,
    RemoteProtocolError,
    Unavailable,
    UnexpectedStreams,
    UnknownConnection,
    UnknownConnectionId,
    UnknownStreamId,
)
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
from mnstream.core.profiles import REL19, STRICT, Profile
from mnstream.core.values import (
    AnalyticsInfo,
    ConnectionId,
    ConnectionInfo,
    ProducerId,
    SerializationFormat,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
    StreamType,
)

C1, C2 = ConnectionId("c1"), ConnectionId("c2")


def stream(name: str) -> StreamInfo:
    return StreamInfo(
        stream_id=StreamId(name),
        stream_type=StreamType.ANALYTICS,
        serialization_format=SerializationFormat.GPB,
        additional_info=AnalyticsInfo(activity_details="load"),
    )


def stream_json(name: str) -> str:
    return (
        f'{{"streamType": "ANALYTICS", "serializationFormat": "GPB", "streamId": "{name}",'
        ' "additionalInfo": {"activityDetails": "load"}}'
    )


ESTABLISH = EstablishStreamingConnection(
    producer_id=ProducerId("p"), stream_info_list=(stream("s1"), stream("s2"))
)
ADD = AddStream(connection_id=C1, stream_info_list=(stream("s1"), stream("s2")))
DELETE = DeleteStream(connection_id=C1, stream_id_list=(StreamId("s1"), StreamId("s2")))
GET_CONNECTIONS = GetConnectionInfo(connection_id_list=(C1, C2))
GET_STREAMS = GetStreamInfo(connection_id=C1, stream_id_list=(StreamId("s1"), StreamId("s2")))
EVERY: list[ControlOperation] = [ESTABLISH, ADD, DELETE, GET_CONNECTIONS, GET_STREAMS]


def read(
    operation: ControlOperation,
    status: int,
    body: str = "",
    *,
    location: str | None = None,
    profile: Profile = REL19,
) -> Outcome:
    headers = () if location is None else (("location", location),)
    response = HttpResponse(status=status, headers=headers, body=body.encode())
    return decode_outcome(operation, response, profile=profile)


def failure(operation: ControlOperation, status: int, body: str = "") -> OperationError:
    outcome = read(operation, status, body)
    assert outcome.status is Status.FAILURE
    assert outcome.exception is not None
    return outcome.exception


# --- successes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        "https://collector.example:8443/mns/connections/a%20b",
        "/mns/connections/a%20b",
        "connections/a%20b",
        "a%20b",
        "wss://h/connections/a%20b?x=/y#/z",
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_row_16_the_connection_is_the_last_segment_of_the_location(
    location: str, status: int
) -> None:
    # Row 24: a body is a courtesy that nobody relies on, whatever it is.
    outcome = read(ESTABLISH, status, "<html>", location=location)
    assert outcome == EstablishOutcome(status=Status.SUCCESS, connection_id=ConnectionId("a b"))


@pytest.mark.parametrize("location", [None, "", "/", "/connections/", "https://h", "/a/..", "/%"])
def test_a_success_without_a_location_is_broken(location: str | None) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read(ESTABLISH, 201, location=location)
    assert type(caught.value) is RemoteProtocolError


@pytest.mark.parametrize(
    "body",
    [
        f"[{stream_json('s1')}, {stream_json('s2')}]",
        f'{{"streamInfoList": [{stream_json("s2")}, {stream_json("s1")}]}}',
        '["s1", "s2", "elder"]',
        "",
    ],
    ids=["yaml", "row 3", "identifiers", "nothing"],
)
def test_all_streams_were_added(body: str) -> None:
    outcome = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=ADD.stream_info_list)
    assert read(ADD, 201, body) == outcome


@pytest.mark.parametrize("status", [201, 202])
def test_some_streams_were_added(status: int) -> None:
    assert read(ADD, status, f"[{stream_json('s2')}]") == AddStreamOutcome(
        status=Status.PARTIAL_SUCCESS,
        stream_info_list=(stream("s2"),),
        exception=DuplicateStream(identifiers=("s1",)),
    )


@pytest.mark.parametrize("status", [200, 204])
def test_all_streams_were_deleted(status: int) -> None:
    assert read(DELETE, status) == DeleteStreamOutcome(status=Status.SUCCESS)


@pytest.mark.parametrize(
    ("body", "exception"),
    [
        (
            '{"error": {"errorInfo": "unknownStreamId: s2"}}',
            UnknownStreamId(identifiers=("s2",)),
        ),
        ('{"error": {"errorInfo": "s2 is not there"}}', UnknownStreamId("s2 is not there")),
        ("", UnknownStreamId()),
    ],
)
def test_row_9_some_streams_were_deleted(body: str, exception: OperationError) -> None:
    assert read(DELETE, 202, body) == DeleteStreamOutcome(
        status=Status.PARTIAL_SUCCESS, exception=exception
    )


CONNECTION = ConnectionInfo(
    connection_id=C1, stream_reporter=ProducerId("p"), stream_id_list=(StreamId("s1"),)
)


@pytest.mark.parametrize(
    "item",
    [
        '{"connection": "https://h/mns/connections/c1", "producer": "p", "streams": ["s1"]}',
        '{"connection": "c1", "producer": "p", "streams": ["s1"], "more": 1}',
        '{"connectionId": "/c1", "streamReporter": "p", "streamIdList": ["s1"]}',
    ],
    ids=["yaml", "token", "row 10"],
)
def test_connections_in_every_form(item: str) -> None:
    one = GetConnectionInfo(connection_id_list=(C1,))
    success = GetConnectionInfoOutcome(status=Status.SUCCESS, connection_info_list=(CONNECTION,))
    for body in (item, f"[{item}]", f'{{"connectionInfoList": [{item}]}}'):
        assert read(one, 200, body) == success
        partial = GetConnectionInfoOutcome(
            status=Status.PARTIAL_SUCCESS,
            connection_info_list=(CONNECTION,),
            exception=UnknownConnectionId(identifiers=("c2",)),
        )
        assert read(GET_CONNECTIONS, 202, body) == partial
        assert read(GET_CONNECTIONS, 200, body) == partial


def test_a_partial_answer_to_a_question_about_all() -> None:
    assert read(GetConnectionInfo(), 202, "[]") == GetConnectionInfoOutcome(
        status=Status.PARTIAL_SUCCESS, exception=UnknownConnectionId()
    )


def test_streams_in_every_form() -> None:
    item = f'{{"streamInfo": {stream_json("s1")}, "reporters": ["p", "q"]}}'
    named = item.replace("reporters", "streamReporters")
    reported = StreamInfoSum(
        stream_info=stream("s1"), stream_reporters=(ProducerId("p"), ProducerId("q"))
    )
    one = GetStreamInfo(connection_id=C1, stream_id_list=(StreamId("s1"),))
    for body in (item, f"[{item}]", f'{{"streamInfoSumList": [{named}]}}'):
        assert read(one, 200, body) == GetStreamInfoOutcome(
            status=Status.SUCCESS, stream_info_sum_list=(reported,)
        )
        assert read(GET_STREAMS, 202, body) == GetStreamInfoOutcome(
            status=Status.PARTIAL_SUCCESS,
            stream_info_sum_list=(reported,),
            exception=UnknownStreamId(identifiers=("s2",)),
        )


# --- failures -----------------------------------------------------------------------------------

TWO_REASONS = UnexpectedStreams(
    "s1: no DN; s2: no DN",
    identifiers=("s1", "s2"),
    reasons=(("s1", "no DN"), ("s2", "no DN")),
)


@pytest.mark.parametrize(
    "body",
    [
        """{"error": [{"streamId": "s1", "errorReason": "unexpectedStreams: no DN"},
        {"streamId": "s2", "errorReason": "no DN"}]}""",
        '{"error": {"streamId": ["s1", "s2"], "errorReason": "UnexpectedStreams no DN"}}',
    ],
    ids=["yaml", "tables"],
)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_row_11_a_failed_connection_names_streams(body: str, status: int) -> None:
    assert failure(ESTABLISH, status, body) == TWO_REASONS


def test_a_failed_connection_may_have_another_name() -> None:
    body = '{"error": [{"streamId": "s1", "errorReason": "duplicateStream: again"}]}'
    assert failure(ESTABLISH, 409, body) == DuplicateStream(
        "s1: again", identifiers=("s1",), reasons=(("s1", "again"),)
    )


@pytest.mark.parametrize(
    ("text", "exception"),
    [
        ("unexpectedStreams: no", UnexpectedStreams("no")),
        ("unknownConnection", UnknownConnection()),
        ("unknownConnection: c1", UnknownConnection(identifiers=("c1",))),
        ("  UnknownConnection - c1 is gone", UnknownConnection("- c1 is gone")),
        ("duplicateStream: s1,s2", DuplicateStream(identifiers=("s1", "s2"))),
        ("duplicateStream: s1, s3", DuplicateStream("s1, s3")),
        ("unknownStreamId:s2", UnknownStreamId(identifiers=("s2",))),
        ("unknownConnectionId: x", UnknownConnectionId("x")),
        ("malformedRequest: {", MalformedRequest("{")),
        ("notPermitted", NotPermitted()),
        ("connectionInUse", ConnectionInUse()),
        ("limitExceeded: 3", LimitExceeded("3")),
        ("unavailable: disk", Unavailable("disk")),
        ("operationFailed: x", OperationError("x")),
    ],
)
def test_the_first_word_names_the_exception_whatever_the_status(
    text: str, exception: OperationError
) -> None:
    for status in (400, 404, 500, 503):
        for body in (
            f'{{"error": {{"errorInfo": "{text}"}}}}',
            f'{{"error": {{"errorReason": "{text}"}}}}',
            f'{{"error": [{{"errorReason": "{text}"}}]}}',
            f'{{"error": "{text}"}}',
        ):
            assert failure(ADD, status, body) == exception


@pytest.mark.parametrize(
    ("operation", "status", "kind"),
    [
        *((operation, 400, MalformedRequest) for operation in EVERY),
        *((operation, 401, NotPermitted) for operation in EVERY),
        *((operation, 403, NotPermitted) for operation in EVERY),
        (ESTABLISH, 404, OperationError),
        (ADD, 404, UnknownConnection),
        (DELETE, 404, UnknownConnection),
        (GET_CONNECTIONS, 404, UnknownConnectionId),
        (GET_STREAMS, 404, UnknownConnection),
        (ADD, 409, DuplicateStream),
        (ESTABLISH, 409, OperationError),
        *((operation, 413, LimitExceeded) for operation in EVERY),
        *((operation, 414, LimitExceeded) for operation in EVERY),
        *((operation, 429, Unavailable) for operation in EVERY),
        *((operation, 500, Unavailable) for operation in EVERY),
        *((operation, 503, Unavailable) for operation in EVERY),
        *((operation, 307, OperationError) for operation in EVERY),
        *((operation, 418, OperationError) for operation in EVERY),
    ],
)
def test_without_a_name_the_status_decides(
    operation: ControlOperation, status: int, kind: type[OperationError]
) -> None:
    for body in ("", "<html>", "{}", "[]", "5", '{"error": null}', '{"error": {"errorInfo": 5}}'):
        assert failure(operation, status, body) == kind(f"HTTP {status}")
    told = failure(operation, status, '{"error": {"errorInfo": "the reason"}}')
    assert told == kind(f"HTTP {status}: the reason")


# --- neither ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        *((operation, 101, "") for operation in EVERY),
        *((operation, 206, "[]") for operation in EVERY),
        (ESTABLISH, 202, ""),
        (ADD, 204, ""),
        (ADD, 202, ""),
        (ADD, 201, "5"),
        (ADD, 201, "[5]"),
        (ADD, 201, "[{}]"),
        (GET_CONNECTIONS, 200, ""),
        (GET_CONNECTIONS, 200, "[[]]"),
        (GET_CONNECTIONS, 200, "{}"),
        (GET_CONNECTIONS, 200, '{"connectionInfoList": 5}'),
        (GET_CONNECTIONS, 200, '[{"connection": "", "producer": "p", "streams": []}]'),
        (GET_CONNECTIONS, 200, '[{"connection": "c", "producer": "p", "streams": [1]}]'),
        (GET_STREAMS, 200, '[{"streamInfo": {}, "reporters": []}]'),
        (GET_STREAMS, 200, f'[{{"streamInfo": {stream_json("s1")}}}]'),
        (GET_STREAMS, 200, "[" * 100_000),
    ],
)
def test_broken_answers(operation: ControlOperation, status: int, body: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read(operation, status, body)
    assert type(caught.value) is RemoteProtocolError
    assert str(caught.value).startswith(f"the answer {status} cannot be understood: ")


def test_strict_takes_the_names_of_the_yaml_alone() -> None:
    item = '{"connectionId": "c1", "streamReporter": "p", "streamIdList": []}'
    with pytest.raises(RemoteProtocolError):
        read(GET_CONNECTIONS, 200, item, profile=STRICT)
    item = '{"connection": "c1", "producer": "p", "streams": [], "more": 1}'
    with pytest.raises(RemoteProtocolError):
        read(GET_CONNECTIONS, 200, item, profile=STRICT)
