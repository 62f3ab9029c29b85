"""Whatever arrives, a reader ends in one of the outcomes that its docstring lists."""

from __future__ import annotations

import json

from hypothesis import event, given
from hypothesis import strategies as st

from mnstream.adapters.rest import (
    Call,
    HttpProblem,
    HttpRequest,
    HttpResponse,
    connection_of_upgrade,
    decode_outcome,
    decode_request,
    encode_problem,
    encode_request,
    is_upgrade,
)
from mnstream.core.errors import OperationError, RemoteProtocolError
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.profiles import REL19, Profile
from mnstream.core.values import Status
from tests import strategies as values

BASE = "/root"

# Pieces of what a reader looks for, so that its deeper parts are reached, too.
member_names = st.sampled_from(
    [
        *("producer", "producerId", "streams", "streamInfoList", "streamId", "streamType"),
        *("serializationFormat", "additionalInfo", "measObjDn", "performanceMetrics"),
        *("measTypes", "jobId", "traceInfo", "analyticsInfo", "vsDataContainer", "vsData"),
        *("connection", "connectionId", "streamInfo", "reporters", "connectionInfoList"),
        *("error", "errorInfo", "errorReason", "streamInfoSumList", "streamIdList"),
    ]
)
member_values = st.sampled_from(
    ["TRACE", "PERFORMANCE", "ANALYTICS", "PROPRIETARY", "GPB", "ASN1", "unknownStreamId: 1", "a/b"]
)
trees = st.recursive(
    values.json_values | member_values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(member_names | values.texts, inner, max_size=6)
    ),
    max_leaves=20,
)
bodies = st.one_of(
    st.binary(max_size=40),
    trees.map(lambda tree: json.dumps(tree).encode()),
    st.text(st.sampled_from('[]{}":,\\u1e-d80 NaInfity'), max_size=30).map(str.encode),
)
methods = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "", "\0"])
pieces = st.sampled_from(
    [
        *("/connections", "/", "/streams", "/c", "?", "streamIds=", "connectionIdList=", "&"),
        *(",", "=", "%", "%2F", "%ff", "%2C", "%C3%A9", "//", "..", "#", "http://h"),
        *("\u00e9", "\ud800"),
    ]
)
targets = st.lists(pieces, max_size=8).map("".join)
headers = st.lists(
    st.tuples(
        st.sampled_from(["Accept", "Content-Type", "Content-Encoding", "Upgrade", "Connection"]),
        st.sampled_from(["application/json", "*/*;q=0", "q=;q", "websocket", "upgrade", "", ",;"])
        | values.texts,
    ),
    max_size=2,
).map(tuple)
requests = st.builds(
    HttpRequest,
    method=methods,
    target=targets | targets.map(BASE.__add__) | values.texts,
    headers=headers,
    body=bodies,
)
responses = st.builds(
    HttpResponse,
    status=st.sampled_from([101, 200, 201, 202, 204, 301, 400, 404, 409, 500, 503, 999]),
    headers=st.lists(st.tuples(st.just("Location"), targets | values.texts), max_size=1).map(tuple),
    body=bodies,
)


def refusal_of(request: HttpRequest, profile: Profile) -> HttpProblem | OperationError | None:
    try:
        call = decode_request(request, base_path=BASE, profile=profile)
    except (HttpProblem, OperationError) as problem:
        return problem
    assert type(call) is Call
    return None


def check_request(request: HttpRequest, profile: Profile) -> None:
    problem = refusal_of(request, profile)
    if problem is not None:
        status = problem.status if isinstance(problem, HttpProblem) else problem.http_status
        assert encode_problem(problem, request=request).status == status
    event(str(problem)[:15])


@given(request=requests, profile=values.profiles)
def test_any_request(request: HttpRequest, profile: Profile) -> None:
    check_request(request, profile)


@given(
    resource=st.sampled_from(["/connections", "/connections/c/streams"]),
    body=bodies,
    profile=values.profiles,
)
def test_any_body(resource: str, body: bytes, profile: Profile) -> None:
    check_request(HttpRequest(method="POST", target=BASE + resource, body=body), profile)


@given(operation=values.control_operations, profile=values.profiles, data=st.data())
def test_a_good_request_with_some_bytes_changed(
    operation: ControlOperation, profile: Profile, data: st.DataObject
) -> None:
    good = encode_request(operation, base_path=BASE, profile=profile)
    text = f"{good.target}\0{good.body.decode()}"
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    changed = text[:start] + data.draw(values.texts | values.awkward) + text[end:]
    target, _, body = changed.partition("\0")
    request = HttpRequest(
        method=good.method, target=target, headers=good.headers, body=body.encode()
    )
    check_request(request, profile)


def status_of_upgrade(request: HttpRequest) -> int:
    try:
        assert connection_of_upgrade(request, base_path=BASE)
    except HttpProblem as problem:
        return problem.status
    return 101


@given(request=requests)
def test_any_upgrade(request: HttpRequest) -> None:
    assert is_upgrade(request) in {True, False}
    assert status_of_upgrade(request) in {101, 400, 404, 414}


def reading_of(
    operation: ControlOperation, response: HttpResponse, profile: Profile
) -> Outcome | RemoteProtocolError:
    try:
        return decode_outcome(operation, response, profile=profile)
    except RemoteProtocolError as problem:
        return problem


@given(operation=values.control_operations, response=responses, profile=values.profiles)
def test_any_answer(operation: ControlOperation, response: HttpResponse, profile: Profile) -> None:
    result = reading_of(operation, response, profile)
    if isinstance(result, RemoteProtocolError):
        event("broken")
        assert type(result) is RemoteProtocolError
    else:
        event(result.status.value)
        assert (result.exception is None) == (result.status is Status.SUCCESS)


@given(operation=values.control_operations, body=bodies)
def test_the_body_of_a_failure_never_hides_it(operation: ControlOperation, body: bytes) -> None:
    outcome = decode_outcome(operation, HttpResponse(status=500, body=body), profile=REL19)
    assert outcome.status is Status.FAILURE
