"""Run the command line in this process, as the entry point does."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from mnstream.adapters.cli.main import main


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


def mnstream(
    *args: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setattr(sys, "argv", ["mnstream", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return Run(code, captured.out, captured.err)
