"""StreamInfo as JSON (TS 28.532 11.5.1.1.2; streamInfo-Type of the OpenAPI files).

Written with the YAML's names and a nested ``additionalInfo``. Its ``oneOf`` cannot be validated
(every object fits several branches), so the branch is chosen by the stream type
(`specs/contradictions.md` 15). Read as well: the flat layout of the tables, ``measTypes``, and
null for what is absent (12).
"""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import assert_never

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.members import Members
from mnstream.core.errors import UnexpectedStreams
from mnstream.core.profiles import REL19, Profile
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.validation import unexpected
from mnstream.core.values import (
    AdditionalInfo,
    AnalyticsInfo,
    Json,
    PerformanceInfo,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
    VsDataContainer,
)


def encode_stream_info(info: StreamInfo, *, keep_absent_format: bool = False) -> dict[str, Json]:
    """Write one stream.

    Args:
        info: Any stream, valid or not.
        keep_absent_format: Leave ``serializationFormat`` out when there is none, so that reading
            gives exactly ``info`` back. Otherwise GPB stands in, because the YAML requires one of
            two values even of PROPRIETARY (`specs/contradictions.md` 13).
    """
    members: dict[str, Json] = {"streamType": info.stream_type.value, "streamId": info.stream_id}
    if info.serialization_format is not None:
        members["serializationFormat"] = info.serialization_format.value
    elif not keep_absent_format:
        members["serializationFormat"] = SerializationFormat.GPB.value
    if info.additional_info is not None:
        members["additionalInfo"] = _encode_additional_info(info.additional_info)
    return members


def _encode_additional_info(info: AdditionalInfo) -> dict[str, Json]:
    match info:
        case PerformanceInfo():
            metrics: list[Json] = list(info.performance_metrics)
            return {
                "measObjDn": info.meas_obj_dn,
                "performanceMetrics": metrics,
                **_present(jobId=info.job_id),
            }
        case TraceInfo():
            return dict(info.attributes)
        case AnalyticsInfo():
            return _present(activityDetails=info.activity_details)
        case VsDataContainer():
            return _present(
                vsDataType=info.vs_data_type,
                vsData=info.vs_data,
                vsDataFormatVersion=info.vs_data_format_version,
            )
        case _:
            assert_never(info)


def _present(**members: str | None) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}


def decode_stream_info(value: Json, *, profile: Profile = REL19) -> StreamInfo:
    """Read one stream.

    Names of metrics and jobs are interned: thousands of streams carry the same ones. A
    serialization format may be absent for PROPRIETARY only. Whether the type-specific part may be
    absent is for the core to decide.

    Raises:
        UnexpectedStreams: With one reason, under the stream's identifier or ``""``.
    """
    try:
        return _stream_info(Members(value, profile, "a stream"), profile)
    except Unreadable as problem:
        identifier = value.get("streamId") if isinstance(value, dict) else None
        identifier = identifier if isinstance(identifier, str) else ""
        raise UnexpectedStreams.about_streams([(identifier, str(problem))]) from problem


def decode_stream_infos(values: Iterable[Json], *, profile: Profile) -> tuple[StreamInfo, ...]:
    """Read streams, in order.

    Raises:
        UnexpectedStreams: Some could not be read. With one reason for each of these, and for each
            that could be read and is unexpected all the same.
    """
    streams: list[StreamInfo] = []
    problems: list[tuple[int, tuple[tuple[str, str], ...]]] = []
    for value in values:
        try:
            streams.append(decode_stream_info(value, profile=profile))
        except UnexpectedStreams as problem:
            problems.append((len(streams), problem.reasons))
    if problems:
        raise UnexpectedStreams.about_streams(_all_reasons(streams, problems, profile))
    return tuple(streams)


def _all_reasons(
    streams: list[StreamInfo],
    problems: list[tuple[int, tuple[tuple[str, str], ...]]],
    profile: Profile,
) -> list[tuple[str, str]]:
    """Say of every bad stream why, in order: one answer names also those that could be read."""
    reasons: list[tuple[str, str]] = []
    for number, stream in enumerate([*streams, None]):
        for before, unreadable in problems:
            if before == number:
                reasons.extend(unreadable)
        reason = None if stream is None else unexpected(stream, profile, ConsumerConfig())
        if stream is not None and reason is not None:
            reasons.append((stream.stream_id, reason))
    return reasons


def _stream_info(members: Members, profile: Profile) -> StreamInfo:
    stream_id = members.text("streamId")
    if not stream_id:
        # Neither a path nor a query could ever name this stream.
        raise Unreadable("streamId is empty")
    stream_type = members.choice(StreamType, "streamType")
    serialization_format = members.optional_choice(SerializationFormat, "serializationFormat")
    if serialization_format is None and stream_type is not StreamType.PROPRIETARY:
        raise Unreadable("serializationFormat is missing")
    additional_info = _additional_info(members, stream_type, profile)
    members.finish()
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=stream_type,
        serialization_format=serialization_format,
        additional_info=additional_info,
    )


def _additional_info(
    members: Members, stream_type: StreamType, profile: Profile
) -> AdditionalInfo | None:
    match stream_type:
        case StreamType.PERFORMANCE:
            value = members.find("additionalInfo")
            if value is not None:
                return _performance_info(Members(value, profile, "additionalInfo"))
            flat = profile.accept_aliases and members.any_of(
                "measObjDn", "performanceMetrics", "measTypes", "jobId"
            )
            return _performance_info(members, nested=False) if flat else None
        case StreamType.TRACE:
            value = members.find("additionalInfo", "traceInfo")
            if value is not None and not isinstance(value, dict):
                raise Unreadable("additionalInfo is not an object")
            return None if value is None else TraceInfo(attributes=value)
        case StreamType.ANALYTICS:
            value = members.find("additionalInfo", "analyticsInfo")
            if isinstance(value, str) and profile.accept_aliases:
                return AnalyticsInfo(activity_details=value)
            return None if value is None else _analytics_info(value, profile)
        case StreamType.PROPRIETARY:
            value = members.find("additionalInfo", "vsDataContainer")
            return None if value is None else _vs_data_container(value, profile)
        case _:
            assert_never(stream_type)


def _performance_info(members: Members, *, nested: bool = True) -> PerformanceInfo:
    metrics = members.texts("performanceMetrics", "measTypes")
    job_id = members.optional_text("jobId")
    info = PerformanceInfo(
        meas_obj_dn=members.text("measObjDn"),
        performance_metrics=tuple(map(intern, metrics)),
        job_id=None if job_id is None else intern(job_id),
    )
    if nested:
        members.finish()
    return info


def _analytics_info(value: Json, profile: Profile) -> AnalyticsInfo:
    members = Members(value, profile, "additionalInfo")
    info = AnalyticsInfo(activity_details=members.optional_text("activityDetails"))
    members.finish()
    return info


def _vs_data_container(value: Json, profile: Profile) -> VsDataContainer:
    members = Members(value, profile, "additionalInfo")
    container = VsDataContainer(
        vs_data_type=members.optional_text("vsDataType"),
        vs_data=members.optional_text("vsData"),
        vs_data_format_version=members.optional_text("vsDataFormatVersion"),
    )
    members.finish()
    return container
