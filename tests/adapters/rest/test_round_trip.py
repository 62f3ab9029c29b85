"""What one side writes, the other reads as the same value.

HTTP does not carry everything. Left out here, and said in the docstrings: an absent format becomes
GPB; lists of identifiers name each once; an exception is its name and one text, so its identifiers
come back only where they are that text or what the answer lacks.
"""

from __future__ import annotations

from itertools import compress
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.rest import (
    Call,
    HttpResponse,
    Shape,
    decode_outcome,
    decode_request,
    encode_outcome,
    encode_problem,
    encode_request,
)
from mnstream.adapters.rest.failures import EXCEPTIONS
from mnstream.core.errors import (
    DuplicateStream,
    OperationError,
    UnexpectedStreams,
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
from mnstream.core.profiles import REL19, Profile
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
)
from tests import strategies as values

BASE_PATH = "/3GPPManagement/StreamingDataReportingMnS"
BASE_URL = f"https://collector.example:8443{BASE_PATH}"

# Details that are not a list of identifiers of the request.
details = st.one_of(st.just(""), values.texts.map("about {}".format))
kinds = st.sampled_from(list(EXCEPTIONS.values()))


_T = TypeVar("_T")


def subsets(items: tuple[_T, ...]) -> st.SearchStrategy[tuple[_T, ...]]:
    """Some of the items, in their order."""
    chosen = st.lists(st.booleans(), min_size=len(items), max_size=len(items))
    return chosen.map(lambda keep: tuple(compress(items, keep)))


def connection_id_of(info: ConnectionInfo) -> ConnectionId:
    return info.connection_id


def stream_id_of(stream_sum: StreamInfoSum) -> StreamId:
    return stream_sum.stream_info.stream_id


def call_of(operation: ControlOperation, profile: Profile = REL19) -> Call:
    request = encode_request(operation, base_path=BASE_PATH, profile=profile)
    return decode_request(request, base_path=BASE_PATH, profile=profile)


def answer(operation: ControlOperation, outcome: Outcome) -> Outcome:
    response = encode_outcome(call_of(operation), outcome, base_url=BASE_URL)
    return decode_outcome(operation, response, profile=REL19)


@given(operation=values.control_operations, profile=values.profiles)
def test_operations(operation: ControlOperation, profile: Profile) -> None:
    assert call_of(operation, profile).operation == operation


@given(operation=values.control_operations, writer=values.profiles, reader=values.profiles)
def test_every_profile_reads_what_any_other_writes(
    operation: ControlOperation, writer: Profile, reader: Profile
) -> None:
    request = encode_request(operation, base_path=BASE_PATH, profile=writer)
    assert decode_request(request, base_path=BASE_PATH, profile=reader).operation == operation


@given(operation=values.control_operations)
def test_the_base_path_may_be_empty_or_end_with_a_slash(operation: ControlOperation) -> None:
    for base_path in ("", "/", "/a/b/"):
        request = encode_request(operation, base_path=base_path, profile=REL19)
        call = decode_request(request, base_path=base_path, profile=REL19)
        assert call.operation == operation


def failures(operation: ControlOperation, exception: OperationError) -> Outcome:
    match operation:
        case EstablishStreamingConnection():
            return EstablishOutcome(status=Status.FAILURE, exception=exception)
        case AddStream():
            return AddStreamOutcome(status=Status.FAILURE, exception=exception)
        case DeleteStream():
            return DeleteStreamOutcome(status=Status.FAILURE, exception=exception)
        case GetConnectionInfo():
            return GetConnectionInfoOutcome(status=Status.FAILURE, exception=exception)
        case GetStreamInfo():
            return GetStreamInfoOutcome(status=Status.FAILURE, exception=exception)


@given(operation=values.control_operations, kind=kinds, detail=details)
def test_failures(operation: ControlOperation, kind: type[OperationError], detail: str) -> None:
    outcome = failures(operation, kind(detail))
    assert answer(operation, outcome) == outcome


@given(operation=values.control_operations, kind=kinds, detail=details)
def test_problems(operation: ControlOperation, kind: type[OperationError], detail: str) -> None:
    request = encode_request(operation, base_path=BASE_PATH, profile=REL19)
    response = encode_problem(kind(detail), request=request)
    assert decode_outcome(operation, response, profile=REL19).exception == kind(detail)


@given(operation=values.establish_operations, connection_id=values.connection_ids)
def test_established(operation: EstablishStreamingConnection, connection_id: ConnectionId) -> None:
    outcome = EstablishOutcome(status=Status.SUCCESS, connection_id=connection_id)
    assert answer(operation, outcome) == outcome


@given(
    operation=values.establish_operations,
    reasons=st.lists(st.tuples(values.texts, values.texts), min_size=1, max_size=12).map(tuple),
)
def test_unexpected_streams_of_establish(
    operation: EstablishStreamingConnection, reasons: tuple[tuple[str, str], ...]
) -> None:
    exception = UnexpectedStreams(
        "; ".join(f"{stream_id}: {reason}" for stream_id, reason in reasons[:10]),
        identifiers=tuple(stream_id for stream_id, _ in reasons),
        reasons=reasons,
    )
    outcome = EstablishOutcome(status=Status.FAILURE, exception=exception)
    assert answer(operation, outcome) == outcome


@given(data=st.data(), connection_id=values.connection_ids)
def test_added(data: st.DataObject, connection_id: ConnectionId) -> None:
    asked = data.draw(values.stream_info_lists(unique=True))
    added = data.draw(subsets(asked))
    operation = AddStream(connection_id=connection_id, stream_info_list=asked)
    rest = tuple(stream.stream_id for stream in asked if stream not in added)
    outcome = AddStreamOutcome(
        status=Status.PARTIAL_SUCCESS if rest else Status.SUCCESS,
        stream_info_list=added,
        exception=DuplicateStream(identifiers=rest) if rest else None,
    )
    assert answer(operation, outcome) == outcome


@given(stream=values.stream_infos(), connection_id=values.connection_ids)
def test_a_stream_that_is_asked_for_twice_is_added_once(
    stream: StreamInfo, connection_id: ConnectionId
) -> None:
    operation = AddStream(connection_id=connection_id, stream_info_list=(stream, stream))
    outcome = AddStreamOutcome(
        status=Status.PARTIAL_SUCCESS,
        stream_info_list=(stream,),
        exception=DuplicateStream(identifiers=(stream.stream_id,)),
    )
    # Even an absent format survives: the producer knows its streams by their identifiers.
    assert answer(operation, outcome) == outcome


@given(operation=values.delete_stream_operations, data=st.data())
def test_deleted(operation: DeleteStream, data: st.DataObject) -> None:
    # A comma inside an identifier cannot be told from one between two of them.
    plain = [each for each in operation.stream_id_list if each == each.strip() and "," not in each]
    unknown = data.draw(subsets(tuple(plain)))
    outcome = DeleteStreamOutcome(
        status=Status.PARTIAL_SUCCESS if unknown else Status.SUCCESS,
        exception=UnknownStreamId(identifiers=unknown) if unknown else None,
    )
    assert answer(operation, outcome) == outcome


@given(data=st.data())
def test_connections(data: st.DataObject) -> None:
    infos = data.draw(
        st.lists(values.connection_infos, min_size=1, max_size=4, unique_by=connection_id_of)
    )
    unknown = data.draw(st.lists(values.connection_ids, max_size=3, unique=True))
    known = [info.connection_id for info in infos]
    missing = tuple(each for each in unknown if each not in known)
    operation = GetConnectionInfo(connection_id_list=(*known, *missing))
    outcome = GetConnectionInfoOutcome(
        status=Status.PARTIAL_SUCCESS if missing else Status.SUCCESS,
        connection_info_list=tuple(infos),
        exception=UnknownConnectionId(identifiers=missing) if missing else None,
    )
    assert answer(operation, outcome) == outcome
    all_of_them = GetConnectionInfoOutcome(status=Status.SUCCESS, connection_info_list=tuple(infos))
    assert answer(GetConnectionInfo(), all_of_them) == all_of_them


@given(data=st.data(), connection_id=values.connection_ids)
def test_streams(data: st.DataObject, connection_id: ConnectionId) -> None:
    sums = data.draw(
        st.lists(values.stream_info_sums, min_size=1, max_size=4, unique_by=stream_id_of)
    )
    unknown = data.draw(st.lists(values.stream_ids, max_size=3, unique=True))
    known = [each.stream_info.stream_id for each in sums]
    missing = tuple(each for each in unknown if each not in known)
    operation = GetStreamInfo(connection_id=connection_id, stream_id_list=(*known, *missing))
    outcome = GetStreamInfoOutcome(
        status=Status.PARTIAL_SUCCESS if missing else Status.SUCCESS,
        stream_info_sum_list=tuple(sums),
        exception=UnknownStreamId(identifiers=missing) if missing else None,
    )
    assert answer(operation, outcome) == outcome


@given(value=values.stream_info_sums, connection_id=values.connection_ids)
def test_one_stream_comes_as_an_object(value: StreamInfoSum, connection_id: ConnectionId) -> None:
    stream_id = value.stream_info.stream_id
    operation = GetStreamInfo(connection_id=connection_id, stream_id_list=(stream_id,))
    outcome = GetStreamInfoOutcome(status=Status.SUCCESS, stream_info_sum_list=(value,))
    response = encode_outcome(
        Call(operation=operation, shape=Shape.ONE), outcome, base_url=BASE_URL
    )
    assert response.body.startswith(b"{")
    assert decode_outcome(operation, response, profile=REL19) == outcome


def test_a_failure_about_identifiers_of_the_request_names_them_again() -> None:
    operation = GetStreamInfo(
        connection_id=ConnectionId("c"),
        stream_id_list=(StreamId("1"), StreamId("2"), StreamId("3")),
    )
    exception = UnknownStreamId(identifiers=("3", "1"))
    outcome = GetStreamInfoOutcome(status=Status.FAILURE, exception=exception)
    assert answer(operation, outcome) == outcome
    response = HttpResponse(status=404, body=b'{"error": {"errorInfo": "unknownStreamId: 3,1"}}')
    assert decode_outcome(operation, response, profile=REL19) == outcome
