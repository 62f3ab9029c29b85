"""What we send is what `specs/openapi/streaming.yaml` promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.rest import (
    Call,
    HttpResponse,
    Shape,
    encode_outcome,
    encode_problem,
    encode_request,
)
from mnstream.adapters.rest.decode import METHODS, Resource
from mnstream.adapters.rest.failures import EXCEPTIONS
from mnstream.core.errors import OperationError, UnexpectedStreams, UnknownStreamId
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
from mnstream.core.profiles import REL19
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    Json,
    ProducerId,
    Status,
    StreamInfo,
    StreamInfoSum,
)
from tests import strategies as values
from tests.adapters.rest.openapi import fault, load, members, resolve

DOCUMENT = load()
PATHS = members(DOCUMENT["paths"])
URL = "https://h/root"


def media_schema(content: Json) -> Json:
    return members(members(content)["application/json"])["schema"]


def check_answer(resource: Resource, method: str, response: HttpResponse) -> None:
    operation = members(members(PATHS[resource.value])[method])
    answers = members(operation["responses"])
    # A failure may have any status code, but a success only one that is written down.
    described = answers.get(str(response.status))
    if described is None:
        assert response.status >= 400
        described = answers["default"]
    rules = resolve(DOCUMENT, described)
    if "content" not in rules:
        assert response.body == b""
        return
    body = cast("Json", json.loads(response.body))
    assert fault(DOCUMENT, media_schema(rules["content"]), body) == ""


def references(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 40
    for reference in found:
        assert resolve(DOCUMENT, reference)


def test_it_has_the_resources_and_methods_that_are_served() -> None:
    assert set(PATHS) == {resource.value for resource in Resource}
    for resource in Resource:
        described = {name.upper() for name in members(PATHS[resource.value])} - {"PARAMETERS"}
        assert described == set(METHODS[resource])


@pytest.mark.parametrize(
    "body", [{}, {"error": {}}, {"error": {"errorInfo": 5}}, {"error": {"errorInfo": "x"}, "y": 1}]
)
def test_the_validator_finds_faults(body: Json) -> None:
    assert fault(DOCUMENT, {"$ref": "#/components/schemas/Failure"}, body)


@given(operation=values.establish_operations | values.add_stream_operations)
def test_bodies_of_requests(operation: EstablishStreamingConnection | AddStream) -> None:
    request = encode_request(operation, base_path="", profile=REL19)
    adding = isinstance(operation, AddStream)
    resource = Resource.STREAMS if adding else Resource.CONNECTIONS
    described = members(members(PATHS[resource.value])["post"])["requestBody"]
    schema = media_schema(members(described)["content"])
    assert fault(DOCUMENT, schema, cast("Json", json.loads(request.body))) == ""


statuses = st.sampled_from([Status.SUCCESS, Status.PARTIAL_SUCCESS])
kinds = st.sampled_from(list(EXCEPTIONS.values()))
C1 = ConnectionId("c1")
ESTABLISH = EstablishStreamingConnection(producer_id=ProducerId("p"), stream_info_list=())
ADD = AddStream(connection_id=C1, stream_info_list=())
DELETE = DeleteStream(connection_id=C1, stream_id_list=())


def answer(operation: ControlOperation, outcome: Outcome) -> HttpResponse:
    return encode_outcome(Call(operation=operation), outcome, base_url=URL)


@given(streams=st.lists(values.stream_infos(), max_size=3).map(tuple), status=statuses)
def test_answers_to_posts_and_deletes(streams: tuple[StreamInfo, ...], status: Status) -> None:
    established = EstablishOutcome(status=Status.SUCCESS, connection_id=C1)
    check_answer(Resource.CONNECTIONS, "post", answer(ESTABLISH, established))
    added = AddStreamOutcome(status=status, stream_info_list=streams)
    check_answer(Resource.STREAMS, "post", answer(ADD, added))
    unknown = UnknownStreamId(identifiers=("a",))
    deleted = DeleteStreamOutcome(status=status, exception=unknown)
    check_answer(Resource.STREAMS, "delete", answer(DELETE, deleted))


@given(
    infos=st.lists(values.connection_infos, min_size=1, max_size=3).map(tuple),
    sums=st.lists(values.stream_info_sums, min_size=1, max_size=3).map(tuple),
    status=statuses,
)
def test_answers_to_gets(
    infos: tuple[ConnectionInfo, ...],
    sums: tuple[StreamInfoSum, ...],
    status: Status,
) -> None:
    connections = GetConnectionInfo()
    streams = GetStreamInfo(connection_id=C1)
    listed = GetConnectionInfoOutcome(status=status, connection_info_list=infos)
    check_answer(Resource.CONNECTIONS, "get", answer(connections, listed))
    summed = GetStreamInfoOutcome(status=status, stream_info_sum_list=sums)
    check_answer(Resource.STREAMS, "get", answer(streams, summed))

    one_connection = Call(operation=connections, shape=Shape.ONE)
    single = GetConnectionInfoOutcome(status=Status.SUCCESS, connection_info_list=infos[:1])
    response = encode_outcome(one_connection, single, base_url=URL)
    check_answer(Resource.CONNECTION, "get", response)
    one_stream = Call(operation=streams, shape=Shape.ONE)
    reported = GetStreamInfoOutcome(status=Status.SUCCESS, stream_info_sum_list=sums[:1])
    check_answer(Resource.STREAM, "get", encode_outcome(one_stream, reported, base_url=URL))


@given(kind=kinds, detail=values.texts)
def test_answers_that_are_failures(kind: type[OperationError], detail: str) -> None:
    response = encode_problem(kind(detail), request=None)
    for resource, methods in METHODS.items():
        for method in methods:
            check_answer(resource, method.lower(), response)
    failed = EstablishOutcome(status=Status.FAILURE, exception=kind(detail))
    check_answer(Resource.CONNECTIONS, "post", answer(ESTABLISH, failed))


@given(
    reasons=st.lists(st.tuples(values.texts, values.texts), max_size=3).map(tuple),
    detail=values.texts,
)
def test_answers_that_name_streams(reasons: tuple[tuple[str, str], ...], detail: str) -> None:
    exception = UnexpectedStreams(detail, reasons=reasons)
    failed = EstablishOutcome(status=Status.FAILURE, exception=exception)
    check_answer(Resource.CONNECTIONS, "post", answer(ESTABLISH, failed))
