# mypy: disable-error-code="type-arg"
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RoutedPDSUs(_message.Message):
    __slots__ = ("pdsu",)
    class RoutedPDSU(_message.Message):
        __slots__ = ("stream_id", "standardized_meas_results", "vendor_specific_meas_results")
        STREAM_ID_FIELD_NUMBER: _ClassVar[int]
        STANDARDIZED_MEAS_RESULTS_FIELD_NUMBER: _ClassVar[int]
        VENDOR_SPECIFIC_MEAS_RESULTS_FIELD_NUMBER: _ClassVar[int]
        stream_id: int
        standardized_meas_results: _containers.RepeatedScalarFieldContainer[bytes]
        vendor_specific_meas_results: _containers.RepeatedScalarFieldContainer[bytes]
        def __init__(self, stream_id: _Optional[int] = ..., standardized_meas_results: _Optional[_Iterable[bytes]] = ..., vendor_specific_meas_results: _Optional[_Iterable[bytes]] = ...) -> None: ...
    PDSU_FIELD_NUMBER: _ClassVar[int]
    pdsu: _containers.RepeatedCompositeFieldContainer[RoutedPDSUs.RoutedPDSU]
    def __init__(self, pdsu: _Optional[_Iterable[_Union[RoutedPDSUs.RoutedPDSU, _Mapping]]] = ...) -> None: ...
