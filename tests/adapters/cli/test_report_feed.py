"""What ``mnstream report`` reports: every type and format, on one connection, and again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mnstream.adapters.sinks import unit_json
from mnstream.adapters.storage import stored_units
from mnstream.core.values import Json
from tests.adapters.cli.running import Run
from tests.system.processes import collecting

NOBODY = ("report", "--target", "http://127.0.0.1:1", "--producer-id", "P")
ALL_TYPES = ("PERFORMANCE", "TRACE", "ANALYTICS", "PROPRIETARY")
EVERYTHING = tuple(option for each in ALL_TYPES for option in ("--type", each))
BOTH_FORMATS = ("--format", "GPB", "--format", "ASN1")

Kinds = Counter[tuple[str, str]]


def inspected(data: Path) -> list[dict[str, Json]]:
    return [unit_json(unit) for unit in stored_units(data)]


def kinds(units: Sequence[dict[str, Json]]) -> Kinds:
    """Count good units by type and format; anything else fails."""
    assert {str(unit.get("kind", "")) for unit in units} <= {"", "administrative"}
    return Counter((str(unit["type"]), str(unit["format"])) for unit in units)


def test_all_types_and_formats_share_a_connection_and_are_reported_again(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    simulated = ("--streams", "2", "--count", "10", "--json", *EVERYTHING, *BOTH_FORMATS)
    with collecting(tmp_path / "data") as collector:
        target = ("--target", collector.url)
        done = run(*NOBODY, *target, *simulated)
        assert done.code == 0, done.err
        summary = json.loads(done.out)
        assert (summary["sent"], summary["acknowledged"], summary["connections"]) == (10, 10, 1)
    units = inspected(tmp_path / "data")
    assert kinds(units) == {
        ("PERFORMANCE", "GPB"): 4,
        ("PERFORMANCE", "ASN1"): 4,
        ("TRACE", "GPB"): 4,
        ("ANALYTICS", "GPB"): 2,
        ("PROPRIETARY", "GPB"): 2,
    }
    assert len({str(unit["stream"]) for unit in units}) == 10
    assert len({str(unit["connection"]) for unit in units}) == 1

    again = (*NOBODY, "--from", str(tmp_path / "data"), *EVERYTHING, "--format", "ASN1")
    with collecting(tmp_path / "again") as collector:
        done = run(*again, "--target", collector.url)
        assert done.code == 0, done.err
        assert done.err.count("ASN.1 carries whole seconds") == 1
    assert kinds(inspected(tmp_path / "again")) == {
        ("PERFORMANCE", "ASN1"): 8,
        ("TRACE", "GPB"): 4,
        ("ANALYTICS", "GPB"): 2,
        ("PROPRIETARY", "GPB"): 2,
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--type", "TRACE", "--format", "ASN1"), "--type TRACE has no --format ASN1"),
        (
            ("--type", "TRACE", "--type", "ANALYTICS", "--source", "host"),
            "--source host reports --type PERFORMANCE",
        ),
        (("--from", "-", *BOTH_FORMATS), "--from takes one --format"),
        (
            ("--from", "-", "--type", "TRACE"),
            "--from with lines of JSON reports --type PERFORMANCE only",
        ),
        (("--from", "/no/such/file"), "--from: /no/such/file: No such file or directory"),
        (("--type", "OTHER"), "'--type': 'OTHER' is not one of"),
        (("--rate", "nan"), "'--rate': 'nan' is not a number"),
        (("--rate", "inf"), "'--rate': 'inf' is not a number"),
        (("--give-up", "nan"), "'--give-up': 'nan' is not a number"),
        (("--give-up", "inf"), "'--give-up': inf is not in the range"),
        (("--give-up", "1e306"), "'--give-up': 1e+306 is not in the range"),
        (("--producer-id", "M=\udcff"), "'--producer-id': 'M=\\udcff' is not UTF-8"),
    ],
)
def test_options_that_contradict_each_other_are_named(
    options: Sequence[str], problem: str, run: Callable[..., Run]
) -> None:
    done = run(*NOBODY, *options)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err
    assert done.err.count("\n") == 1


def test_a_line_that_asn1_cannot_carry_is_named(run: Callable[..., Run], tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text('{"object": "A=1", "values": {"m": null}}\n', encoding="utf-8")
    done = run(*NOBODY, "--from", str(lines), "--format", "ASN1")
    assert (done.code, done.out) == (3, "")
    assert f"--from {lines}: line 1: cannot be written as PDSU_ASN1: " in done.err
