"""What the commands that read captures say alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest

from mnstream.adapters.storage.segments import Segments
from tests.adapters.cli.running import Run
from tests.adapters.storage.helpers import batch, frame


@pytest.mark.parametrize("command", ["inspect", "audit", "diff"])
def test_records_of_later_kinds_are_named_and_are_no_failure(
    run: Callable[..., Run], tmp_path: Path, command: str
) -> None:
    segments = Segments(tmp_path / "log")
    known = batch(0, frame(b"of a kind that is known"))
    segments.commit(replace(known, pieces=[cbor2.dumps([9, 1000, "of another"])]))
    segments.close()
    captures = [str(tmp_path / "log")] * (2 if command == "diff" else 1)
    done = run(command, *captures)
    assert done.code == 0
    told = f"mnstream {command}: 1 records of kind 9, which this program does not know"
    assert done.err.splitlines() == [f"{told}, were passed over" for _ in captures]
