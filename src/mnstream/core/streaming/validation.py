"""What a consumer expects of a StreamInfo, by stream type (TS 28.532 11.5.1.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from mnstream.core.profiles import Profile
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.values import (
    AdditionalInfo,
    AnalyticsInfo,
    Json,
    PerformanceInfo,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
    VsDataContainer,
)

EXPECTED_INFO: dict[StreamType, type[AdditionalInfo]] = {
    StreamType.TRACE: TraceInfo,
    StreamType.PERFORMANCE: PerformanceInfo,
    StreamType.ANALYTICS: AnalyticsInfo,
    StreamType.PROPRIETARY: VsDataContainer,
}
INT64_MAX = 2**63 - 1


def unexpected(stream: StreamInfo, profile: Profile, config: ConsumerConfig) -> str | None:
    """Return why this consumer does not expect the stream, None when it does."""
    if not stream.stream_id:
        return "the stream identifier is empty"
    if len(stream.stream_id) > config.text_chars_max:
        return "the stream identifier is too long"
    if stream.serialization_format is None and stream.stream_type is not StreamType.PROPRIETARY:
        return "the serialization format is missing"
    if info_chars(stream) > config.stream_info_chars_max:
        return f"the StreamInfo has more than {config.stream_info_chars_max} characters"
    info = stream.additional_info
    expected = EXPECTED_INFO[stream.stream_type]
    if info is not None and not isinstance(info, expected):
        return f"{stream.stream_type.value} does not take {type(info).__name__}"
    if stream.stream_type is StreamType.PERFORMANCE:
        return _unexpected_performance(stream.stream_id, info, config)
    if info is None and profile.require_additional_info:
        return f"{stream.stream_type.value} needs {expected.__name__}"
    return None


def _unexpected_performance(
    stream_id: StreamId, info: AdditionalInfo | None, config: ConsumerConfig
) -> str | None:
    if not isinstance(info, PerformanceInfo):
        return "PERFORMANCE needs measObjDn and performanceMetrics"
    if not is_unit_stream_id(stream_id):
        # Contradiction 18: units carry an integer, REST a string; decimal is the common ground.
        return "the stream identifier of PERFORMANCE is a decimal number of at most 63 bits"
    if not info.meas_obj_dn:
        return "measObjDn is empty"
    if not info.performance_metrics:
        return "performanceMetrics is empty"
    if len(info.performance_metrics) > config.metrics_per_stream_max:
        return f"more than {config.metrics_per_stream_max} performance metrics"
    if "" in info.performance_metrics:
        return "a performance metric has no name"
    if len(set(info.performance_metrics)) != len(info.performance_metrics):
        return "a performance metric is named twice"
    texts = (info.meas_obj_dn, info.job_id or "", *info.performance_metrics)
    if max(map(len, texts)) > config.text_chars_max:
        return f"a text is longer than {config.text_chars_max} characters"
    return None


def info_chars(stream: StreamInfo) -> int:
    """Count the characters of a StreamInfo, one more for each of its texts and other values."""
    info = stream.additional_info
    match info:
        case None:
            texts: tuple[str | None, ...] = ()
        case PerformanceInfo():
            texts = (info.meas_obj_dn, info.job_id, *info.performance_metrics)
        case AnalyticsInfo():
            texts = (info.activity_details,)
        case VsDataContainer():
            texts = (info.vs_data_type, info.vs_data, info.vs_data_format_version)
        case TraceInfo():
            return len(stream.stream_id) + 1 + _json_chars(info.attributes)
        case _:
            assert_never(info)
    return sum(len(text or "") + 1 for text in (stream.stream_id, *texts))


def _json_chars(attributes: Mapping[str, Json]) -> int:
    chars = 0
    values: list[Json | Mapping[str, Json]] = [attributes]
    while values:
        value = values.pop()
        chars += 1
        if isinstance(value, str):
            chars += len(value)
        elif isinstance(value, Mapping):
            chars += sum(len(name) + 1 for name in value)
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
    return chars


def is_unit_stream_id(stream_id: str) -> bool:
    """Tell whether the identifier is the decimal form of the int64 that units carry (28.550)."""
    return (
        stream_id.isascii()
        and stream_id.isdigit()
        and (stream_id == "0" or not stream_id.startswith("0"))
        and len(stream_id) <= len(str(INT64_MAX))
        and int(stream_id) <= INT64_MAX
    )
