"""Messages out, with literal bytes, row by row of the YAML and of the contradictions."""

from __future__ import annotations

import json

import pytest

from mnstream.adapters.rest import (
    Call,
    HttpProblem,
    HttpRequest,
    HttpResponse,
    Shape,
    connection_path,
    encode_outcome,
    encode_problem,
    encode_request,
)
from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    LimitExceeded,
    LocalProtocolError,
    MalformedRequest,
    NotPermitted,
    OperationError,
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
)
from mnstream.core.profiles import REL16, REL18, REL19, STRICT, Profile
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
    StreamType,
    TraceInfo,
)

BASE = "/3GPPManagement/StreamingDataReportingMnS"
URL = f"https://collector.example{BASE}"
C1, C2 = ConnectionId("c1"), ConnectionId("c2")
S1, S2 = StreamId("26F452550021"), StreamId("a,b/c")
DN = "SubNetwork=ABCNetwork,SubNetwork=MUC01,GNBDUFunction=XYZ0100"
STREAM = StreamInfo(
    stream_id=S1,
    stream_type=StreamType.PERFORMANCE,
    serialization_format=SerializationFormat.GPB,
    additional_info=PerformanceInfo(meas_obj_dn=DN, performance_metrics=("RRU.PrbUsedDl",)),
)
STREAM_JSON = (
    '{"streamType":"PERFORMANCE","streamId":"26F452550021","serializationFormat":"GPB",'
    f'"additionalInfo":{{"measObjDn":"{DN}","performanceMetrics":["RRU.PrbUsedDl"]}}}}'
)


def asked(operation: ControlOperation, profile: Profile = REL19) -> tuple[str, str]:
    request = encode_request(operation, base_path=BASE, profile=profile)
    assert request.header("Accept") == "application/json"
    assert request.target.startswith(BASE)
    return request.method, request.target.removeprefix(BASE)


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [REL16, REL18, REL19, STRICT])
def test_rows_1_and_2_establish_is_written_as_the_yaml_says(profile: Profile) -> None:
    operation = EstablishStreamingConnection(producer_id=ProducerId(DN), stream_info_list=(STREAM,))
    body = f'{{"producer":"{DN}","streams":[{STREAM_JSON}]}}'.encode()
    assert encode_request(operation, base_path=BASE, profile=profile) == HttpRequest(
        method="POST",
        target=f"{BASE}/connections",
        headers=(
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ),
        body=body,
    )


def test_row_3_add_stream_is_a_bare_array() -> None:
    operation = AddStream(connection_id=C1, stream_info_list=(STREAM,))
    request = encode_request(operation, base_path=BASE, profile=REL19)
    assert (request.method, request.target) == ("POST", f"{BASE}/connections/c1/streams")
    assert request.body == f"[{STREAM_JSON}]".encode()


def test_row_6_arrays_follow_the_release() -> None:
    delete = DeleteStream(connection_id=C1, stream_id_list=(S1, S2))
    one = "/connections/c1/streams?streamIds=26F452550021,a%2Cb%2Fc"
    many = "/connections/c1/streams?streamIds=26F452550021&streamIds=a%2Cb%2Fc"
    assert asked(delete, REL19) == ("DELETE", one)
    assert asked(delete, STRICT) == ("DELETE", one)
    assert asked(delete, REL18) == ("DELETE", many)
    assert asked(delete, REL16) == ("DELETE", many)


@pytest.mark.parametrize(
    ("ids", "target"),
    [
        ((), "/connections"),
        (("c1",), "/connections/c1"),
        (("a b/c",), "/connections/a%20b%2Fc"),
        ((".",), "/connections?connectionIdList=."),
        (("c1", "c2"), "/connections?connectionIdList=c1,c2"),
        (("c1", "a/b"), "/connections?connectionIdList=c1,connections%2Fa%252Fb"),
    ],
)
def test_get_connection_info(ids: tuple[str, ...], target: str) -> None:
    operation = GetConnectionInfo(connection_id_list=tuple(map(ConnectionId, ids)))
    assert asked(operation) == ("GET", target)


@pytest.mark.parametrize(
    ("ids", "target"),
    [
        ((), "/connections/c1/streams"),
        (("s/1",), "/connections/c1/streams/s%2F1"),
        (("..",), "/connections/c1/streams?streamIds=.."),
        (("s1", "s2"), "/connections/c1/streams?streamIds=s1,s2"),
    ],
)
def test_get_stream_info(ids: tuple[str, ...], target: str) -> None:
    operation = GetStreamInfo(connection_id=C1, stream_id_list=tuple(map(StreamId, ids)))
    assert asked(operation) == ("GET", target)


@pytest.mark.parametrize(
    "operation",
    [
        GetStreamInfo(),
        DeleteStream(connection_id=C1, stream_id_list=()),
        DeleteStream(connection_id=C1, stream_id_list=(StreamId(""),)),
        DeleteStream(connection_id=C1, stream_id_list=(StreamId("\ud800"),)),
        AddStream(connection_id=ConnectionId(""), stream_info_list=()),
        AddStream(connection_id=ConnectionId(".."), stream_info_list=()),
        AddStream(
            connection_id=C1,
            stream_info_list=(
                StreamInfo(
                    stream_id=S1,
                    stream_type=StreamType.TRACE,
                    serialization_format=SerializationFormat.GPB,
                    additional_info=TraceInfo(attributes={"x": float("nan")}),
                ),
            ),
        ),
    ],
)
def test_what_http_cannot_say_is_refused(operation: ControlOperation) -> None:
    with pytest.raises(LocalProtocolError):
        encode_request(operation, base_path=BASE, profile=REL19)


def test_the_path_of_a_channel() -> None:
    assert connection_path(C1, base_path=f"{BASE}/") == f"{BASE}/connections/c1"


# --- answers that are successes -----------------------------------------------------------------

ESTABLISH = Call(
    operation=EstablishStreamingConnection(producer_id=ProducerId("p"), stream_info_list=(STREAM,))
)
ADD = Call(operation=AddStream(connection_id=C1, stream_info_list=(STREAM,)))
DELETE = Call(operation=DeleteStream(connection_id=C1, stream_id_list=(S1, S2)))
GET_CONNECTIONS = Call(operation=GetConnectionInfo())
GET_CONNECTION = Call(operation=GetConnectionInfo(connection_id_list=(C1,)), shape=Shape.ONE)
GET_STREAMS = Call(operation=GetStreamInfo(connection_id=C1))
GET_STREAM = Call(operation=GetStreamInfo(connection_id=C1, stream_id_list=(S1,)), shape=Shape.ONE)

CONNECTION = ConnectionInfo(connection_id=C1, stream_reporter=ProducerId(DN), stream_id_list=(S1,))
CONNECTION_JSON = (
    f'{{"connection":"{URL}/connections/c1","producer":"{DN}","streams":["26F452550021"]}}'
)
SUM = StreamInfoSum(stream_info=STREAM, stream_reporters=(ProducerId("p"), ProducerId("q")))
SUM_JSON = f'{{"streamInfo":{STREAM_JSON},"reporters":["p","q"]}}'


def with_body(status: int, text: str) -> HttpResponse:
    body = text.encode()
    length = ("Content-Length", str(len(body)))
    headers = (("Content-Type", "application/json"), length)
    return HttpResponse(status=status, headers=headers, body=body)


def test_rows_16_and_24_establish_answers_a_location_and_nothing_else() -> None:
    outcome = EstablishOutcome(status=Status.SUCCESS, connection_id=C1)
    for base_url in (URL, f"{URL}/"):
        assert encode_outcome(ESTABLISH, outcome, base_url=base_url) == HttpResponse(
            status=201,
            headers=(("Location", f"{URL}/connections/c1"), ("Content-Length", "0")),
        )


def test_add_stream_answers_what_was_added() -> None:
    outcome = AddStreamOutcome(status=Status.SUCCESS, stream_info_list=(STREAM,))
    assert encode_outcome(ADD, outcome, base_url=URL) == with_body(201, f"[{STREAM_JSON}]")
    partial = AddStreamOutcome(
        status=Status.PARTIAL_SUCCESS,
        stream_info_list=(STREAM,),
        exception=DuplicateStream(identifiers=("x",)),
    )
    assert encode_outcome(ADD, partial, base_url=URL) == with_body(202, f"[{STREAM_JSON}]")


def test_delete_stream_answers_nothing() -> None:
    outcome = DeleteStreamOutcome(status=Status.SUCCESS)
    assert encode_outcome(DELETE, outcome, base_url=URL) == HttpResponse(status=204)


def test_row_9_delete_stream_in_part() -> None:
    outcome = DeleteStreamOutcome(
        status=Status.PARTIAL_SUCCESS, exception=UnknownStreamId(identifiers=("a", "b"))
    )
    assert encode_outcome(DELETE, outcome, base_url=URL) == with_body(
        202, '{"error":{"errorInfo":"unknownStreamId: a, b"}}'
    )


def test_rows_4_and_10_connections_are_a_bare_array_with_the_names_of_the_yaml() -> None:
    outcome = GetConnectionInfoOutcome(status=Status.SUCCESS, connection_info_list=(CONNECTION,))
    listed = encode_outcome(GET_CONNECTIONS, outcome, base_url=URL)
    assert listed == with_body(200, f"[{CONNECTION_JSON}]")
    single = encode_outcome(GET_CONNECTION, outcome, base_url=URL)
    assert single == with_body(200, CONNECTION_JSON)
    partial = GetConnectionInfoOutcome(
        status=Status.PARTIAL_SUCCESS,
        connection_info_list=(CONNECTION,),
        exception=UnknownConnectionId(identifiers=("x",)),
    )
    answer = encode_outcome(GET_CONNECTIONS, partial, base_url=URL)
    assert answer == with_body(202, f"[{CONNECTION_JSON}]")
    nothing = GetConnectionInfoOutcome(status=Status.SUCCESS)
    assert encode_outcome(GET_CONNECTIONS, nothing, base_url=URL) == with_body(200, "[]")


def test_streams_come_with_their_reporters() -> None:
    outcome = GetStreamInfoOutcome(status=Status.SUCCESS, stream_info_sum_list=(SUM,))
    listed = encode_outcome(GET_STREAMS, outcome, base_url=URL)
    assert listed == with_body(200, f"[{SUM_JSON}]")
    assert encode_outcome(GET_STREAM, outcome, base_url=URL) == with_body(200, SUM_JSON)
    partial = GetStreamInfoOutcome(
        status=Status.PARTIAL_SUCCESS,
        stream_info_sum_list=(SUM,),
        exception=UnknownStreamId(identifiers=("x",)),
    )
    answer = encode_outcome(GET_STREAMS, partial, base_url=URL)
    assert answer == with_body(202, f"[{SUM_JSON}]")


@pytest.mark.parametrize(
    "outcome",
    [
        GetStreamInfoOutcome(status=Status.SUCCESS, stream_info_sum_list=(SUM, SUM)),
        GetStreamInfoOutcome(
            status=Status.PARTIAL_SUCCESS,
            stream_info_sum_list=(SUM,),
            exception=UnknownStreamId(identifiers=("9",)),
        ),
    ],
)
def test_a_name_with_commas_in_a_path_is_no_list(outcome: GetStreamInfoOutcome) -> None:
    operation = GetStreamInfo(connection_id=C1, stream_id_list=(StreamId("1,9"),))
    call = Call(operation=operation, shape=Shape.ONE)
    assert encode_outcome(call, outcome, base_url=URL) == with_body(
        404, '{"error":{"errorInfo":"unknownStreamId: 1,9"}}'
    )


# --- answers that are failures ------------------------------------------------------------------


def test_row_11_unexpected_streams_of_establish_come_one_by_one() -> None:
    exception = UnexpectedStreams("for people", reasons=(("1", "no DN"), ("2", "no metrics")))
    outcome = EstablishOutcome(status=Status.FAILURE, exception=exception)
    expected = with_body(
        400,
        '{"error":[{"streamId":"1","errorReason":"unexpectedStreams: no DN"},'
        '{"streamId":"2","errorReason":"unexpectedStreams: no metrics"}]}',
    )
    assert encode_outcome(ESTABLISH, outcome, base_url=URL) == expected
    request = HttpRequest(method="POST", target=f"{BASE}/connections?x=/y")
    assert encode_problem(exception, request=request) == expected


def test_unexpected_streams_of_establish_without_any_stream() -> None:
    exception = UnexpectedStreams("the list of streams is empty")
    outcome = EstablishOutcome(status=Status.FAILURE, exception=exception)
    assert encode_outcome(ESTABLISH, outcome, base_url=URL) == with_body(
        400, '{"error":[{"errorReason":"unexpectedStreams: the list of streams is empty"}]}'
    )


def test_unexpected_streams_of_add_stream_are_one_text() -> None:
    exception = UnexpectedStreams("1: no DN; 2: no metrics", reasons=(("1", "no DN"),))
    outcome = AddStreamOutcome(status=Status.FAILURE, exception=exception)
    expected = with_body(
        400, '{"error":{"errorInfo":"unexpectedStreams: 1: no DN; 2: no metrics"}}'
    )
    assert encode_outcome(ADD, outcome, base_url=URL) == expected
    request = HttpRequest(method="POST", target=f"{BASE}/connections/c1/streams")
    assert encode_problem(exception, request=request) == expected


@pytest.mark.parametrize(
    ("exception", "status", "text"),
    [
        (DuplicateStream(identifiers=("a", "b")), 409, "duplicateStream: a, b"),
        (UnknownConnection(), 404, "unknownConnection"),
        (UnknownStreamId(identifiers=("a",)), 404, "unknownStreamId: a"),
        (UnknownConnectionId(identifiers=("a",)), 404, "unknownConnectionId: a"),
        (MalformedRequest("not UTF-8"), 400, "malformedRequest: not UTF-8"),
        (NotPermitted("not yours"), 403, "notPermitted: not yours"),
        (ConnectionInUse(), 409, "connectionInUse"),
        (LimitExceeded("too much"), 413, "limitExceeded: too much"),
        (Unavailable("the disk is full"), 503, "unavailable: the disk is full"),
        (OperationError("broken"), 500, "operationFailed: broken"),
    ],
)
def test_every_exception_has_its_status_and_begins_with_its_name(
    exception: OperationError, status: int, text: str
) -> None:
    expected = with_body(status, json.dumps({"error": {"errorInfo": text}}, separators=(",", ":")))
    outcome = GetStreamInfoOutcome(status=Status.FAILURE, exception=exception)
    assert encode_outcome(GET_STREAM, outcome, base_url=URL) == expected
    assert encode_problem(exception, request=None) == expected
    failed = EstablishOutcome(status=Status.FAILURE, exception=exception)
    assert encode_outcome(ESTABLISH, failed, base_url=URL) == expected


def test_a_failure_without_an_exception_is_still_an_answer() -> None:
    outcome = DeleteStreamOutcome(status=Status.FAILURE)
    assert encode_outcome(DELETE, outcome, base_url=URL) == with_body(
        500, '{"error":{"errorInfo":"operationFailed"}}'
    )


def test_problems_keep_their_status_and_headers() -> None:
    problem = HttpProblem(405, MalformedRequest("no"), headers=(("Allow", "GET"),))
    answer = encode_problem(problem, request=HttpRequest(method="PUT", target="/"))
    assert answer.status == 405
    assert answer.header("allow") == "GET"
    assert answer.body == b'{"error":{"errorInfo":"malformedRequest: no"}}'
    head = encode_problem(problem, request=HttpRequest(method="HEAD", target="/"))
    assert head == HttpResponse(status=405, headers=answer.headers)
