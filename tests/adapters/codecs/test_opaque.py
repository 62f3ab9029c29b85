"""Payloads that no standard describes: how they name their stream, and a user's own codec."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.codecs.opaque import (
    NAMED_BYTES_MAX,
    STREAM_ID_CHARS_MAX,
    Decoded,
    decode_with,
    load_codec,
    read_opaque,
)
from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import ANY_COUNT
from mnstream.core.values import (
    Json,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    VsDataContainer,
)
from mnstream.ports.payload_codec import PayloadCodec


class BeamCodec:
    """An example: beam loads of one vendor, each two octets in hundredths of a percent."""

    name = "beams"

    def claims(self, stream: StreamInfo, schema_uri: str) -> bool:
        info = stream.additional_info
        beams = isinstance(info, VsDataContainer) and info.vs_data_type == "Beams"
        return beams or schema_uri == "https://example.com/beams"

    def decode(self, payload: bytes) -> Json:
        return {"loads": [load / 100 for (load,) in struct.iter_unpack(">H", payload)]}


BEAMS = BeamCodec()
NO_CODEC = object()


class Needy:
    def __init__(self, something: int) -> None:
        raise AssertionError(something)


class Failing:
    name = "failing"

    def claims(self, stream: StreamInfo, schema_uri: str) -> bool:
        return bool(stream.stream_id) or bool(schema_uri)

    def decode(self, payload: bytes) -> Json:
        raise KeyError(payload)


def stream(vs_data_type: str) -> StreamInfo:
    return StreamInfo(
        stream_id=StreamId("beams-1"),
        stream_type=StreamType.PROPRIETARY,
        serialization_format=SerializationFormat.GPB,
        additional_info=VsDataContainer(vs_data_type=vs_data_type),
    )


def test_a_json_object_names_its_stream() -> None:
    assert list(read_opaque(b'{"a": [1], "streamId": "s-1"}')) == [("s-1", ANY_COUNT)]
    assert list(read_opaque('{"streamId": "Süd"}'.encode())) == [("Süd", ANY_COUNT)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00",
        b' {"streamId": "s"}',
        b'[{"streamId": "s"}]',
        b'{"streamId": "s"',
        b'{"streamId": "s"} x',
        b'{"streamId": "s"}\xff',
        b'{"streamId": 5}',
        b'{"streamId": ""}',
        b'{"streamId": null}',
        b'{"stream": "s"}',
        '{"streamId": "s"}'.encode("utf-16-le"),
        b'{"streamId": "' + b"s" * (STREAM_ID_CHARS_MAX + 1) + b'"}',
        b'{"streamId": "s", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"streamId": "s", "a": ' + b"9" * 10_000 + b"}",
        b'{"streamId": "s", "a": "' + b"x" * NAMED_BYTES_MAX + b'"}',
    ],
)
def test_anything_else_names_no_stream(payload: bytes) -> None:
    with pytest.raises(Undecodable):
        read_opaque(payload)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(b"{".__add__))
def test_any_bytes_name_a_stream_or_are_undecodable(payload: bytes) -> None:
    try:
        ((stream_id, count),) = read_opaque(payload)
    except Undecodable:
        return
    assert (stream_id, count) == (json.loads(payload)["streamId"], ANY_COUNT)


@pytest.mark.parametrize("name", ["BEAMS", "BeamCodec"])
def test_a_codec_is_found_by_module_and_name(name: str) -> None:
    codec = load_codec(f"{__name__}:{name}")
    assert isinstance(codec, PayloadCodec)
    assert codec.name == "beams"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("", "'' is not MODULE:NAME"),
        ("module", "'module' is not MODULE:NAME"),
        (":BEAMS", "':BEAMS' is not MODULE:NAME"),
        ("no_such_module:BEAMS", "no_such_module:BEAMS: ModuleNotFoundError: No module named"),
        (".relative:BEAMS", ".relative:BEAMS: TypeError: "),
        (f"{__name__}:NOTHING", "AttributeError: module"),
        (f"{__name__}:Needy", "TypeError: "),
        (f"{__name__}:NO_CODEC", "has no name, claims and decode, as a PayloadCodec has"),
    ],
)
def test_what_is_no_codec_is_named(reference: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        load_codec(reference)
    assert problem in str(raised.value)


def test_the_first_codec_that_claims_a_payload_decodes_it() -> None:
    expected = Decoded(codec="beams", value={"loads": [1.0, 2.56]})
    payload = b"\x00\x64\x01\x00"
    assert decode_with([BEAMS, Failing()], stream("Beams"), "", payload) == expected
    uri = "https://example.com/beams"
    assert decode_with([BEAMS], stream("Other"), uri, payload) == expected
    assert decode_with([BEAMS], stream("Other"), "", payload) is None
    assert decode_with([], stream("Beams"), "", payload) is None


def test_a_codec_that_fails_is_told_with_its_reason() -> None:
    assert decode_with([Failing(), BEAMS], stream("Beams"), "", b"x") == Decoded(
        codec="failing", problem="KeyError: b'x'"
    )
    broken = decode_with([BEAMS], stream("Beams"), "", b"x")
    assert broken is not None
    assert (broken.value, broken.problem[:7]) == (None, "error: ")


@pytest.mark.parametrize("value", [float("nan"), b"octets", {1j: 1}, {"a": object()}])
def test_what_is_no_json_is_told_as_a_failure(value: Json) -> None:
    class Wrong(Failing):
        def decode(self, payload: bytes) -> Json:
            assert payload == b"x"
            return value

    decoded = decode_with([Wrong()], stream("Beams"), "", b"x")
    assert decoded is not None
    assert decoded.value is None
    assert decoded.problem
