"""Every operation against a real collector, by a producer that shares no code with it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.system.client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    KEY,
    PING,
    PONG,
    TEXT,
    VECTOR,
    Producer,
    pdsus,
    performance,
)
from tests.system.processes import collecting, inspected

pytestmark = pytest.mark.timeout(20)
UNKNOWN = "/connections/AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Producer]:
    with collecting(tmp_path_factory.mktemp("data")) as collector:
        yield Producer(collector.url)


def token(path: str) -> str:
    return path.rpartition("/")[2]


def stream_ids(producer: Producer, path: str) -> list[str]:
    return list(producer.ask("GET", path).json["streams"])


# --- establishStreamingConnection ---------------------------------------------------------------


def test_establish_answers_201_with_an_absolute_location(producer: Producer) -> None:
    body = {"producer": "ManagedElement=gnb1", "streams": [performance(5)]}
    answer = producer.ask("POST", "/connections", body)
    assert answer.status == 201
    location = answer.headers["location"]
    assert location.startswith(f"{producer.url}/connections/")
    assert producer.ask("GET", location.removeprefix(producer.url)).json == {
        "connection": location,
        "producer": "ManagedElement=gnb1",
        "streams": ["5"],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"producerId": "P", "streamInfoList": [performance(5)]},
        {"producerId": "P", "StreamInfoList": [performance(5)]},
        {
            "producer": "P",
            "streams": [
                {
                    "streamId": "5",
                    "streamType": "PERFORMANCE",
                    "serializationFormat": "GPB",
                    "measObjDn": "ManagedElement=gnb1",
                    "measTypes": ["RRU.PrbTotDl"],
                }
            ],
        },
    ],
    ids=["tables", "flow", "flat"],
)
def test_establish_reads_the_spellings_of_stage_2_and_the_tables(
    producer: Producer, body: dict[str, Any]
) -> None:
    answer = producer.ask("POST", "/connections", body)
    assert answer.status == 201
    path = answer.headers["location"].removeprefix(producer.url)
    assert stream_ids(producer, path) == ["5"]


def test_establish_refuses_unexpected_streams_one_by_one(producer: Producer) -> None:
    nameless = performance(6)
    nameless["additionalInfo"]["measObjDn"] = ""
    twice = [performance(8), performance(8)]
    before = producer.ask("GET", "/connections").json
    body = {"producer": "P", "streams": [performance(5), nameless, *twice]}
    answer = producer.ask("POST", "/connections", body)
    assert answer.status == 400
    errors = answer.json["error"]
    assert [each["streamId"] for each in errors] == ["6", "8"]
    assert all(each["errorReason"].startswith("unexpectedStreams") for each in errors)
    assert producer.ask("GET", "/connections").json == before


def test_establish_needs_streams(producer: Producer) -> None:
    answer = producer.ask("POST", "/connections", {"producer": "P", "streams": []})
    assert answer.status == 400
    assert b"unexpectedStreams" in answer.body


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b"null", b'{"producer": 1}', b'{"producer": "P", "streams": 5}'],
)
def test_a_body_that_is_not_what_it_should_be_is_400(producer: Producer, body: bytes) -> None:
    assert producer.ask("POST", "/connections", body).status == 400


def test_another_content_type_is_415(producer: Producer) -> None:
    body = {"producer": "P", "streams": [performance(5)]}
    answer = producer.ask("POST", "/connections", body, {"Content-Type": "text/xml"})
    assert answer.status == 415


def test_who_takes_no_json_is_answered_406(producer: Producer) -> None:
    assert producer.ask("GET", "/connections", headers={"Accept": "text/xml"}).status == 406
    assert producer.ask("GET", "/connections", headers={"Accept": "*/*"}).status == 200


def test_a_body_of_gigabytes_is_413_before_it_is_sent(producer: Producer) -> None:
    headers = {"Content-Length": str(1 << 32), "Content-Type": "application/json"}
    assert producer.ask("POST", "/connections", None, headers).status == 413


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/connections", {"GET", "POST"}),
        ("PUT", "/connections", {"GET", "POST"}),
        ("DELETE", UNKNOWN, {"GET"}),
        ("PATCH", UNKNOWN, {"GET"}),
        ("PUT", f"{UNKNOWN}/streams", {"GET", "POST", "DELETE"}),
        ("DELETE", f"{UNKNOWN}/streams/5", {"GET"}),
    ],
)
def test_methods_that_are_not_listed_are_405(
    producer: Producer, method: str, path: str, allowed: set[str]
) -> None:
    answer = producer.ask(method, path)
    assert answer.status == 405
    named = {each.strip() for each in answer.headers["allow"].split(",")}
    assert allowed <= named
    assert named <= {*allowed, "HEAD", "OPTIONS"}


def test_other_paths_are_404(producer: Producer) -> None:
    for path in ("", "/", "/connection", f"{UNKNOWN}/stream", f"{UNKNOWN}/streams/5/more"):
        assert producer.ask("GET", path).status == 404


# --- addStream ----------------------------------------------------------------------------------


def test_add_streams(producer: Producer) -> None:
    path = producer.establish(performance(5))
    added = producer.ask("POST", f"{path}/streams", [performance(6), performance(7)])
    assert added.status == 201
    assert added.json == [performance(6), performance(7)]

    named = producer.ask("POST", f"{path}/streams", {"streamInfoList": [performance(8)]})
    assert (named.status, named.json) == (201, [performance(8)])

    some = producer.ask("POST", f"{path}/streams", [performance(5), performance(9)])
    assert (some.status, some.json) == (202, [performance(9)])

    none = producer.ask("POST", f"{path}/streams", [performance(5), performance(6)])
    assert none.status == 409
    assert none.error.startswith("duplicateStream")

    nameless = performance(11)
    nameless["additionalInfo"]["measObjDn"] = ""
    wrong = producer.ask("POST", f"{path}/streams", [performance(10), nameless])
    assert wrong.status == 400
    assert wrong.error.startswith("unexpectedStreams")
    assert stream_ids(producer, path) == ["5", "6", "7", "8", "9"]


def test_add_streams_to_nothing_is_404(producer: Producer) -> None:
    answer = producer.ask("POST", f"{UNKNOWN}/streams", [performance(5)])
    assert answer.status == 404
    assert answer.error.startswith("unknownConnection")


# --- deleteStream -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["streamIds=6,7", "streamIds=6&streamIds=7", "streamIdList=6,7"],
)
def test_delete_streams(producer: Producer, query: str) -> None:
    path = producer.establish(performance(5), performance(6), performance(7))
    answer = producer.ask("DELETE", f"{path}/streams?{query}")
    assert (answer.status, answer.body) == (204, b"")
    assert stream_ids(producer, path) == ["5"]


def test_delete_is_all_or_nothing(producer: Producer) -> None:
    path = producer.establish(performance(5), performance(6))
    answer = producer.ask("DELETE", f"{path}/streams?streamIds=6,9")
    assert answer.status == 404
    assert answer.error == "unknownStreamId: 9"
    assert stream_ids(producer, path) == ["5", "6"]
    assert producer.ask("DELETE", f"{path}/streams").status == 400
    missing = producer.ask("DELETE", f"{UNKNOWN}/streams?streamIds=5")
    assert missing.status == 404
    assert missing.error.startswith("unknownConnection")


# --- getConnectionInfo and getStreamInfo --------------------------------------------------------


def test_get_connections(producer: Producer) -> None:
    one, two = producer.establish(performance(5)), producer.establish(performance(6))
    infos = [
        {
            "connection": producer.url + path,
            "producer": "ManagedElement=gnb1",
            "streams": [stream],
        }
        for path, stream in ((one, "5"), (two, "6"))
    ]
    everything = producer.ask("GET", "/connections")
    assert everything.status == 200
    assert [each for each in everything.json if each in infos] == infos
    queries = [
        f"{token(one)},{token(two)}",
        f"{token(one)}&connectionIdList={token(two)}",
        f"{quote(producer.url + one, safe='')},{quote(producer.url + two, safe='')}",
    ]
    for query in queries:
        answer = producer.ask("GET", f"/connections?connectionIdList={query}")
        assert (answer.status, answer.json) == (200, infos)

    some = producer.ask("GET", f"/connections?connectionIdList={token(one)},nobody")
    assert (some.status, some.json) == (202, infos[:1])
    none = producer.ask("GET", "/connections?connectionIdList=nobody,nothing")
    assert none.status == 404
    assert none.error == "unknownConnectionId: nobody, nothing"

    assert producer.ask("GET", one).json == infos[0]
    gone = producer.ask("GET", UNKNOWN)
    assert gone.status == 404
    assert gone.error.startswith("unknownConnection")


def test_get_streams(producer: Producer) -> None:
    path = producer.establish(performance(21), performance(22))
    other = {"producer": "ManagedElement=gnb2", "streams": [performance(22)]}
    assert producer.ask("POST", "/connections", other).status == 201
    both = [
        {"streamInfo": performance(21), "reporters": ["ManagedElement=gnb1"]},
        {
            "streamInfo": performance(22),
            "reporters": ["ManagedElement=gnb1", "ManagedElement=gnb2"],
        },
    ]
    for query in ("", "?streamIds=", "?streamIds=21,22", "?streamIds=21&streamIds=22"):
        answer = producer.ask("GET", f"{path}/streams{query}")
        assert (answer.status, answer.json) == (200, both)
    some = producer.ask("GET", f"{path}/streams?streamIds=22,99")
    assert (some.status, some.json) == (202, both[1:])
    none = producer.ask("GET", f"{path}/streams?streamIds=98,99")
    assert none.status == 404
    assert none.error == "unknownStreamId: 98, 99"
    one = producer.ask("GET", f"{path}/streams/21")
    assert (one.status, one.json) == (200, both[0])
    assert producer.ask("GET", f"{path}/streams/99").status == 404
    assert producer.ask("GET", f"{UNKNOWN}/streams").error.startswith("unknownConnection")


# --- the upgrade --------------------------------------------------------------------------------


def test_an_upgrade_without_its_connection_is_404(producer: Producer) -> None:
    answer = producer.ask("GET", UNKNOWN, headers=HANDSHAKE)
    assert answer.status == 404
    assert answer.error.startswith("unknownConnection")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": ""}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": "h2c"}, 400),
    ],
)
def test_a_wrong_handshake(producer: Producer, changed: dict[str, str], status: int) -> None:
    path = producer.establish()
    answer = producer.ask("GET", path, headers={**HANDSHAKE, **changed})
    assert answer.status == status
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"
    socket = producer.upgrade(path)  # it left no trace
    assert socket.close() == (CLOSE, 1000)


def test_a_second_upgrade_is_409_and_the_first_channel_is_probed(producer: Producer) -> None:
    path = producer.establish()
    socket = producer.upgrade(path)
    answer = producer.ask("GET", path, headers=HANDSHAKE)
    assert answer.status == 409
    assert answer.error.startswith("connectionInUse")
    opcode, payload = socket.receive()
    assert opcode == PING
    socket.send(PONG, payload)
    socket.ask_durable()
    assert socket.close() == (CLOSE, 1000)


def test_the_handshake_offers_nothing_that_was_not_asked_for(producer: Producer) -> None:
    path = producer.establish()
    headers = {"Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "x"}
    plain = producer.ask("GET", path, headers={**HANDSHAKE, **headers, "Sec-WebSocket-Key": KEY})
    assert plain.status == 101
    assert "sec-websocket-extensions" not in plain.headers
    assert "sec-websocket-protocol" not in plain.headers


# --- reportStreamData and terminateStreamingConnection ------------------------------------------


def test_a_close_is_answered_with_1000_and_ends_the_connection(producer: Producer) -> None:
    path = producer.establish()
    assert producer.upgrade(path).close(1000) == (CLOSE, 1000)
    assert producer.ask("GET", path).status == 404


def test_a_broken_channel_leaves_the_connection_for_another(producer: Producer) -> None:
    path = producer.establish()
    producer.upgrade(path).drop()
    assert producer.ask("GET", path).status == 200
    statuses = [409]
    while statuses[-1] == 409:  # until the collector has seen the end of the socket
        statuses.append(producer.ask("GET", path, headers=HANDSHAKE).status)
    assert statuses[-1] == 101


@pytest.mark.parametrize(
    ("opcode", "payload", "code"),
    [
        (TEXT, b"text", 1003),
        (CONTINUATION, b"of nothing", 1002),
        (0x3, b"reserved", 1002),
        (0x42, b"a reserved bit", 1002),
        (PING, bytes(126), 1002),
    ],
    ids=["text", "continuation", "reserved", "compressed", "long ping"],
)
def test_a_violation_is_closed_with_its_code(
    producer: Producer, opcode: int, payload: bytes, code: int
) -> None:
    path = producer.establish()
    socket = producer.upgrade(path)
    socket.send(BINARY, VECTOR)
    socket.send(opcode, payload)
    assert socket.closed_by_peer() == code
    assert producer.ask("GET", path).status == 200


def test_a_message_that_is_too_big_is_1009_before_it_is_sent(producer: Producer) -> None:
    socket = producer.upgrade(producer.establish())
    socket.send_head(BINARY, (16 << 20) + 1)
    assert socket.closed_by_peer() == 1009


def test_a_websockets_client_reports_and_terminates(producer: Producer) -> None:
    path = producer.establish()
    url = (producer.url + path).replace("http:", "ws:")
    with connect(url, compression=None, proxy=None) as websocket:
        websocket.send(VECTOR)
        assert websocket.ping().wait(10)
        websocket.close()
        assert websocket.close_code == 1000
    with connect(  # the connection is gone, but another can be made
        (producer.url + producer.establish()).replace("http:", "ws:"), proxy=None
    ) as websocket:
        websocket.send("text")
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003


# --- what inspect shows -------------------------------------------------------------------------


def test_everything_that_was_sent_is_shown_by_inspect(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        producer = Producer(collector.url)
        path = producer.establish(performance(5), performance(6, "A", "B", "C"))
        socket = producer.upgrade(path)
        socket.send(BINARY, VECTOR)
        socket.send(BINARY, pdsus(6, 1, 2, 3) + pdsus(5, 4, 5))
        whole = pdsus(5, 10, 11)
        socket.send(BINARY, whole[:7], final=False)
        socket.send(PING, b"in the middle")
        socket.send(CONTINUATION, whole[7:15], final=False)
        socket.send(CONTINUATION, whole[15:])
        assert socket.receive() == (PONG, b"in the middle")
        socket.send(BINARY)  # empty: keep-alive
        socket.send(BINARY, pdsus(5, 1, 2, 3))  # one value too many
        socket.send(BINARY, b"\xff\xff")
        assert producer.ask("DELETE", f"{path}/streams?streamIds=6").status == 204
        socket.send(BINARY, pdsus(6, 1, 2, 3))
        socket.ask_durable()
        collector.end(signal.SIGKILL)
        socket.drop()
        units = inspected(tmp_path)

    assert {(unit["connection"], unit["producer"]) for unit in units} == {
        (token(path), "ManagedElement=gnb1")
    }
    delivered = [unit for unit in units if "kind" not in unit]
    cell = "ManagedElement=gnb1,NRCellDU="
    assert [(u["stream"], u["object"], u["values"]) for u in delivered[1:]] == [
        ("6", f"{cell}6", {"A": 1, "B": 2, "C": 3}),
        ("5", f"{cell}5", {"RRU.PrbTotDl": 4, "DRB.UEThpDl": 5}),
        ("5", f"{cell}5", {"RRU.PrbTotDl": 10, "DRB.UEThpDl": 11}),
    ]
    first = delivered[0]
    assert first["values"]["RRU.PrbTotDl"] == 7
    assert "9" in json.dumps(first["values"]["DRB.UEThpDl"])
    assert {unit["time"] for unit in delivered} == {"2021-08-16T16:01:37.000Z"}
    aside = [unit for unit in units if "kind" in unit]
    assert [(unit["kind"], unit["cause"]) for unit in aside] == [
        ("quarantined", "wrongValueCount"),
        ("quarantined", "undecodable"),
        ("quarantined", "unknownStream"),
    ]


def test_sigterm_closes_channels_with_1001_and_is_exit_code_0(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        producer = Producer(collector.url)
        sockets = [producer.upgrade(producer.establish()) for _ in range(3)]
        for socket in sockets:
            socket.send(BINARY, VECTOR)
            socket.ask_durable()
        collector.tell(signal.SIGTERM)
        assert [socket.closed_by_peer() for socket in sockets] == [1001] * 3
        assert collector.wait() == 0
        assert len(inspected(tmp_path)) == 3
