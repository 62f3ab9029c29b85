"""Hypothesis strategies for the values and operations of streaming data reporting.

Values are valid: identifiers are not empty, PERFORMANCE has its part, and only PROPRIETARY lacks a
format.
"""

from __future__ import annotations

from hypothesis import strategies as st

from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.profiles import PROFILES, Profile
from mnstream.core.values import (
    AdditionalInfo,
    AnalyticsInfo,
    ConnectionId,
    ConnectionInfo,
    Json,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamInfoSum,
    StreamType,
    TraceInfo,
    VsDataContainer,
)

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
# What a URI gives a meaning to, and what it treats as nothing.
awkward = st.text(st.sampled_from("a,/%?#&+= .\u00e9\N{GRINNING FACE}"), min_size=1, max_size=6)
identifiers = st.one_of(st.integers(0, 2**63 - 1).map(str), names, awkward)

stream_ids = identifiers.map(StreamId)
producer_ids = texts.map(ProducerId)
# A connection identifier is a segment of a path, which "." and ".." cannot be.
connection_ids = identifiers.filter(lambda text: text not in {".", ".."}).map(ConnectionId)

profiles: st.SearchStrategy[Profile] = st.sampled_from(list(PROFILES.values()))

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

performance_infos = st.builds(
    PerformanceInfo,
    meas_obj_dn=names,
    performance_metrics=st.lists(names, min_size=1, max_size=4).map(tuple),
    job_id=st.none() | texts,
)
trace_infos = st.builds(TraceInfo, attributes=st.dictionaries(texts, json_values, max_size=4))
analytics_infos = st.builds(AnalyticsInfo, activity_details=st.none() | texts)
vs_data_containers = st.builds(
    VsDataContainer,
    vs_data_type=st.none() | texts,
    vs_data=st.none() | texts,
    vs_data_format_version=st.none() | texts,
)

_PARTS: dict[StreamType, st.SearchStrategy[AdditionalInfo | None]] = {
    StreamType.PERFORMANCE: performance_infos,
    StreamType.TRACE: st.none() | trace_infos,
    StreamType.ANALYTICS: st.none() | analytics_infos,
    StreamType.PROPRIETARY: st.none() | vs_data_containers,
}


@st.composite
def stream_infos(draw: st.DrawFn, *, absent_format: bool = True) -> StreamInfo:
    """Any valid stream; without ``absent_format`` only those that HTTP carries unchanged."""
    stream_type = draw(st.sampled_from(StreamType))
    formats: st.SearchStrategy[SerializationFormat | None] = st.sampled_from(SerializationFormat)
    if absent_format and stream_type is StreamType.PROPRIETARY:
        formats = st.none() | formats
    return StreamInfo(
        stream_id=draw(stream_ids),
        stream_type=stream_type,
        serialization_format=draw(formats),
        additional_info=draw(_PARTS[stream_type]),
    )


def _stream_id(stream: StreamInfo) -> StreamId:
    return stream.stream_id


def stream_info_lists(*, unique: bool = False) -> st.SearchStrategy[tuple[StreamInfo, ...]]:
    """Several streams that HTTP carries unchanged."""
    streams = st.lists(
        stream_infos(absent_format=False), max_size=4, unique_by=_stream_id if unique else None
    )
    return streams.map(tuple)


connection_infos = st.builds(
    ConnectionInfo,
    connection_id=connection_ids,
    stream_reporter=producer_ids,
    stream_id_list=st.lists(stream_ids, max_size=4).map(tuple),
)
stream_info_sums = st.builds(
    StreamInfoSum,
    stream_info=stream_infos(absent_format=False),
    stream_reporters=st.lists(producer_ids, max_size=3).map(tuple),
)

stream_id_lists = st.lists(stream_ids, max_size=5, unique=True).map(tuple)

establish_operations = st.builds(
    EstablishStreamingConnection, producer_id=producer_ids, stream_info_list=stream_info_lists()
)
add_stream_operations = st.builds(
    AddStream, connection_id=connection_ids, stream_info_list=stream_info_lists()
)
delete_stream_operations = st.builds(
    DeleteStream, connection_id=connection_ids, stream_id_list=stream_id_lists.filter(bool)
)
get_connection_info_operations = st.builds(
    GetConnectionInfo,
    connection_id_list=st.lists(connection_ids, max_size=5, unique=True).map(tuple),
)
get_stream_info_operations = st.builds(
    GetStreamInfo, connection_id=connection_ids, stream_id_list=stream_id_lists
)
control_operations: st.SearchStrategy[ControlOperation] = st.one_of(
    establish_operations,
    add_stream_operations,
    delete_stream_operations,
    get_connection_info_operations,
    get_stream_info_operations,
)
"""Every control operation that HTTP carries: lists of identifiers name each once."""
