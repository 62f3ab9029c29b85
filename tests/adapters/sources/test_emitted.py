from __future__ import annotations

import io
import json
import os
from contextlib import aclosing
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.sources.emitted import (
    EmissionFailed,
    EmittedLine,
    emitted,
    emitted_lines,
    object_path,
)
from mnstream.adapters.sources.lines import LINE_BYTES_MAX, Line, Readable, lines_of
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import ObjectPath
from mnstream.core.values import Json
from tests.strategies import json_values, texts

BASE = ObjectPath("SubNetwork=1/ManagedElement=2")
NOW_MS = 1_800_000_000_000


def line_of(**members: Json) -> bytes:
    return json.dumps({"notificationType": "notifyEvent", **members}).encode()


def read(**members: Json) -> NotificationEmitted:
    return emitted(line_of(**members), base=BASE, wall_ms=NOW_MS)


def test_a_line_is_a_type_an_object_and_a_body() -> None:
    assert read(href="GNBDUFunction=3", specificProblem=7, vendor=[None]) == NotificationEmitted(
        notification_type="notifyEvent",
        object_path=ObjectPath("SubNetwork=1/ManagedElement=2/GNBDUFunction=3"),
        body={"specificProblem": 7, "vendor": [None]},
        event_time_ms=NOW_MS,
    )


def test_what_the_producer_writes_itself_is_dropped() -> None:
    event = read(
        notificationId=1, systemDN="x", sequenceNo=5, subscriptionId="s", epoch=9, additionalText=""
    )
    assert event.body == {"additionalText": ""}
    assert event.object_path == BASE


def test_an_event_time_is_kept() -> None:
    assert read(eventTime="1970-01-01T01:00:00.250+01:00").event_time_ms == 250


def test_an_absolute_uri_goes_out_as_it_is() -> None:
    href = "https://x.example/ProvMnS/v1/SubNetwork=1/ManagedElement=2/A=%2f"
    event = read(href=href)
    assert event.href == href
    assert event.object_path == f"{BASE}/A=%2F"


@pytest.mark.parametrize(
    ("href", "sent"),
    [
        ("SubNetwork=9/SubNetwork=1/ManagedElement=2/A=1",
         "SubNetwork=9/SubNetwork=1/ManagedElement=2/A=1"),
        ("DC=op,SubNetwork=1,ManagedElement=2", "DC=op/SubNetwork=1/ManagedElement=2"),
        ("/SubNetwork=1/ManagedElement=2/A=1/", None),
        ("A=1", None),
        ("ManagedElement=2/A=1", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_is_above_the_base_object_goes_out_as_well(href: str, sent: str | None) -> None:
    assert read(href=href).href == sent


@pytest.mark.parametrize(
    ("href", "path"),
    [
        # the base object is in it
        ("SubNetwork=1/ManagedElement=2", ""),
        ("/SubNetwork=1/ManagedElement=2/A=1/", "/A=1"),
        ("DC=com,DC=op,SubNetwork=1,ManagedElement=2,A=1", "/A=1"),
        ("https://op.com/3GPPManagement/ProvMnS/SubNetwork=1/ManagedElement=2/A=1#/x", "/A=1"),
        # it is not
        ("A=1", "/A=1"),
        ("ManagedElement=2/A=1", "/ManagedElement=2/A=1"),
        ("SubNetwork=1,A=x", "/SubNetwork=1/A=x"),
        (r"A=1\,2,B=a/b", "/A=1%2C2/B=a%2Fb"),
        ("http://op.com/A=1?x=B=2", "/A=1"),
        # a comma in a path is one, too
        ("A=1,2/B=3", "/A=1%2C2/B=3"),
    ],
)
def test_an_object_is_named_in_many_ways(href: str, path: str) -> None:
    assert object_path(href, BASE) == BASE + path


def test_everything_is_below_an_empty_base() -> None:
    assert object_path("A=1,B=2", ObjectPath("")) == "A=1/B=2"


@pytest.mark.parametrize(
    "href", ["", "/", "x", "https://op.com", "https://op.com/x", "A=1,B=", "A="]
)
def test_what_names_no_object_is_refused(href: str) -> None:
    with pytest.raises(Unreadable):
        object_path(href, BASE)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"{}", "notificationType is missing"),
        (line_of(notificationType=""), "notificationType is missing"),
        (line_of(notificationType="notifyHeartbeat"), "heartbeats"),
        (line_of(href=1), "href is no string"),
        (line_of(href="A=" + "1" * 5000), "href is longer"),
        (line_of(eventTime=1), "eventTime is no string"),
        (line_of(eventTime="yesterday"), "no date-time"),
    ],
)
def test_bad_lines_are_refused_with_a_reason(line: bytes, reason: str) -> None:
    with pytest.raises(EmissionFailed, match=reason):
        emitted(line, base=BASE, wall_ms=NOW_MS)


def test_bodies_are_checked_when_that_is_wanted() -> None:
    read(specificProblem=[])
    with pytest.raises(EmissionFailed, match="specificProblem is not int or str"):
        emitted(line_of(specificProblem=[]), base=BASE, wall_ms=NOW_MS, check_bodies=True)


@given(
    members=st.dictionaries(st.sampled_from(["href", "eventTime", "x"]) | texts, json_values),
    href=st.text(st.sampled_from("A=1,/\\:%20 \u00e9#?"), max_size=20),
)
def test_any_line_is_a_notification_or_refused(members: dict[str, Json], href: str) -> None:
    try:
        event = read(**{"href": href, **members, "notificationType": "notifyEvent"})
    except EmissionFailed:
        return
    assert event.object_path == BASE or event.object_path.startswith(f"{BASE}/")


async def all_lines(data: bytes, offset: int = 0) -> list[EmittedLine]:
    file = io.BytesIO(data)
    file.seek(offset)
    lines = emitted_lines(file, base=BASE, clock=FixedClock(wall_ms=NOW_MS), offset=offset)
    async with aclosing(lines):
        return [line async for line in lines]


@pytest.mark.anyio
async def test_a_bad_line_does_not_stop_the_others() -> None:
    first, last = line_of(x=1), line_of(x=2)
    data = b"\n".join([first, b" ", b"nonsense", last])
    one, bad, two = await all_lines(data)
    assert (one.number, one.end, one.problem) == (1, len(first) + 1, "")
    assert bad.event is None
    assert bad.problem.startswith("line 3: not JSON")
    assert (two.number, two.end) == (4, len(data))
    assert two.event is not None
    assert two.event.body == {"x": 2}
    assert [line.event for line in await all_lines(data, offset=bad.end)] == [two.event]


@pytest.mark.anyio
async def test_a_line_that_is_too_long_is_told_and_passed_over() -> None:
    long = b'{"notificationType": "' + b"x" * LINE_BYTES_MAX + b'"}'
    bad, good = await all_lines(long + b"\n" + line_of())
    assert bad.problem == f"line 1: longer than {LINE_BYTES_MAX} bytes"
    assert (bad.end, good.number, good.problem) == (len(long) + 1, 2, "")


class Pieces:
    """A file that gives what it is told, one piece after the other."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read1(self, _size: int, /) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@given(
    data=st.binary(max_size=40).map(lambda data: data.replace(b"\x00", b"\n")),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_lines_do_not_depend_on_how_they_are_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, *cuts, len(data)})
    pieces = [data[a:b] for a, b in pairwise(places) if a < len(data)]

    async def collect() -> list[Line]:
        lines = lines_of(Pieces(pieces), offset=7, line_bytes_max=5)
        async with aclosing(lines):
            return [line async for line in lines]

    expected, end = list[Line](), 7
    for number, part in enumerate(feeds(data), 1):
        end += len(part)
        text = part.removesuffix(b"\n")
        expected.append(Line(number=number, end=end, text=text if len(text) <= 5 else None))
    assert anyio.run(collect) == expected


def feeds(data: bytes) -> list[bytes]:
    parts = [part + b"\n" for part in data.split(b"\n")]
    parts[-1] = parts[-1].removesuffix(b"\n")
    return [part for part in parts if part]


@pytest.mark.anyio
async def test_waiting_for_a_pipe_can_be_cancelled() -> None:
    reading, writing = os.pipe()
    read_so_far: list[EmittedLine] = []

    async def follow(file: Readable) -> None:
        lines = emitted_lines(file, base=BASE, clock=FixedClock(wall_ms=NOW_MS))
        async with aclosing(lines):
            while True:
                read_so_far.append(await anext(lines))

    with os.fdopen(reading, "rb") as file:
        try:
            async with anyio.create_task_group() as tasks:
                os.write(writing, line_of() + b"\nbegun")
                tasks.start_soon(follow, file)
                while not read_so_far:
                    await anyio.lowlevel.checkpoint()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
        finally:
            os.close(writing)  # ends the reading that nobody could interrupt
    assert [line.problem for line in read_so_far] == [""]
