"""P6 and P7: only what the recipient really took counts, and each side is what it says."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mnstream.adapters.bench import notifications
from mnstream.adapters.bench.processes import BenchmarkFailed, ServerProcess, running
from mnstream.adapters.bench.registry import Benchmark
from mnstream.adapters.bench.settings import Settings


def tiny(directory: Path, connections: int = 5) -> Settings:
    return Settings(seconds=0.05, rounds=1, connections=connections, directory=directory)


@pytest.mark.parametrize("status", ["404", "410"])
@pytest.mark.parametrize("measure", [notifications.measure_durable, notifications.measure_many])
def test_what_a_recipient_does_not_take_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measure: Benchmark, status: str
) -> None:
    def refusing(module: str) -> AbstractContextManager[ServerProcess]:
        return running(module, "--status", status)

    monkeypatch.setattr(notifications, "running", refusing)
    with pytest.raises(BenchmarkFailed, match=r"recipient|delivered"):
        measure(tiny(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_peer_posts_what_a_notifier_posts(tmp_path: Path) -> None:
    result = notifications.measure_durable(tiny(tmp_path))
    body_bytes = result.extra["body_bytes"]
    assert isinstance(body_bytes, int)
    assert 300 < body_bytes < 1_000
    assert len(result.rounds) == 1
    assert list(tmp_path.iterdir()) == []


def test_as_many_subscriptions_as_connections_are_wanted(tmp_path: Path) -> None:
    result = notifications.measure_many(tiny(tmp_path, connections=3))
    assert result.extra["subscriptions"] == 3
    assert result.ours.name == "3 subscriptions"
