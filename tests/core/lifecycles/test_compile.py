"""A table that is wrong cannot be imported, and the error names every fault."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import cast

import pytest

from mnstream.core.events import ChannelLost, DeadlineReached, StartRequested
from mnstream.core.lifecycles.compile import Lifecycle, TableError, compile_table
from mnstream.core.lifecycles.consumer_connection import CONSUMER_CONNECTION
from mnstream.core.lifecycles.producer_connection import PRODUCER_CONNECTION
from mnstream.core.lifecycles.stream import STREAM


class Door(Enum):
    SHUT = "shut"
    AJAR = "ajar"
    GONE = "gone"


class Window(Enum):
    BROKEN = "broken"


RowOfDoor = tuple[Door, type[object], Door, str, str]

OPENS: RowOfDoor = (Door.SHUT, StartRequested, Door.AJAR, "open", "1")
SLAMS: RowOfDoor = (Door.AJAR, DeadlineReached, Door.SHUT, "slam", "2")
FALLS: RowOfDoor = (Door.AJAR, ChannelLost, Door.GONE, "fall", "3")


def compiled(
    *rows: RowOfDoor, resting: tuple[Door, ...] = (Door.SHUT,), final: tuple[Door, ...] = ()
) -> Lifecycle[Door]:
    return compile_table(
        "door",
        "A door.",
        rows,
        initial=Door.SHUT,
        resting=resting,
        final=final or (Door.GONE,),
    )


def test_a_right_table_is_read_as_it_is_written() -> None:
    door = compiled(OPENS, SLAMS, FALLS)
    assert (door.name, door.summary, door.initial) == ("door", "A door.", Door.SHUT)
    assert door.resting == {Door.SHUT}
    assert door.final == {Door.GONE}
    assert [tuple(row) for row in door.rows] == [OPENS, SLAMS, FALLS]
    assert door.states == (Door.SHUT, Door.AJAR, Door.GONE)
    assert door.events == (StartRequested, DeadlineReached, ChannelLost)
    assert door.actions == {"open", "slam", "fall"}


def test_a_pair_with_a_row_moves_and_a_pair_without_does_not() -> None:
    door = compiled(OPENS, SLAMS, FALLS)
    assert door.step(Door.SHUT, StartRequested) == (Door.AJAR, "open")
    assert door.step(Door.AJAR, ChannelLost) == (Door.GONE, "fall")
    assert door.step(Door.SHUT, ChannelLost) is None
    assert door.step(Door.GONE, DeadlineReached) is None


def test_nobody_can_change_the_moves() -> None:
    moves = cast("dict[object, object]", compiled(OPENS, SLAMS, FALLS).moves)
    assert isinstance(moves, Mapping)
    with pytest.raises(TypeError):
        moves[Door.SHUT, ChannelLost] = (Door.GONE, "fall")


def test_two_rows_for_one_pair_are_a_fault() -> None:
    again: RowOfDoor = (Door.SHUT, StartRequested, Door.GONE, "vanish", "4")
    with pytest.raises(TableError, match=r"^door: SHUT has 2 rows for StartRequested$"):
        compiled(OPENS, SLAMS, FALLS, again)


def test_a_row_from_a_final_state_is_a_fault() -> None:
    back: RowOfDoor = (Door.GONE, StartRequested, Door.SHUT, "mend", "4")
    with pytest.raises(TableError, match=r"^door: GONE is final but has a row$"):
        compiled(OPENS, SLAMS, FALLS, back)


def test_a_state_that_nothing_reaches_is_a_fault() -> None:
    with pytest.raises(TableError, match=r"^door: nothing reaches GONE$"):
        compiled(OPENS, SLAMS)


def test_a_state_that_only_itself_reaches_is_a_fault() -> None:
    stays: RowOfDoor = (Door.AJAR, DeadlineReached, Door.AJAR, "stay", "4")
    falls_shut: RowOfDoor = (Door.SHUT, ChannelLost, Door.GONE, "fall", "3")
    with pytest.raises(TableError, match=r"^door: nothing reaches AJAR$"):
        compiled(stays, falls_shut)


def test_waiting_without_a_deadline_is_a_fault() -> None:
    with pytest.raises(TableError, match=r"^door: AJAR waits without a deadline$"):
        compiled(OPENS, FALLS)


def test_resting_and_final_states_need_no_deadline() -> None:
    assert compiled(OPENS, FALLS, resting=(Door.SHUT, Door.AJAR)).resting == {Door.SHUT, Door.AJAR}


@pytest.mark.parametrize("place", ["state", "next state", "final", "resting"])
def test_a_state_of_another_lifecycle_is_a_fault(place: str) -> None:
    broken = cast("Door", Window.BROKEN)
    rows = [OPENS, SLAMS, FALLS]
    if place == "state":
        rows.append((broken, DeadlineReached, Door.SHUT, "slam", "4"))
    if place == "next state":
        rows.append((Door.AJAR, StartRequested, broken, "break", "4"))
    with pytest.raises(TableError, match=r"^door: BROKEN is no state of Door$"):
        compiled(
            *rows,
            final=(Door.GONE, broken) if place == "final" else (Door.GONE,),
            resting=(Door.SHUT, broken) if place == "resting" else (Door.SHUT,),
        )


def test_every_fault_is_named_at_once() -> None:
    twice: RowOfDoor = (Door.SHUT, StartRequested, Door.AJAR, "open", "1")
    with pytest.raises(TableError) as caught:
        compiled(OPENS, twice, resting=())
    assert str(caught.value) == (
        "door: SHUT has 2 rows for StartRequested; nothing reaches GONE;"
        " SHUT waits without a deadline; AJAR waits without a deadline"
    )


def test_the_lifecycles_of_streaming_say_where_every_row_comes_from() -> None:
    for lifecycle in (CONSUMER_CONNECTION, PRODUCER_CONNECTION, STREAM):
        assert [row for row in lifecycle.rows if not row.source] == []
        assert lifecycle.summary.endswith(".")
