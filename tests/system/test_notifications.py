"""Each notification comes out once and in order, whatever the network loses and whoever is killed.

The same at full size: ``python -m tests.system.prove_notifications``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnstream.adapters.simulation import Fate
from tests.system.notification_kit import (
    LINE_TYPE,
    broken_epochs,
    judge,
    prove,
    staged,
    without_repeats,
)

LINES = 1_000
TIMEOUT_S = 50.0
KILL_TIMEOUT_S = 30.0


def test_a_faulty_network_loses_doubles_and_disorders_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, LINES, seed=1) as scene:
        result = prove(scene, kill_every_s=None, seed=1, timeout_s=TIMEOUT_S)
    assert result["holds"], json.dumps(result, indent=2)
    assert result["handed_over"] == LINES
    counts = scene.to_subscriber.counts
    happened = {each for each in Fate if counts[each]}
    assert {Fate.SWALLOW, Fate.HANG_UP, Fate.DUPLICATE, Fate.HOLD_BACK} <= happened
    summary = result["last_summary"]
    assert summary["recovered"] >= counts[Fate.SWALLOW]
    assert summary["duplicates"] >= counts[Fate.LOSE_ANSWER]


@pytest.mark.parametrize("victims", [("notifier", "subscriber"), ("subscriber", "notifier")])
def test_killing_either_side_loses_doubles_and_disorders_nothing(
    tmp_path: Path, victims: tuple[str, str]
) -> None:
    with staged(tmp_path, LINES, seed=2) as scene:
        for number, victim in enumerate(victims, 1):
            assert scene.wait(KILL_TIMEOUT_S, 50 * number)
            scene.kill(victim)
        scene.epochs_wanted = 2  # what the notifier may have lost it admits in the second
        result = prove(scene, kill_every_s=None, seed=2, timeout_s=TIMEOUT_S)
    assert result["holds"], json.dumps(result, indent=2)
    assert result["kills"] == {"notifier": 1, "subscriber": 1}
    assert result["epochs"] == 2, "a restarted notifier counts anew"
    assert result["events"]["restarted"] == 1
    assert result["events"]["reread"] == 1, "what it may have lost beside these, it admits"


def line(epoch: int, sequence_no: int, number: int) -> dict[str, object]:
    return {
        "notificationType": LINE_TYPE,
        "epoch": epoch,
        "sequenceNo": sequence_no,
        "attributeListValueChanges": [{"number": number}],
    }


def test_the_judge_sees_what_is_wrong() -> None:
    assert judge([1, 2, 3], 3) == {"handed_over": 3, "lost": 0, "twice": 0, "out_of_order": 0}
    assert judge([1, 3], 3)["lost"] == 1
    assert judge([1, 2, 2, 3], 3)["twice"] == 1
    assert judge([1, 3, 2], 3)["out_of_order"] == 1
    good = [line(7, 1, 1), line(7, 2, 2), line(9, 1, 3)]
    assert broken_epochs(good) == 0
    assert broken_epochs([good[0], good[2], good[1]]) > 0
    assert broken_epochs(good[1:]) == 1
    assert without_repeats([good[0], good[0], good[1]]) == good[:2]
    assert without_repeats([good[0], good[1], good[0]]) != good[:2]
