"""Requests in, row by row of TS 28.532 12.5.1 and its YAML; then every way to ask badly."""

from __future__ import annotations

import json

import pytest

from mnstream.adapters.http import HttpLimits
from mnstream.adapters.rest import (
    Call,
    HttpProblem,
    HttpRequest,
    RestLimits,
    Shape,
    connection_of_upgrade,
    decode_request,
    is_upgrade,
)
from mnstream.core.errors import (
    LimitExceeded,
    MalformedRequest,
    OperationError,
    UnexpectedStreams,
)
from mnstream.core.operations import (
    AddStream,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.profiles import REL18, STRICT, Profile
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.validation import info_chars
from mnstream.core.values import (
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)

BASE = "/3GPPManagement/StreamingDataReportingMnS/v1800"
DN = "SubNetwork=ABCNetwork,SubNetwork=MUC01,GNBDUFunction=XYZ0100"
LIMITS = RestLimits()

STREAM = StreamInfo(
    stream_id=StreamId("26F452550021"),
    stream_type=StreamType.PERFORMANCE,
    serialization_format=SerializationFormat.GPB,
    additional_info=PerformanceInfo(meas_obj_dn=DN, performance_metrics=("RRU.PrbUsedDl",)),
)
STREAM_JSON = f"""{{
    "streamType": "PERFORMANCE", "serializationFormat": "GPB", "streamId": "26F452550021",
    "additionalInfo": {{"measObjDn": "{DN}", "performanceMetrics": ["RRU.PrbUsedDl"]}}
}}"""
ESTABLISH = EstablishStreamingConnection(producer_id=ProducerId(DN), stream_info_list=(STREAM,))
ADD = AddStream(connection_id=ConnectionId("c1"), stream_info_list=(STREAM,))

Headers = tuple[tuple[str, str], ...]


def ask(
    method: str,
    path: str,
    body: str | bytes = b"",
    *,
    headers: Headers = (),
    profile: Profile = REL18,
    limits: RestLimits = LIMITS,
) -> Call:
    content = body.encode() if isinstance(body, str) else body
    request = HttpRequest(method=method, target=BASE + path, headers=headers, body=content)
    return decode_request(request, base_path=BASE, profile=profile, limits=limits)


def problem_of(method: str, path: str, body: str = "", *, headers: Headers = ()) -> HttpProblem:
    with pytest.raises(HttpProblem) as caught:
        ask(method, path, body, headers=headers)
    return caught.value


def error_of(
    method: str,
    path: str,
    body: str | bytes = b"",
    *,
    profile: Profile = REL18,
    limits: RestLimits = LIMITS,
) -> OperationError:
    with pytest.raises(OperationError) as caught:
        ask(method, path, body, profile=profile, limits=limits)
    return caught.value


def streams(*names: str) -> tuple[StreamId, ...]:
    return tuple(map(StreamId, names))


def connections(*names: str) -> tuple[ConnectionId, ...]:
    return tuple(map(ConnectionId, names))


# --- what each resource and method means --------------------------------------------------------


@pytest.mark.parametrize(
    ("producer", "streams_name"),
    [
        ("producer", "streams"),
        ("producerId", "streamInfoList"),  # rows 1 and 2
        ("producerId", "StreamInfoList"),
    ],
)
def test_establish(producer: str, streams_name: str) -> None:
    body = f'{{"{producer}": "{DN}", "{streams_name}": [{STREAM_JSON}]}}'
    assert ask("POST", "/connections", body).operation == ESTABLISH


def test_establish_without_streams_is_for_the_core_to_judge() -> None:
    operation = ask("POST", "/connections", '{"producer": "p", "streams": []}').operation
    assert operation == EstablishStreamingConnection(
        producer_id=ProducerId("p"), stream_info_list=()
    )


@pytest.mark.parametrize(
    "body", [f"[{STREAM_JSON}]", f'{{"streamInfoList": [{STREAM_JSON}]}}'], ids=["yaml", "row 3"]
)
def test_add_stream(body: str) -> None:
    assert ask("POST", "/connections/c1/streams", body).operation == ADD


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("streamIds=a", ("a",)),
        ("streamIds=a&streamIds=b", ("a", "b")),  # up to Rel-18: form, explode
        ("streamIds=a,b", ("a", "b")),  # Rel-19: form, no explode
        ("streamIds=a,b&streamIds=c", ("a", "b", "c")),  # row 6: mixed
        ("streamIdList=a,b", ("a", "b")),  # row 5
        ("streamIdList=a&streamIds=b", ("a", "b")),
        ("streamIds=b,a,b&streamIds=a", ("b", "a")),  # each once, in order
        ("streamIds=a%2Cb,c", ("a,b", "c")),  # split first, decode afterwards
        ("streamIds=a%2Fb", ("a/b",)),
        ("streamIds=a+b", ("a+b",)),  # a URI is no form
        ("streamIds=%C3%A9%20", ("\u00e9 ",)),
        ("stream%49ds=a", ("a",)),
        ("streamIds=&streamIds=a&&x=1", ("a",)),
    ],
)
def test_delete_and_get_streams_name_them_in_the_query(
    query: str, expected: tuple[str, ...]
) -> None:
    path = f"/connections/c1/streams?{query}"
    connection_id, stream_ids = ConnectionId("c1"), streams(*expected)
    assert ask("DELETE", path) == Call(
        operation=DeleteStream(connection_id=connection_id, stream_id_list=stream_ids)
    )
    assert ask("GET", path) == Call(
        operation=GetStreamInfo(connection_id=connection_id, stream_id_list=stream_ids)
    )


@pytest.mark.parametrize("query", ["", "?", "?streamIds", "?streamIds=", "?other=1"])
def test_row_7_no_stream_means_all_for_get_and_nothing_for_delete(query: str) -> None:
    path = f"/connections/c1/streams{query}"
    assert ask("GET", path).operation == GetStreamInfo(connection_id=ConnectionId("c1"))
    assert error_of("DELETE", path) == MalformedRequest(
        "streamIds is missing: DELETE names the streams to delete"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ()),
        ("?connectionIdList=", ()),
        ("?connectionIdList=c1", ("c1",)),
        ("?connectionIdList=c1,c2&connectionIdList=c3", ("c1", "c2", "c3")),
        # Row 16: a URI, absolute or relative, encoded or not; the same connection counts once.
        ("?connectionIdList=https%3A%2F%2Fh%3A1%2Fv1%2Fconnections%2Fc1,c1", ("c1",)),
        ("?connectionIdList=https://h/connections/c1,/connections/c2", ("c1", "c2")),
        ("?connectionIdList=connections%2Fa%252Fb", ("a/b",)),
        ("?connectionIdList=a%252Fb", ("a%2Fb",)),
    ],
)
def test_get_connections(query: str, expected: tuple[str, ...]) -> None:
    assert ask("GET", f"/connections{query}") == Call(
        operation=GetConnectionInfo(connection_id_list=connections(*expected))
    )


def test_get_one_connection() -> None:
    assert ask("GET", "/connections/a%2Fb") == Call(
        operation=GetConnectionInfo(connection_id_list=connections("a/b")), shape=Shape.ONE
    )


def test_get_one_stream() -> None:
    assert ask("GET", "/connections/c1/streams/26F452550021") == Call(
        operation=GetStreamInfo(
            connection_id=ConnectionId("c1"), stream_id_list=streams("26F452550021")
        ),
        shape=Shape.ONE,
    )


def test_the_target_may_be_absolute() -> None:
    request = HttpRequest(method="GET", target=f"http://h:80{BASE}/connections?x")
    assert decode_request(request, base_path=BASE, profile=REL18).operation == GetConnectionInfo()


# --- upgrades -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", (("Upgrade", "websocket"), ("Connection", "Upgrade")), True),
        ("GET", (("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade")), True),
        ("GET", (("Upgrade", "h2c, websocket"), ("Connection", "a, UPGRADE")), True),
        ("GET", (("Upgrade", "websocket"), ("Connection", "a"), ("Connection", "upgrade")), True),
        ("GET", (("Upgrade", "websocket"),), False),
        ("GET", (("Connection", "Upgrade"),), False),
        ("GET", (("Upgrade", "h2c"), ("Connection", "Upgrade")), False),
        ("GET", (("Upgrade", "websockets"), ("Connection", "Upgrade")), False),
        ("POST", (("Upgrade", "websocket"), ("Connection", "Upgrade")), False),
        ("GET", (), False),
    ],
)
def test_row_23_an_upgrade_is_a_get_that_asks_for_one(
    method: str, headers: Headers, expected: bool
) -> None:
    request = HttpRequest(method=method, target="/connections/c", headers=headers)
    assert is_upgrade(request) is expected


def test_the_connection_of_an_upgrade() -> None:
    request = HttpRequest(method="GET", target=f"{BASE}/connections/a%20b?x=1")
    assert connection_of_upgrade(request, base_path=BASE) == "a b"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/connections", 400),
        ("/connections/c/streams", 400),
        ("/connections/%zz", 400),
        ("/connections/", 404),
        ("/other", 404),
        ("/connections/" + "x" * 20_000, 414),
    ],
)
def test_nothing_else_upgrades(path: str, status: int) -> None:
    request = HttpRequest(method="GET", target=BASE + path)
    with pytest.raises(HttpProblem) as caught:
        connection_of_upgrade(request, base_path=BASE)
    assert caught.value.status == status


# --- what HTTP refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/connection",
        "/connections/",
        "/connections/c/",
        "/connections/c/other",
        "/connections//streams",
        "/connections/c/streams/",
        "/connections/c/streams/s/x",
    ],
)
def test_unknown_paths(path: str) -> None:
    problem = problem_of("GET", path)
    assert problem.status == 404
    assert problem.exception == MalformedRequest(
        f"no such resource; they begin with {BASE}/connections"
    )


def test_a_path_outside_the_root_is_unknown() -> None:
    for target in ("/connections", f"{BASE}x/connections", "*", "", "http://h"):
        with pytest.raises(HttpProblem) as caught:
            decode_request(HttpRequest(method="GET", target=target), base_path=BASE, profile=REL18)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/connections", "GET, POST"),
        ("/connections/c", "GET"),
        ("/connections/c/streams", "DELETE, GET, POST"),
        ("/connections/c/streams/s", "GET"),
    ],
)
def test_a_method_that_a_resource_does_not_have(path: str, allow: str) -> None:
    every = {"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "get", "CONNECT"}
    for method in every - set(allow.split(", ")):
        problem = problem_of(method, path)
        assert (problem.status, problem.headers) == (405, (("Allow", allow),))


@pytest.mark.parametrize("path", ["/connections/%", "/connections/%ff", "/connections/\u00e9"])
def test_a_path_that_is_not_percent_encoded(path: str) -> None:
    assert problem_of("GET", path).status == 400


def test_a_target_that_is_too_long() -> None:
    problem = problem_of("GET", "/connections?x=" + "y" * LIMITS.target_bytes_max)
    assert problem.status == 414
    assert isinstance(problem.exception, LimitExceeded)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "Application/JSON",
        "text/html, */*;q=0.1",
        "application/json;charset=utf-8",
        "application/json; Q=0.5",
        "application/json;q=x",
        "application/json, */*;q=0",
    ],
)
def test_answers_that_a_client_takes(accept: str) -> None:
    assert ask("GET", "/connections", headers=(("Accept", accept),)).shape is Shape.LIST


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "*/*;q=0",
        "application/xml, text/*",
        "application/json;q=0",
        "application/json; q=0.0, */*",
        "application/*;q=0, */*",
        "application/problem+json",
    ],
)
def test_answers_that_a_client_does_not_take(accept: str) -> None:
    problem = problem_of("GET", "/connections", headers=(("Accept", accept),))
    assert (problem.status, problem.exception) == (
        406,
        MalformedRequest("answers are application/json"),
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Content-Type", "application/json"),),
        (("content-type", "Application/JSON; charset=UTF-8"), ("Content-Encoding", "identity")),
    ],
)
def test_types_of_a_body(headers: Headers) -> None:
    body = f"[{STREAM_JSON}]"
    assert ask("POST", "/connections/c1/streams", body, headers=headers).operation == ADD


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("Content-Type", "text/plain", ("Accept", "application/json")),
        ("Content-Type", "application/merge-patch+json", ("Accept", "application/json")),
        ("Content-Type", "", ("Accept", "application/json")),
        ("Content-Encoding", "gzip", ("Accept-Encoding", "identity")),
    ],
)
def test_other_types_of_a_body(name: str, value: str, hint: tuple[str, str]) -> None:
    problem = problem_of("POST", "/connections", "{}", headers=((name, value),))
    assert (problem.status, problem.headers) == (415, (hint,))


# --- content that is not what the operation looks like ------------------------------------------


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("", "the body is empty"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        (b"\xff", "not UTF-8"),
        ('{"a": 1, "a": 2}', "an object has two members of the same name"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "the number 1e999 does not fit into 64 bits"),
        (f"[{'1' * 65}]", "a number has more than 64 characters"),
        (f"[0.{'1' * 65}]", "a number has more than 64 characters"),
        (r'["\ud800"]', "half of a surrogate pair"),
        ("[" * 33 + "]" * 33, "nested deeper than 32 levels"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ("[" * 1_000_000, "more than 400000 values"),
        ('"text"', "the body is not an object"),
        ("[]", "the body is not an object"),
        ("{}", "producer is missing"),
        ('{"producer": "p"}', "streams is missing"),
        ('{"producer": null, "streams": []}', "producer is missing"),
        ('{"producer": 1, "streams": []}', "producer is not a string"),
        ('{"producer": "p", "streams": {}}', "streams is not an array of streams"),
        (
            '{"producer": "p", "producerId": "p", "streams": []}',
            "producer and producerId are the same member",
        ),
    ],
)
def test_bad_bodies_of_establish(body: str | bytes, detail: str) -> None:
    assert error_of("POST", "/connections", body) == MalformedRequest(detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("5", "the body is not an array of streams"),
        ("{}", "streamInfoList is missing"),
        ('{"streamInfoList": 5}', "the body is not an array of streams"),
    ],
)
def test_bad_bodies_of_add_stream(body: str, detail: str) -> None:
    assert error_of("POST", "/connections/c/streams", body) == MalformedRequest(detail)


GOOD_STREAM = STREAM_JSON.replace("26F452550021", "7")
BAD_STREAMS = f'[{GOOD_STREAM}, {{"streamId": "x"}}, 5]'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/connections", f'{{"producer": "p", "streams": {BAD_STREAMS}}}'),
        ("/connections/c/streams", BAD_STREAMS),
    ],
)
def test_streams_that_cannot_be_understood_are_unexpected(path: str, body: str) -> None:
    error = error_of("POST", path, body)
    assert isinstance(error, UnexpectedStreams)
    assert error.reasons == (("x", "streamType is missing"), ("", "a stream is not an object"))


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ('{"a": [1, 2], "b": {}}', 8),  # brackets and commas
        ('["a, b", "[[[", "\\",\\"", "\\\\"]', 5),
        ("[" + '"",' * 9 + "1]", 11),
        ("]" * 9, 9),
    ],
)
def test_the_number_of_values_is_bounded(body: str, values: int) -> None:
    def refusal(values_max: int) -> str:
        limits = RestLimits(json_values_max=values_max)
        return str(error_of("POST", "/connections", body, limits=limits))

    assert refusal(values - 1) == f"malformedRequest: more than {values - 1} values"
    assert "values" not in refusal(values)


def test_a_body_that_is_nothing_but_quotes_is_not_even_split() -> None:
    limits = RestLimits(json_values_max=1)
    error = error_of("POST", "/connections", '""' * 3, limits=limits)
    assert error == MalformedRequest("more than 1 values")


def test_ten_thousand_ordinary_streams_fit_into_one_body() -> None:
    metrics = [f"RRU.PrbUsedDl.{number}" for number in range(12)]
    streams = [
        {
            "streamId": str(2**62 + number),
            "streamType": "PERFORMANCE",
            "serializationFormat": "GPB",
            "additionalInfo": {
                "measObjDn": f"SubNetwork=1,ManagedElement=2,GNBDUFunction=3,NRCellDU={number}",
                "performanceMetrics": metrics,
            },
        }
        for number in range(10_000)
    ]
    body = json.dumps({"producer": "p", "streams": streams})
    assert len(body) < HttpLimits().body_bytes_max
    operation = ask("POST", "/connections", body).operation
    assert isinstance(operation, EstablishStreamingConnection)
    assert sum(map(info_chars, operation.stream_info_list)) < (
        ConsumerConfig().connection_info_chars_max
    )


def test_json_that_looks_deeper_than_it_is() -> None:
    producer = r"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\"
    body = f'\ufeff{{"producer": "{producer}", "streams": []}}'
    operation = ask("POST", "/connections", body).operation
    assert isinstance(operation, EstablishStreamingConnection)
    assert operation.producer_id == json.loads(f'"{producer}"')


def test_whole_surrogate_pairs_are_text() -> None:
    body = r'{"producer": "\ud83d\ude00", "streams": []}'
    operation = ask("POST", "/connections", body).operation
    assert isinstance(operation, EstablishStreamingConnection)
    assert operation.producer_id == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("streamIds=a,,b", "a list in the query has an empty item"),
        ("streamIds=,", "a list in the query has an empty item"),
        ("streamIds=%", "'%' is not percent-encoded"),
        ("streamIds=%f", "'%f' is not percent-encoded"),
        ("streamIds=%ff", "'%ff' is not UTF-8"),
        ("%ff=a", "'%ff' is not UTF-8"),
    ],
)
def test_bad_queries(query: str, detail: str) -> None:
    path = f"/connections/c/streams?{query}"
    assert error_of("GET", path) == MalformedRequest(detail)
    assert error_of("DELETE", path) == MalformedRequest(detail)


@pytest.mark.parametrize("reference", ["https://h/connections/", "/", "..", "a/.."])
def test_a_reference_without_a_connection(reference: str) -> None:
    assert error_of("GET", f"/connections?connectionIdList={reference}") == MalformedRequest(
        "a connection has no identifier"
    )


def test_strict_refuses_aliases_and_unknown_members() -> None:
    establish = f'{{"producer": "{DN}", "streams": [{STREAM_JSON}], "x": 1}}'
    assert ask("POST", "/connections", establish).operation == ESTABLISH
    assert error_of("POST", "/connections", establish, profile=STRICT) == MalformedRequest(
        "the body has the unknown member x"
    )
    alias = f'{{"producerId": "{DN}", "streams": []}}'
    assert error_of("POST", "/connections", alias, profile=STRICT) == MalformedRequest(
        "producer is missing"
    )
    wrapped = f'{{"streamInfoList": [{STREAM_JSON}]}}'
    assert error_of("POST", "/connections/c1/streams", wrapped, profile=STRICT) == MalformedRequest(
        "the body is not an array of streams"
    )
    for query in ("streamIdList=a", "streamIds=a&x=1"):
        error = error_of("DELETE", f"/connections/c1/streams?{query}", profile=STRICT)
        name = query.rpartition("&")[2].partition("=")[0]
        assert error == MalformedRequest(f"unknown query parameter {name}")
    for method, path in [
        ("POST", "/connections"),
        ("POST", "/connections/c/streams"),
        ("GET", "/connections/c"),
        ("GET", "/connections/c/streams/s"),
    ]:
        error = error_of(method, f"{path}?x=1", profile=STRICT)
        assert error == MalformedRequest("unknown query parameter x")


def test_limits_of_lists() -> None:
    small = RestLimits(identifiers_max=2, streams_max=1)
    two = f"[{STREAM_JSON}, {STREAM_JSON}]"
    assert error_of("POST", "/connections/c/streams", two, limits=small) == LimitExceeded(
        "more than 1 streams in one request"
    )
    assert error_of("GET", "/connections?connectionIdList=a,b,c", limits=small) == LimitExceeded(
        "more than 2 identifiers in the query"
    )
    assert ask("GET", "/connections?connectionIdList=a,b,b", limits=small).shape is Shape.LIST


@pytest.mark.parametrize(
    "query",
    ["connectionIdList=a%2Cb", "connectionIdList=a,b", "connectionIdList=a&connectionIdList=b"],
)
def test_connections_may_be_listed_in_every_way(query: str) -> None:
    assert ask("GET", f"/connections?{query}").operation == GetConnectionInfo(
        connection_id_list=(ConnectionId("a"), ConnectionId("b"))
    )
