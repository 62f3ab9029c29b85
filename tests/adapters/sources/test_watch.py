from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import pytest
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.sources.managed_tree import (
    CHANGES_MAX,
    Objects,
    TreeUnreadable,
    changes,
    read_tree,
)
from mnstream.adapters.sources.watch import Watched, Watcher, WatchSettings
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import ObjectPath
from mnstream.core.notifications.families import check_body
from mnstream.core.values import Json

BASE = ObjectPath("SubNetwork=1")
NOW_MS = 1_800_000_000_000

Members = dict[str, Json]


def tree(document: Members) -> Objects:
    return read_tree(json.dumps(document).encode(), BASE)


def differ(before: Members, after: Members) -> list[tuple[str, str, Members]]:
    events = changes(tree(before), tree(after), BASE, event_time_ms=NOW_MS)
    assert all(event.event_time_ms == NOW_MS for event in events)
    return [shown(event) for event in events]


def shown(event: NotificationEmitted) -> tuple[str, str, Members]:
    assert check_body(event.notification_type, event.body) == ""
    kind = event.notification_type.removeprefix("notifyMOI")
    return kind, event.object_path.removeprefix(BASE), dict(event.body)


def test_members_with_an_equals_sign_are_objects_and_others_attributes() -> None:
    assert tree(
        {
            "userLabel": "top",
            "A=1/2": {"attributes": {"x": 1}, "y": [True], "B=1": {}, "attributes=": 0},
        }
    ) == {
        "SubNetwork=1": {"userLabel": "top"},
        "SubNetwork=1/A=1%2F2": {"x": 1, "y": [True], "attributes=": 0},
        "SubNetwork=1/A=1%2F2/B=1": {},
    }


def test_toml_is_read_as_json() -> None:
    text = (
        b'x = 2026-01-02\n["A=1".attributes]\nt = 2026-01-02T03:04:05Z\n[["A=1".list]]\nf = 1.5\n'
    )
    assert read_tree(text, BASE, toml=True) == {
        "SubNetwork=1": {"x": "2026-01-02"},
        "SubNetwork=1/A=1": {"t": "2026-01-02T03:04:05+00:00", "list": [{"f": 1.5}]},
    }


@pytest.mark.parametrize(
    ("text", "toml", "reason"),
    [
        (b"", False, "not JSON"),
        (b"[]", False, "the document is not a map"),
        (b'{"A=1": 5}', False, "SubNetwork=1/A=1 is not a map"),
        (b'{"x": 1, "attributes": {"x": 2}}', False, "has x twice"),
        (b'{"A=1": {}, "A=1": {}}', False, "two members of the same name"),
        (b"x = nan", True, "nan has no JSON"),
        (b"x =", True, "not TOML"),
        (b"\xff", True, "not TOML"),
        (b"a." * 40 + b"b = 1", True, "nested deeper"),
        (b"a = " + b"[" * 5000, True, "not TOML"),
    ],
)
def test_what_is_no_tree_is_refused_with_a_reason(text: bytes, toml: bool, reason: str) -> None:
    with pytest.raises(TreeUnreadable) as refused:
        read_tree(text, ObjectPath("") if reason.startswith("the") else BASE, toml=toml)
    assert reason in str(refused.value)


def test_too_many_objects_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnstream.adapters.sources.managed_tree.OBJECTS_MAX", 3)
    assert len(tree({"A=1": {}, "A=2": {}})) == 3
    with pytest.raises(TreeUnreadable, match="more than 3 objects"):
        tree({"A=1": {}, "A=2": {}, "A=3": {}})


def test_parents_are_created_first_and_deleted_last() -> None:
    family: Members = {"A=1": {"x": 1, "B=1": {"C=1": {}}, "B=2": {}}}
    assert differ({}, family) == [
        ("Creation", "/A=1", {"attributeList": {"x": 1}}),
        ("Creation", "/A=1/B=1", {}),
        ("Creation", "/A=1/B=1/C=1", {}),
        ("Creation", "/A=1/B=2", {}),
    ]
    assert [path for _, path, _ in differ(family, {})] == [
        "/A=1/B=2",
        "/A=1/B=1/C=1",
        "/A=1/B=1",
        "/A=1",
    ]
    assert differ(family, {})[-1] == ("Deletion", "/A=1", {"attributeList": {"x": 1}})


def test_values_are_told_new_and_old() -> None:
    before: Members = {"A=1": {"same": 1, "gone": 2, "x": [1], "flag": 1}, "z": 0}
    after: Members = {"A=1": {"same": 1, "new": None, "x": [2], "flag": True}, "z": 1}
    assert differ(before, after) == [
        ("AttributeValueChanges", "", {"attributeListValueChanges": [{"z": 1}, {"z": 0}]}),
        (
            "AttributeValueChanges",
            "/A=1",
            {
                "attributeListValueChanges": [
                    {"gone": None, "x": [2], "flag": True, "new": None},
                    {"gone": 2, "x": [1], "flag": 1},
                ]
            },
        ),
    ]
    assert differ(after, after) == []


def test_all_changes_can_be_told_in_one_notification() -> None:
    (event,) = changes(
        tree({"A=1": {"x": 1, "old": 0, "a/b": 1}, "C=1": {"y": 1}}),
        tree({"A=1": {"x": 2, "new": None, "a/b": 2}, "B=1 2": {}}),
        BASE,
        event_time_ms=NOW_MS,
        style="changes",
        root="https://op.com",
    )
    assert check_body(event.notification_type, event.body) == ""
    assert (event.notification_type, event.object_path) == ("notifyMOIChanges", BASE)
    told = event.body["moiChanges"]
    assert isinstance(told, list)
    root = "https://op.com/SubNetwork=1"
    attribute = f"{root}/A=1#/attributes"
    one: Members = {"id": "1", "objectClass": "C", "attributes": {"y": 1}}
    two: Members = {"id": "1 2", "objectClass": "B", "attributes": {}}
    assert told == [
        {"notificationId": 1, "op": "remove", "path": f"{root}/C=1", "oldValue": one},
        {"notificationId": 2, "op": "add", "path": f"{root}/B=1%202", "value": two},
        {
            "notificationId": 3,
            "op": "replace",
            "path": f"{attribute}/x",
            "value": 2,
            "oldValue": 1,
        },
        {"notificationId": 4, "op": "remove", "path": f"{attribute}/old", "oldValue": 0},
        {
            "notificationId": 5,
            "op": "replace",
            "path": f"{attribute}/a~1b",
            "value": 2,
            "oldValue": 1,
        },
        {"notificationId": 6, "op": "add", "path": f"{attribute}/new", "value": None},
    ]


def test_many_changes_are_spread_over_several_notifications() -> None:
    many: Members = {f"A={number}": {} for number in range(CHANGES_MAX + 1)}
    events = changes(tree({}), tree(many), BASE, event_time_ms=0, style="changes")
    sizes = [len(told) for event in events if isinstance(told := event.body["moiChanges"], list)]
    assert sizes == [CHANGES_MAX, 1]


attributes = st.dictionaries(st.sampled_from("xy"), st.none() | st.booleans() | st.integers(0, 1))
documents: st.SearchStrategy[Members] = st.recursive(
    attributes.map(dict[str, Json]),
    lambda inner: st.tuples(
        attributes, st.dictionaries(st.sampled_from(["A=1", "A=2", "B=1"]), inner, max_size=2)
    ).map(lambda parts: {**parts[0], **parts[1]}),
    max_leaves=6,
)


@given(before=documents, after=documents)
def test_who_follows_the_notifications_knows_the_objects(before: Members, after: Members) -> None:
    known = {path: dict(values) for path, values in tree(before).items()}
    for event in changes(tree(before), tree(after), BASE, event_time_ms=0):
        path, body = event.object_path, event.body
        match event.notification_type, body:
            case "notifyMOIDeletion", _:
                assert not [other for other in known if other.startswith(f"{path}/")]
                del known[path]
            case "notifyMOICreation", _:
                assert ObjectPath(path.rpartition("/")[0]) in known
                listed = body.get("attributeList", {})
                assert isinstance(listed, dict)
                known[path] = dict(listed)
            case _, {"attributeListValueChanges": [dict(new), dict(old)]}:
                assert old == {name: known[path][name] for name in old}
                known[path] |= new
            case _:
                raise AssertionError(event)
    # An attribute that is gone is told as null.
    wanted = {path: without_nulls(values) for path, values in tree(after).items()}
    assert {path: without_nulls(values) for path, values in known.items()} == wanted


def without_nulls(values: Mapping[str, Json]) -> Members:
    return {name: value for name, value in values.items() if value is not None}


# --- watching -----------------------------------------------------------------------------------


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "tree.json"


def watching(
    path: Path, saved: Objects | None = None, interval_s: float = 1.0
) -> AsyncGenerator[Watched]:
    settings = WatchSettings(interval_s=interval_s)
    clock = FixedClock(wall_ms=NOW_MS)
    return Watcher(path, base=BASE, clock=clock, settings=settings, saved=saved).watch()


Replace = Callable[[Path, str], None]


def write_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


@pytest.mark.parametrize("write", [write_in_place, replace])
@pytest.mark.trio
async def test_the_first_reading_is_silent_and_each_change_is_told_once(
    document: Path, write: Replace, autojump_clock: trio.testing.MockClock
) -> None:
    write(document, '{"A=1": {"x": 1}}')
    async with aclosing(watching(document)) as watched:
        first = await anext(watched)
        assert (first.events, first.problem) == ((), "")
        write(document, '{"A=1": {"x": 2}}')
        second = await anext(watched)
        assert [shown(event)[0] for event in second.events] == ["AttributeValueChanges"]
        write(document, '{"A=1": {"x": 2}, "B=1": {}}')
        third = await anext(watched)
        assert [shown(event) for event in third.events] == [("Creation", "/B=1", {})]
        assert third.objects == tree({"A=1": {"x": 2}, "B=1": {}})


@pytest.mark.trio
async def test_what_happened_in_between_is_told_when_the_state_was_saved(
    document: Path, autojump_clock: trio.testing.MockClock
) -> None:
    write_in_place(document, '{"B=1": {}}')
    async with aclosing(watching(document, saved=tree({"A=1": {}}))) as watched:
        first = await anext(watched)
    assert [shown(event)[:2] for event in first.events] == [
        ("Deletion", "/A=1"),
        ("Creation", "/B=1"),
    ]


@pytest.mark.trio
async def test_a_document_that_is_being_written_is_tried_again(
    document: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ['{"A=1"', '{"A=1": {"x"', '{"A=1": {"x": 1}}']
    reads = follow(document, monkeypatch, texts)
    async with aclosing(watching(document)) as watched:
        first = await anext(watched)
    assert first.problem == ""
    assert first.objects == tree({"A=1": {"x": 1}})
    assert reads() == 3


@pytest.mark.trio
async def test_a_document_that_stays_broken_is_told_once_and_is_no_change(
    document: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = follow(document, monkeypatch, ['{"A=1": {}}', *["{"] * 9, '{"A=1": {}, "B=1": {}}'])
    async with aclosing(watching(document)) as watched:
        await anext(watched)
        told = await anext(watched)
        assert told.problem.startswith(f"{document}: not JSON")
        assert (told.events, told.objects) == ((), tree({"A=1": {}}))
        assert reads() == 4
        after = await anext(watched)
        assert [shown(event) for event in after.events] == [("Creation", "/B=1", {})]
        assert reads() == 11


@pytest.mark.trio
async def test_a_document_that_is_missing_is_told_once_and_is_no_change(
    document: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with aclosing(watching(document)) as watched:
        missing = await anext(watched)
        assert (missing.problem, missing.objects) == (f"{document}: is not there", None)
        write_in_place(document, '{"A=1": {}}')
        assert (await anext(watched)).events == ()
        remove(document)
        missing = await anext(watched)
        assert (missing.events, missing.problem) == ((), f"{document}: is not there")
        write_in_place(document, "{}")
        after = await anext(watched)
        assert [shown(event)[0] for event in after.events] == ["Deletion"]


@pytest.mark.trio
async def test_the_beginning_of_a_toml_document_is_not_taken_for_all_of_it(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tree.toml"
    whole = '["A=1"]\nx = 1\n["B=1"]\n'
    follow(path, monkeypatch, [whole, whole, "", whole[:8], whole, whole, *['["A=1"]\n'] * 2])
    async with aclosing(watching(path)) as watched:
        assert (await anext(watched)).objects == tree({"A=1": {"x": 1}, "B=1": {}})
        after = await anext(watched)
    assert [shown(event)[:2] for event in after.events] == [
        ("Deletion", "/B=1"),
        ("AttributeValueChanges", "/A=1"),
    ]


@pytest.mark.trio
async def test_two_writings_in_one_tick_of_the_disk_are_told_apart(
    document: Path, autojump_clock: trio.testing.MockClock
) -> None:
    write_in_place(document, '{"x": 1}')
    os.utime(document, ns=(0, 0))
    async with aclosing(watching(document)) as watched:
        await anext(watched)
        write_in_place(document, '{"x": 2}')
        os.utime(document, ns=(0, 0))
        assert len((await anext(watched)).events) == 1


@pytest.mark.trio
async def test_a_document_that_is_too_long_is_told(
    document: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnstream.adapters.sources.watch.DOCUMENT_BYTES_MAX", 8)
    write_in_place(document, '{"x": 12}')
    async with aclosing(watching(document)) as watched:
        assert (await anext(watched)).problem == f"{document}: longer than 8 bytes"


@pytest.mark.anyio
async def test_documents_are_watched_on_both_event_loops(document: Path) -> None:
    write_in_place(document, "{}")
    async with aclosing(watching(document, interval_s=0)) as watched:
        await anext(watched)
        write_in_place(document, '{"A=1": {}}')
        assert [shown(event) for event in (await anext(watched)).events] == [
            ("Creation", "/A=1", {})
        ]


def follow(path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> Callable[[], int]:
    """Write the next text before each look at the file, and count the looks."""
    looks = 0
    stat = Path.stat

    def writing_stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        nonlocal looks
        if self == path:
            if looks < len(texts):
                path.write_text(texts[looks])
            looks += 1
        return stat(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", writing_stat)
    return lambda: looks
