"""What each request of an operator is answered, and who is an operator."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.observability import (
    EVERYWHERE,
    METRICS_TYPE,
    Admin,
    Metrics,
    Readiness,
    StreamingViews,
)
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.storage import MemoryLog
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import StreamId
from mnstream.ports.sink import SinkStatus
from mnstream.ports.transport import Peer
from mnstream.testing.logs import STREAMS, performance_stream
from tests.adapters.observability.helpers import busy_consumer, establish, make_consumer

pytestmark = pytest.mark.anyio

LOCAL = Peer(address="127.0.0.1:40000")


class Bench:
    """An Admin and what it looks at."""

    def __init__(self, consumer: StreamingConsumer | None = None, **options: Any) -> None:
        self.consumer = consumer or busy_consumer()
        self.log = MemoryLog()
        self.stopping = False
        self.sink = SinkStatus(
            name="jsonl:x", position=5, lag_records=3, units_written=8, holes=0, trouble=""
        )
        views = StreamingViews(
            self.consumer,
            clock=FixedClock(wall_ms=0, monotonic_ms=5000),
            sinks=lambda: [self.sink],
            tails=lambda: [{"path": "/captures/a", "position": 7, "trouble": ""}],
        )
        self.admin = Admin(
            readiness=Readiness(self.consumer, self.log, stopping=lambda: self.stopping),
            metrics=Metrics(self.consumer, process=False),
            resources=views.resources(),
            **options,
        )

    async def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        peer: Peer = LOCAL,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> HttpResponse | None:
        request = HttpRequest(method=method, target=target, headers=headers)
        return await self.admin(request, peer)

    async def get(self, target: str, status: int = 200) -> Any:
        response = await self.ask(target)
        assert response is not None
        assert response.status == status, response.body
        assert response.header("Content-Type") == "application/json"
        return json.loads(response.body)


async def test_alive() -> None:
    assert await Bench().get("/healthz") == {"alive": True}


async def test_ready() -> None:
    assert await Bench().get("/readyz") == {"ready": True, "reasons": []}


async def test_not_ready_says_every_reason() -> None:
    bench = Bench(make_consumer(connections_max=1))
    establish(bench.consumer, "a", performance_stream("1", "x"))
    bench.stopping = True
    bench.log.set_room(room=False)
    bench.log.set_trouble("log: No space left on device")
    answer = await bench.get("/readyz", 503)
    assert answer["ready"] is False
    assert [reason["cause"] for reason in answer["reasons"]] == [
        "stopping",
        "log_trouble",
        "log_full",
        "connections_full",
    ]
    assert answer["reasons"][1]["detail"] == "log: No space left on device"
    assert all(reason["detail"] for reason in answer["reasons"])


async def test_ready_again_by_itself() -> None:
    bench = Bench()
    bench.log.set_room(room=False)
    await bench.get("/readyz", 503)
    bench.log.set_room(room=True)
    await bench.get("/readyz", 200)


async def test_metrics() -> None:
    response = await Bench().ask("/metrics")
    assert response is not None
    assert response.status == 200
    assert response.header("Content-Type") == METRICS_TYPE
    assert b'mnstream_frames_total{disposition="delivered"} 2.0' in response.body


async def test_the_ledger_adds_up() -> None:
    answer = await Bench().get("/admin/api/ledger")
    assert answer["frames"] == {
        "delivered": 2,
        "duplicate": 0,
        "quarantined": 2,
        "keep-alive": 1,
    }
    assert sum(answer["frames"].values()) == answer["frames_total"] == 5
    assert sum(answer["quarantined"].values()) == 2
    assert answer["connections"] == {"established": 2, "terminated": 0, "expired": 0}
    assert answer["channels"] == {"opened": 1, "lost": 0, "violated": {}}


async def test_connections() -> None:
    answer = await Bench().get("/admin/api/connections")
    assert answer["total"] == 2
    assert answer["next"] is None
    assert answer["connections"] == [
        {
            "connection": "a",
            "producer": "NF=1",
            "identity": "CN=nf-1",
            "state": "open",
            "established": "2023-11-14T22:13:20.000Z",
            "silent_ms": 2000,
            "stream_count": 2,
            "streams_version": 1,
        },
        {
            "connection": "b",
            "producer": "NF=2",
            "identity": "CN=nf-1",
            "state": "announced",
            "established": "2023-11-14T22:13:20.000Z",
            "silent_ms": None,
            "stream_count": 1,
            "streams_version": 2,
        },
    ]


async def test_one_connection_with_a_page_of_its_streams() -> None:
    answer = await Bench().get("/admin/api/connections/a?limit=1")
    assert answer["producer"] == "NF=1"
    assert answer["next"] == "1"
    assert answer["streams"] == [
        {
            "stream": "1",
            "type": "PERFORMANCE",
            "format": "GPB",
            "producers": ["NF=1"],
            "connection": "a",
            "object": "SubNetwork=1,ManagedElement=\u00e9",
            "metrics": ["x"],
        }
    ]
    rest = await Bench().get("/admin/api/connections/a?limit=1&after=1")
    assert [stream["stream"] for stream in rest["streams"]] == ["2"]
    assert rest["next"] is None


async def test_streams_name_everybody_who_reports_them() -> None:
    answer = await Bench().get("/admin/api/streams")
    assert [(s["stream"], s["producers"]) for s in answer["streams"]] == [
        ("1", ["NF=1"]),
        ("2", ["NF=1", "NF=2"]),
    ]
    assert answer["total"] == 2
    assert (await Bench().get("/admin/api/streams/2"))["producers"] == ["NF=1", "NF=2"]


async def test_pages_neither_skip_nor_repeat() -> None:
    consumer = make_consumer()
    names = [str(number) for number in range(100, 125)]
    establish(consumer, "a", *(performance_stream(name, "x") for name in reversed(names)))
    bench = Bench(consumer)
    seen: list[str] = []
    target = "/admin/api/streams?limit=10"
    while True:
        answer = await bench.get(target)
        seen += [stream["stream"] for stream in answer["streams"]]
        if answer["next"] is None:
            break
        target = f"/admin/api/streams?limit=10&after={answer['next']}"
    assert seen == names


async def test_identifiers_may_need_percent_encoding() -> None:
    consumer = make_consumer()
    establish(consumer, "a", replace(STREAMS[-1], stream_id=StreamId("x/y z")))
    bench = Bench(consumer)
    assert (await bench.get("/admin/api/streams/x%2Fy%20z"))["stream"] == "x/y z"
    assert (await bench.get("/admin/api/streams?after=x%2Fy%20"))["total"] == 1


async def test_sinks() -> None:
    assert (await Bench().get("/admin/api/sinks"))["sinks"] == [
        {
            "name": "jsonl:x",
            "position": 5,
            "lag_records": 3,
            "units_written": 8,
            "holes": 0,
            "trouble": "",
        }
    ]


async def test_tails() -> None:
    assert (await Bench().get("/admin/api/tails"))["tails"] == [
        {"path": "/captures/a", "position": 7, "trouble": ""}
    ]


async def test_the_api_lists_what_it_has() -> None:
    answer = await Bench().get("/admin/api")
    assert answer == {"resources": ["connections", "ledger", "sinks", "streams", "tails"]}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=99999999", "page=2"],
)
async def test_a_bad_query_is_refused(query: str) -> None:
    assert (await Bench().get(f"/admin/api/streams?{query}", 400))["error"]


async def test_broken_escapes_are_refused() -> None:
    await Bench().get("/admin/api/streams/%zz", 400)
    await Bench().get("/admin/api/streams?after=%ff", 400)


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/admin/",
        "/admin/api/",
        "/admin/api/nothing",
        "/admin/api/connections/zzz",
        "/admin/api/connections/a/streams",
        "/admin/api/streams/zzz",
        "/admin/api/streams/1/2",
        "/admin/api/ledger/x",
        "/admin/api/sinks/x",
        "/admin/api/tails/x",
    ],
)
async def test_what_does_not_exist_below_admin(path: str) -> None:
    assert path in (await Bench().get(path, 404))["error"]


@pytest.mark.parametrize(
    "path", ["/", "/connections", "/console", "/healthz/", "/administration", "/metrics/x", "*"]
)
async def test_everything_else_is_left_to_others(path: str) -> None:
    assert await Bench().ask(path) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_nothing_can_be_changed(method: str) -> None:
    response = await Bench().ask("/admin/api/streams", method=method)
    assert response is not None
    assert response.status == 405
    assert response.header("Allow") == "GET, HEAD"
    unknown = await Bench().ask("/admin/x", method=method)
    assert unknown is not None
    assert unknown.status == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/admin/api/ledger"])
async def test_head_is_answered_as_get(path: str) -> None:
    bench = Bench()
    assert await bench.ask(path, method="HEAD") == await bench.ask(path)


async def test_an_absolute_target_is_understood() -> None:
    assert await Bench().get("http://collector:80/healthz") == {"alive": True}


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("::1:1", True),
        ("[::1]:1", True),
        ("::ffff:127.0.0.1:1", True),
        ("192.0.2.1:1", False),
        ("::ffff:192.0.2.1:1", False),
        ("2001:db8::1:1", False),
        ("fe80::1%eth0:1", False),
        ("localhost:1", False),
        ("/run/socket", False),
        ("", False),
    ],
)
async def test_only_this_machine_is_answered(address: str, admitted: bool) -> None:
    response = await Bench().ask("/healthz", peer=Peer(address=address))
    assert (response is not None) is admitted


async def test_other_peers_when_configured() -> None:
    bench = Bench(admin_peers=[ip_network("192.0.2.0/24")])
    assert await bench.ask("/healthz", peer=Peer(address="192.0.2.7:1")) is not None
    assert await bench.ask("/healthz", peer=Peer(address="::ffff:192.0.2.7:1")) is not None
    assert await bench.ask("/healthz") is None


@pytest.mark.parametrize("address", ["192.0.2.7:1", "2001:db8::1:1", "fe80::1%eth0:1", "::1:1"])
async def test_everybody_when_configured(address: str) -> None:
    bench = Bench(admin_peers=EVERYWHERE)
    headers = (("Host", "metrics.example:9090"), ("Via", "1.1 proxy"))
    assert await bench.ask("/metrics", peer=Peer(address=address), headers=headers) is not None


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("localhost", True),
        ("LocalHost:8532", True),
        ("127.0.0.1", True),
        ("127.0.1.1:8532", True),
        ("[::1]", True),
        ("[::1]:8532", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("0.0.0.0:8532", True),
        ("[::]:8532", True),
        ("collector.example", False),
        ("localhost.example:8532", False),
        ("192.0.2.1:8532", False),
        ("[2001:db8::1]", False),
        ("", False),
    ],
)
async def test_this_machine_is_asked_for_by_its_own_name(host: str, admitted: bool) -> None:
    # A page that had its name resolved to 127.0.0.1 still asks for that name.
    response = await Bench().ask("/metrics", headers=(("Host", host),))
    assert (response is not None) is admitted


@pytest.mark.parametrize("header", ["X-Forwarded-For", "forwarded", "Via", "X-Real-IP"])
async def test_a_proxy_on_this_machine_does_not_make_its_clients_operators(header: str) -> None:
    headers = ((header, "192.0.2.1"),)
    assert await Bench().ask("/metrics", headers=headers) is None
    asked = Bench(admin_peers=[ip_network("127.0.0.1/32")])
    assert await asked.ask("/metrics", headers=headers) is not None
