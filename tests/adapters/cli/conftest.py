from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.adapters.cli.running import Run, mnstream


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    return partial(mnstream, monkeypatch=monkeypatch, capsys=capsys)
