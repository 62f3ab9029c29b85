# mypy: disable-error-code="type-arg"
import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PDSUs(_message.Message):
    __slots__ = ("pdsu",)
    class PDSUType(_message.Message):
        __slots__ = ("stream_id", "granularity_period_end_time", "standardized_meas_results", "vendor_specific_meas_results")
        class MeasValue(_message.Message):
            __slots__ = ("integer_value", "real_value", "string_value", "sub_counters")
            INTEGER_VALUE_FIELD_NUMBER: _ClassVar[int]
            REAL_VALUE_FIELD_NUMBER: _ClassVar[int]
            STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
            SUB_COUNTERS_FIELD_NUMBER: _ClassVar[int]
            integer_value: int
            real_value: float
            string_value: str
            sub_counters: PDSUs.PDSUType.SubCounterListType
            def __init__(self, integer_value: _Optional[int] = ..., real_value: _Optional[float] = ..., string_value: _Optional[str] = ..., sub_counters: _Optional[_Union[PDSUs.PDSUType.SubCounterListType, _Mapping]] = ...) -> None: ...
        class SubCounterListType(_message.Message):
            __slots__ = ("sub_counter_index", "sub_counter_value")
            SUB_COUNTER_INDEX_FIELD_NUMBER: _ClassVar[int]
            SUB_COUNTER_VALUE_FIELD_NUMBER: _ClassVar[int]
            sub_counter_index: PDSUs.PDSUType.SubCounterIndexType
            sub_counter_value: PDSUs.PDSUType.MeasValue
            def __init__(self, sub_counter_index: _Optional[_Union[PDSUs.PDSUType.SubCounterIndexType, _Mapping]] = ..., sub_counter_value: _Optional[_Union[PDSUs.PDSUType.MeasValue, _Mapping]] = ...) -> None: ...
        class SubCounterIndexType(_message.Message):
            __slots__ = ("sum", "bin_index", "qOS_5QI", "qOS_QCI", "cause", "string_index", "plmn", "snssai")
            class SNSSAI(_message.Message):
                __slots__ = ("sst", "sd")
                SST_FIELD_NUMBER: _ClassVar[int]
                SD_FIELD_NUMBER: _ClassVar[int]
                sst: bytes
                sd: bytes
                def __init__(self, sst: _Optional[bytes] = ..., sd: _Optional[bytes] = ...) -> None: ...
            SUM_FIELD_NUMBER: _ClassVar[int]
            BIN_INDEX_FIELD_NUMBER: _ClassVar[int]
            QOS_5QI_FIELD_NUMBER: _ClassVar[int]
            QOS_QCI_FIELD_NUMBER: _ClassVar[int]
            CAUSE_FIELD_NUMBER: _ClassVar[int]
            STRING_INDEX_FIELD_NUMBER: _ClassVar[int]
            PLMN_FIELD_NUMBER: _ClassVar[int]
            SNSSAI_FIELD_NUMBER: _ClassVar[int]
            sum: str
            bin_index: int
            qOS_5QI: int
            qOS_QCI: int
            cause: int
            string_index: str
            plmn: bytes
            snssai: PDSUs.PDSUType.SubCounterIndexType.SNSSAI
            def __init__(self, sum: _Optional[str] = ..., bin_index: _Optional[int] = ..., qOS_5QI: _Optional[int] = ..., qOS_QCI: _Optional[int] = ..., cause: _Optional[int] = ..., string_index: _Optional[str] = ..., plmn: _Optional[bytes] = ..., snssai: _Optional[_Union[PDSUs.PDSUType.SubCounterIndexType.SNSSAI, _Mapping]] = ...) -> None: ...
        STREAM_ID_FIELD_NUMBER: _ClassVar[int]
        GRANULARITY_PERIOD_END_TIME_FIELD_NUMBER: _ClassVar[int]
        STANDARDIZED_MEAS_RESULTS_FIELD_NUMBER: _ClassVar[int]
        VENDOR_SPECIFIC_MEAS_RESULTS_FIELD_NUMBER: _ClassVar[int]
        stream_id: int
        granularity_period_end_time: _timestamp_pb2.Timestamp
        standardized_meas_results: _containers.RepeatedCompositeFieldContainer[PDSUs.PDSUType.MeasValue]
        vendor_specific_meas_results: _containers.RepeatedCompositeFieldContainer[PDSUs.PDSUType.MeasValue]
        def __init__(self, stream_id: _Optional[int] = ..., granularity_period_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., standardized_meas_results: _Optional[_Iterable[_Union[PDSUs.PDSUType.MeasValue, _Mapping]]] = ..., vendor_specific_meas_results: _Optional[_Iterable[_Union[PDSUs.PDSUType.MeasValue, _Mapping]]] = ...) -> None: ...
    PDSU_FIELD_NUMBER: _ClassVar[int]
    pdsu: _containers.RepeatedCompositeFieldContainer[PDSUs.PDSUType]
    def __init__(self, pdsu: _Optional[_Iterable[_Union[PDSUs.PDSUType, _Mapping]]] = ...) -> None: ...
