"""One line for one unit: what the command line promises."""

import json
from pathlib import Path

import pytest

from mnstream.adapters.codecs.opaque import Decoded
from mnstream.adapters.codecs.trace_values import TraceRecord, record_json
from mnstream.adapters.codecs.values import IndexKind, SubCounter, SubCounterIndex
from mnstream.adapters.sinks import json_lines, unit_json
from mnstream.adapters.storage import stored_units
from mnstream.core.records import Disposition
from mnstream.testing.logs import STREAMS, established
from tests.adapters.sinks.helpers import FIRST, measured, unit
from tests.adapters.storage.helpers import frame, write


def test_measurements() -> None:
    assert list(unit_json(unit(5)).items()) == [
        ("connection", "a"),
        ("producer", "NF=1"),
        ("stream", "1"),
        ("type", "PERFORMANCE"),
        ("format", "GPB"),
        ("received", "2023-11-14T22:13:20.000Z"),
        ("time", "2023-11-14T22:13:20.000Z"),
        ("object", "Cell=1"),
        ("values", {"x": 5}),
        ("raw_bytes", 4),
    ]


def test_a_trace_record() -> None:
    record = TraceRecord(
        time_stamp_ms=0, nf_instance_id="nf", nf_type="GNB", trace_reference=b"\x00\x01\x02"
    )
    described = unit_json(unit(0, values=None, record=record, kind="administrative"))
    assert described["record"] == record_json(record)
    assert described["kind"] == "administrative"
    assert not {"values", "payload", "codec"} & described.keys()


def test_what_a_codec_of_a_user_says() -> None:
    decoded = Decoded(codec="mine", value=None)
    described = unit_json(unit(0, values=None, stream_info=None, decoded=decoded))
    assert (described["codec"], described["decoded"]) == ("mine", None)
    assert (described["type"], described["format"]) == (None, None)
    assert described["payload"]
    failed = unit_json(unit(0, values=None, decoded=Decoded(codec="mine", problem="no")))
    assert failed["undecoded"] == "no"
    assert "decoded" not in failed


def test_values_that_json_has_no_word_for() -> None:
    counter = SubCounter(SubCounterIndex(IndexKind.CAUSE, 3), 7)
    given = {"a": None, "b": float("nan"), "c": "text", "d": counter, "e": 2**63}
    assert unit_json(unit(0, values=given))["values"] == {
        "a": None,
        "b": "NaN",
        "c": "text",
        "d": {"subCounterIndex": {"cause": 3}, "subCounterValue": 7},
        "e": 2**63,
    }


def test_what_has_no_values_comes_as_it_came() -> None:
    described = unit_json(unit(0, values=None, object_dn=None, time_ns=None, payload=b"\xff\x00"))
    assert described["payload"] == "/wA="
    assert "values" not in described
    assert described["time"] is described["object"] is None
    assert described["raw_bytes"] == 2


@pytest.mark.parametrize(
    ("kind", "cause", "expected"),
    [
        ("quarantined", "unknownStream", {"kind": "quarantined", "cause": "unknownStream"}),
        ("duplicate", "", {"kind": "duplicate"}),
        ("keep-alive", "", {"kind": "keep-alive"}),
    ],
)
def test_what_was_not_delivered_says_so(kind: str, cause: str, expected: dict[str, str]) -> None:
    described = unit_json(unit(0, kind=kind, cause=cause, values=None))
    assert described.items() >= expected.items()
    assert ("cause" in described) is bool(cause)


def test_what_damage_swallowed_is_null() -> None:
    described = unit_json(unit(0, connection_id=None, producer_id=None, stream_id=None))
    assert [described[name] for name in ("connection", "producer", "stream")] == [None] * 3


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500Z"),
        (1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        (-1_000_000_000, "1969-12-31T23:59:59.000Z"),
        (10**21, str(10**21)),
    ],
)
def test_times(time_ns: int, expected: str) -> None:
    assert unit_json(unit(0, time_ns=time_ns))["time"] == expected


def test_lines_are_ascii_and_end() -> None:
    lines = json_lines([unit(1, object_dn="Cell=\u00e9\n"), unit(2)])
    assert lines.isascii()
    first, second, end = lines.split(b"\n")
    assert json.loads(first)["object"] == "Cell=\u00e9\n"
    assert json.loads(second)["values"] == {"x": 2}
    assert end == b""
    assert json_lines([]) == b""


def test_the_units_of_a_log(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            [FIRST, measured(5)],
            [frame(b"opaque", 1000, 2)],
            [frame(b"junk", disposition=Disposition.QUARANTINED, cause="undecodable")],
            [frame(b"", disposition=Disposition.KEEP_ALIVE)],
        ],
    )
    kinds = [(u["stream"], u.get("kind")) for u in map(unit_json, stored_units(tmp_path))]
    assert kinds[0] == ("1", None)
    assert kinds[2:] == [(None, "quarantined"), (None, "keep-alive")]


def test_an_opaque_stream_of_a_log(tmp_path: Path) -> None:
    write(tmp_path, [[established("a", 1, STREAMS[-1:]), frame(b"opaque")]])
    (described,) = map(unit_json, stored_units(tmp_path))
    assert described["stream"] == "bare"
    assert described["payload"] == "b3BhcXVl"
    assert "kind" not in described
