# mypy: disable-error-code="type-arg"
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TraceRecordType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORMAL: _ClassVar[TraceRecordType]
    TRACE_SESSION_START: _ClassVar[TraceRecordType]
    TRACE_SESSION_STOP: _ClassVar[TraceRecordType]
    TRACE_RECORDING_SESSION_START: _ClassVar[TraceRecordType]
    TRACE_RECORDING_SESSION_STOP: _ClassVar[TraceRecordType]
    TRACE_STREAM_HEARTBEAT: _ClassVar[TraceRecordType]
    TRACE_RECORDING_SESSION_DROPPED_EVENTS: _ClassVar[TraceRecordType]
    TRACE_RECORDING_SESSION_NOT_STARTED: _ClassVar[TraceRecordType]
NORMAL: TraceRecordType
TRACE_SESSION_START: TraceRecordType
TRACE_SESSION_STOP: TraceRecordType
TRACE_RECORDING_SESSION_START: TraceRecordType
TRACE_RECORDING_SESSION_STOP: TraceRecordType
TRACE_STREAM_HEARTBEAT: TraceRecordType
TRACE_RECORDING_SESSION_DROPPED_EVENTS: TraceRecordType
TRACE_RECORDING_SESSION_NOT_STARTED: TraceRecordType

class StreamingTraceRecord(_message.Message):
    __slots__ = ("record", "administrative_message")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ADMINISTRATIVE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    record: TraceRecord
    administrative_message: CommonTracePayload
    def __init__(self, record: _Optional[_Union[TraceRecord, _Mapping]] = ..., administrative_message: _Optional[_Union[CommonTracePayload, _Mapping]] = ...) -> None: ...

class TraceRecord(_message.Message):
    __slots__ = ("header", "payload")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    header: TraceRecordHeader
    payload: TraceRecordPayload
    def __init__(self, header: _Optional[_Union[TraceRecordHeader, _Mapping]] = ..., payload: _Optional[_Union[TraceRecordPayload, _Mapping]] = ...) -> None: ...

class TraceRecordHeader(_message.Message):
    __slots__ = ("time_stamp", "nf_instance_id", "nf_type", "trace_reference", "trace_recording_session_ref", "trace_rec_type_id", "ran_ue_id", "payload_schema_uri", "field_9", "vendor_extension")
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TIME_STAMP_FIELD_NUMBER: _ClassVar[int]
    NF_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NF_TYPE_FIELD_NUMBER: _ClassVar[int]
    TRACE_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    TRACE_RECORDING_SESSION_REF_FIELD_NUMBER: _ClassVar[int]
    TRACE_REC_TYPE_ID_FIELD_NUMBER: _ClassVar[int]
    RAN_UE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SCHEMA_URI_FIELD_NUMBER: _ClassVar[int]
    FIELD_9_FIELD_NUMBER: _ClassVar[int]
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    time_stamp: int
    nf_instance_id: str
    nf_type: str
    trace_reference: bytes
    trace_recording_session_ref: bytes
    trace_rec_type_id: TraceRecordType
    ran_ue_id: bytes
    payload_schema_uri: str
    field_9: _containers.RepeatedScalarFieldContainer[bytes]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, time_stamp: _Optional[int] = ..., nf_instance_id: _Optional[str] = ..., nf_type: _Optional[str] = ..., trace_reference: _Optional[bytes] = ..., trace_recording_session_ref: _Optional[bytes] = ..., trace_rec_type_id: _Optional[_Union[TraceRecordType, str]] = ..., ran_ue_id: _Optional[bytes] = ..., payload_schema_uri: _Optional[str] = ..., field_9: _Optional[_Iterable[bytes]] = ..., vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceRecordPayload(_message.Message):
    __slots__ = ("payload_size", "binary_payload")
    PAYLOAD_SIZE_FIELD_NUMBER: _ClassVar[int]
    BINARY_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload_size: int
    binary_payload: bytes
    def __init__(self, payload_size: _Optional[int] = ..., binary_payload: _Optional[bytes] = ...) -> None: ...

class GlobalGnbId(_message.Message):
    __slots__ = ("plmn_identity", "gnb_id")
    PLMN_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    GNB_ID_FIELD_NUMBER: _ClassVar[int]
    plmn_identity: bytes
    gnb_id: int
    def __init__(self, plmn_identity: _Optional[bytes] = ..., gnb_id: _Optional[int] = ...) -> None: ...

class Field9(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ...) -> None: ...

class CommonTracePayload(_message.Message):
    __slots__ = ("trace_session_start", "trace_session_stop", "trace_recording_session_start", "trace_recording_session_stop", "trace_stream_heartbeat", "trace_recording_session_dropped_events", "trace_recording_session_not_started")
    TRACE_SESSION_START_FIELD_NUMBER: _ClassVar[int]
    TRACE_SESSION_STOP_FIELD_NUMBER: _ClassVar[int]
    TRACE_RECORDING_SESSION_START_FIELD_NUMBER: _ClassVar[int]
    TRACE_RECORDING_SESSION_STOP_FIELD_NUMBER: _ClassVar[int]
    TRACE_STREAM_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    TRACE_RECORDING_SESSION_DROPPED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    TRACE_RECORDING_SESSION_NOT_STARTED_FIELD_NUMBER: _ClassVar[int]
    trace_session_start: TraceSessionStart
    trace_session_stop: TraceSessionStop
    trace_recording_session_start: TraceRecordingSessionStart
    trace_recording_session_stop: TraceRecordingSessionStop
    trace_stream_heartbeat: TraceStreamHeartbeat
    trace_recording_session_dropped_events: TraceRecordingSessionDroppedEvents
    trace_recording_session_not_started: TraceRecordingSessionNotStarted
    def __init__(self, trace_session_start: _Optional[_Union[TraceSessionStart, _Mapping]] = ..., trace_session_stop: _Optional[_Union[TraceSessionStop, _Mapping]] = ..., trace_recording_session_start: _Optional[_Union[TraceRecordingSessionStart, _Mapping]] = ..., trace_recording_session_stop: _Optional[_Union[TraceRecordingSessionStop, _Mapping]] = ..., trace_stream_heartbeat: _Optional[_Union[TraceStreamHeartbeat, _Mapping]] = ..., trace_recording_session_dropped_events: _Optional[_Union[TraceRecordingSessionDroppedEvents, _Mapping]] = ..., trace_recording_session_not_started: _Optional[_Union[TraceRecordingSessionNotStarted, _Mapping]] = ...) -> None: ...

class TraceSessionStart(_message.Message):
    __slots__ = ("vendor_extension",)
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceSessionStop(_message.Message):
    __slots__ = ("vendor_extension",)
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceRecordingSessionStart(_message.Message):
    __slots__ = ("vendor_extension",)
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceRecordingSessionStop(_message.Message):
    __slots__ = ("vendor_extension",)
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceStreamHeartbeat(_message.Message):
    __slots__ = ("vendor_extension",)
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceRecordingSessionDroppedEvents(_message.Message):
    __slots__ = ("number_of_dropped_events", "vendor_extension")
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NUMBER_OF_DROPPED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    number_of_dropped_events: int
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, number_of_dropped_events: _Optional[int] = ..., vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceRecordingSessionNotStarted(_message.Message):
    __slots__ = ("reason", "vendor_extension")
    class VendorExtensionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    VENDOR_EXTENSION_FIELD_NUMBER: _ClassVar[int]
    reason: str
    vendor_extension: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., vendor_extension: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RoutedTraceRecord(_message.Message):
    __slots__ = ("first",)
    FIRST_FIELD_NUMBER: _ClassVar[int]
    first: RoutedFirst
    def __init__(self, first: _Optional[_Union[RoutedFirst, _Mapping]] = ...) -> None: ...

class RoutedFirst(_message.Message):
    __slots__ = ("header", "trace_reference")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TRACE_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    header: RoutedHeader
    trace_reference: bytes
    def __init__(self, header: _Optional[_Union[RoutedHeader, _Mapping]] = ..., trace_reference: _Optional[bytes] = ...) -> None: ...

class RoutedHeader(_message.Message):
    __slots__ = ("trace_reference",)
    TRACE_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    trace_reference: bytes
    def __init__(self, trace_reference: _Optional[bytes] = ...) -> None: ...
