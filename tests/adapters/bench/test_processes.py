"""Server processes: ready, asked, gone; and what happens when they do not do their part."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from mnstream.adapters.bench.client import Establisher, WebSocketClient, pour
from mnstream.adapters.bench.fleet import affordable, check_open, fleet, limit_note
from mnstream.adapters.bench.frames import frames, on_the_wire, stream_infos, stream_number
from mnstream.adapters.bench.processes import BenchmarkFailed, running
from mnstream.adapters.bench.scratch import filesystem, scratch


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


def test_a_server_is_ready_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    before = children()
    with running("serve_collector", "--data", str(tmp_path)) as server:
        assert server.url.startswith("http://127.0.0.1:")
        first = server.ask("cpu")["cpu_ns"]
        assert server.ask("cpu")["cpu_ns"] > first > 0
        memory = server.ask("memory")
        assert memory["rss_bytes"] > 0
        assert memory["uss_bytes"] > 0
        assert len(children() - before) == 1
    assert children() <= before


def test_a_server_is_gone_when_the_block_raises(tmp_path: Path) -> None:
    before = children()
    with (
        pytest.raises(ZeroDivisionError),
        running("serve_collector", "--data", str(tmp_path)),
    ):
        raise ZeroDivisionError
    assert children() <= before


def test_a_server_that_does_not_start_is_a_failure() -> None:
    with (
        pytest.raises(BenchmarkFailed, match="has ended"),
        running("serve_collector", "--no-such-option"),
    ):
        pass


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_everything_that_is_poured_into_a_collector_is_acknowledged(
    tmp_path: Path, backend: str
) -> None:
    chunk = on_the_wire(frames(stream_number(0, 0, 1), 100))
    with running("serve_collector", "--backend", backend, "--data", str(tmp_path)) as server:
        establisher = Establisher(server.url)
        client = WebSocketClient(establisher.establish("p", stream_infos(0, 1)))
        establisher.close()
        sent, seconds = pour(client, chunk, 100, 0.05)
        client.close()
    assert sent >= 100
    assert seconds > 0
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.mnlog")) > sent * 97


def test_a_fleet_is_in_order_open_and_noticed_when_it_is_not(tmp_path: Path) -> None:
    with running("serve_collector", "--data", str(tmp_path)) as server:
        with fleet(server.url, range(20), streams=3) as clients:
            assert len(clients) == 20
            check_open(clients)
            server.stop()
            for client in clients:
                client.socket.settimeout(5)
                assert client.socket.recv(1) == b""
            with pytest.raises(BenchmarkFailed, match="20 of 20"):
                check_open(clients)
        with pytest.raises(OSError, match="refused"):
            WebSocketClient(server.url)


def test_what_is_no_websocket_is_refused(tmp_path: Path) -> None:
    with (
        running("serve_collector", "--data", str(tmp_path)) as server,
        pytest.raises(BenchmarkFailed, match="404"),
    ):
        WebSocketClient(f"{server.url}/connections/unknown")


def test_a_low_limit_of_open_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def low(_: int) -> tuple[int, int]:
        return 300, 300

    monkeypatch.setattr("resource.getrlimit", low)
    assert affordable(5_000) == 100
    assert affordable(50) == 50
    assert "ONLY 100 connections" in limit_note(5_000, 100)
    assert limit_note(50, 50) == ""


def test_logs_are_on_a_file_system_with_a_name_and_nothing_stays(tmp_path: Path) -> None:
    with scratch(tmp_path) as directory:
        assert directory.parent == tmp_path
        assert filesystem(directory) == filesystem(tmp_path) != ""
    assert list(tmp_path.iterdir()) == []
