"""The store as a service sees it: groups, a disk that refuses, and leaving it."""

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from mnstream.adapters.storage import (
    Durability,
    LogClosed,
    NotAllWritten,
    NotificationStoreConfig,
    SqliteNotificationStore,
)
from mnstream.adapters.storage.notifications.operations import Mark
from mnstream.core.notification_values import Epoch
from mnstream.ports.notification_store import Committed
from mnstream.testing.notification_samples import (
    FIRST,
    SECOND,
    SUBSCRIPTIONS,
    A,
    B,
    append,
    common,
    ids,
    number,
)
from tests.adapters.storage.helpers import instances
from tests.adapters.storage.notifications.helpers import FAST, refused, refusing, rows, until

pytestmark = pytest.mark.anyio


async def stored(store: SqliteNotificationStore, epoch: Epoch = FIRST) -> list[int]:
    found = await store.read(A, epoch, first=1, last=10_000, count_max=10_000, bytes_max=1 << 30)
    return ids(found)


async def test_what_gathers_during_a_commit_is_the_next_one(tmp_path: Path) -> None:
    kind = refusing()
    async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=kind) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        await store.flush()
        kind.gate.clear()
        kind.commits = 0
        append(store, 1, number(A, FIRST, 1))
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        for notification_id in range(2, 100):
            append(store, notification_id, number(A, FIRST, notification_id))
        assert store.window(A, FIRST) is not None
        assert await stored(store) == [], "reading sees what is durable"
        assert store.recent(number(A, FIRST, 99)) == common(99)
        kind.gate.set()
        await store.flush()
        assert kind.commits == 2
        assert await stored(store) == [*range(1, 100)]


@pytest.mark.parametrize("statement", ["COMMIT", "BEGIN", "DELETE FROM number", "UPDATE mark"])
@pytest.mark.parametrize("error", [sqlite3.OperationalError, sqlite3.DatabaseError])
async def test_a_disk_that_refuses_delays(
    tmp_path: Path, statement: str, error: type[sqlite3.Error]
) -> None:
    kind = refusing()
    config = replace(FAST, notifications_max=2)
    async with SqliteNotificationStore.open(tmp_path, config, connection_type=kind) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        for notification_id in (1, 2):
            append(store, notification_id, number(A, FIRST, notification_id))
        await store.flush()
        assert await store.committed() == Committed(notification_id=2, rolled_over={})
        kind.statement, kind.error, kind.refusals = statement, error, 1_000_000
        append(store, 3, number(A, FIRST, 3))
        await refused(kind, 2)
        assert store.trouble == "notification store: database or disk is full"
        append(store, 4, number(A, FIRST, 4))
        await refused(kind, 4)
        with anyio.move_on_after(0.01) as gave_up:
            await store.committed()
        assert gave_up.cancelled_caught, "nothing is reported durable"
        assert await stored(store) == [1, 2]
        kind.refusals = 0
        await store.flush()
        assert store.trouble == ""
        assert await stored(store) == [3, 4]
        told = Committed(notification_id=3, rolled_over={})
        while told.notification_id < 4:
            told = await store.committed()
        assert told.rolled_over == {A: 3}
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        assert await stored(store) == [3, 4]


async def test_a_full_database_takes_up_work_when_there_is_room(tmp_path: Path) -> None:
    full: list[sqlite3.Connection] = []

    class Small(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if self not in full:
                full.append(self)
            return super().execute(sql, parameters)  # type: ignore[arg-type]  # passed through

    async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=Small) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        await store.flush()
        (connection,) = full
        connection.execute("PRAGMA max_page_count = 30")
        for notification_id in range(1, 10):
            append(store, notification_id, number(A, FIRST, notification_id), size=50_000)
        await until(lambda: store.trouble)
        assert "full" in store.trouble
        connection.execute("PRAGMA max_page_count = 1000000")
        await store.flush()
        assert store.trouble == ""
        assert await stored(store) == [*range(1, 10)]


async def test_a_commit_that_failed_after_all_was_done_is_not_repeated(tmp_path: Path) -> None:
    kind = refusing()
    async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=kind) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        await store.flush()
        kind.after, kind.refusals = True, 1
        append(store, 1, number(A, FIRST, 1), number(B, FIRST, 1), source_position=4)
        append(store, 2, number(A, FIRST, 2))
        await store.flush()
        assert kind.refused == 1
        assert await stored(store) == [1, 2]
        append(store, 3, number(A, FIRST, 3))
        await store.flush()
    assert rows(tmp_path, "SELECT notification_id, source_position, bytes FROM mark") == [
        (3, 4, 3 * len(common(1)))
    ]


async def test_marks_that_nobody_could_tell_apart_are_one(tmp_path: Path) -> None:
    """A disk that refuses stops a source only when somebody wants what it emits."""
    kind = refusing()
    async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=kind) as store:
        kind.gate.clear()
        store.save_subscription(SUBSCRIPTIONS[0])
        for position in range(2_000):
            store.mark(source_position=position)
        append(store, 1, number(A, FIRST, 1), source_position=2_000)
        for position in range(2_001, 4_000):
            store.mark(source_position=position)
        store.mark(clean=True)
        left = instances(Mark)
        kind.gate.set()
        assert left < 10
        await store.flush()
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        assert (store.source_position, store.was_clean) == (3_999, True)
        assert await stored(store) == [1]


async def test_those_who_stop_waiting_leave_nothing_behind(tmp_path: Path) -> None:
    kind = refusing()
    async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=kind) as store:
        kind.gate.clear()
        store.save_subscription(SUBSCRIPTIONS[0])
        before = instances(anyio.Event)
        for _ in range(200):
            with anyio.move_on_after(0):
                await store.flush()
        left = instances(anyio.Event) - before
        kind.gate.set()
        assert left < 100
        await store.flush()


async def test_leaving_while_the_disk_refuses_says_what_is_lost(tmp_path: Path) -> None:
    kind = refusing()
    stores: list[SqliteNotificationStore] = []

    async def leave() -> None:
        async with SqliteNotificationStore.open(tmp_path, FAST, connection_type=kind) as store:
            stores.append(store)
            store.save_subscription(SUBSCRIPTIONS[0])
            await store.flush()
            kind.refusals = 1_000_000
            for notification_id in (1, 2):
                append(store, notification_id, number(A, FIRST, notification_id))
            await refused(kind, 2)

    with pytest.raises(NotAllWritten, match="2 records not written: notification store: database"):
        await leave()
    with pytest.raises(LogClosed):
        await stores[0].flush()
    with pytest.raises(LogClosed):
        await stores[0].committed()
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        assert await stored(store) == []


async def test_the_exception_of_the_body_passes_and_all_is_written(tmp_path: Path) -> None:
    async def leave() -> None:
        async with SqliteNotificationStore.open(tmp_path, FAST) as store:
            store.save_subscription(SUBSCRIPTIONS[0])
            append(store, 1, number(A, FIRST, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await leave()
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        assert await stored(store) == [1]


async def test_a_cancelled_owner_leaves_everything_written(tmp_path: Path) -> None:
    async def own(tasks: TaskGroup) -> None:
        async with SqliteNotificationStore.open(tmp_path, FAST) as store:
            store.save_subscription(SUBSCRIPTIONS[0])
            append(store, 1, number(A, FIRST, 1))
            tasks.cancel_scope.cancel()
            await store.committed()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(own, tasks)
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        assert await stored(store) == [1]


async def test_our_own_mistakes_are_not_taken_for_the_disk(tmp_path: Path) -> None:
    async def skip_a_number() -> None:
        async with SqliteNotificationStore.open(tmp_path, FAST) as store:
            store.save_subscription(SUBSCRIPTIONS[0])
            append(store, 1, number(A, FIRST, 1))
            append(store, 2, number(A, FIRST, 3))
            await store.flush()

    with pytest.raises(ExceptionGroup) as caught:
        await skip_a_number()
    assert caught.group_contains(AssertionError, match="numbers are dense")


VICTIM = """
import sys, anyio
from dataclasses import replace
from pathlib import Path
from mnstream.adapters.storage import NotificationStoreConfig, SqliteNotificationStore
from mnstream.testing.notification_samples import *

async def main():
    config = NotificationStoreConfig(notifications_max=150)
    async with SqliteNotificationStore.open(Path(sys.argv[1]), config) as store:
        for each in SUBSCRIPTIONS[:2]:
            store.save_subscription(each)
        await store.flush()
        sequence_no = store.window(A, FIRST).range.newest_sequence_no
        while True:
            for _ in range(20):
                sequence_no += 1
                append(store, sequence_no, number(A, FIRST, sequence_no),
                       number(B, FIRST, sequence_no), source_position=sequence_no)
            await store.flush()
            sys.stdout.write(f"{sequence_no}\\n")
            sys.stdout.flush()

anyio.run(main, backend=sys.argv[2])
"""


def killed_after(lines: int, directory: Path, backend: str) -> int:
    """Kill a process that appends, and give the last number that it reported durable."""
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(directory), backend], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    reported = [int(victim.stdout.readline()) for _ in range(lines)]
    victim.send_signal(signal.SIGKILL)
    reported += map(int, victim.stdout.read().splitlines())
    victim.wait()
    victim.stdout.close()
    return reported[-1]


async def test_what_was_reported_durable_survives_kill(tmp_path: Path, anyio_backend: str) -> None:
    config = NotificationStoreConfig(notifications_max=150)
    for lines in (1, 5, 40, 100):
        reported = killed_after(lines, tmp_path, anyio_backend)
        async with SqliteNotificationStore.open(tmp_path, config) as store:
            last = store.last_notification_id
            assert last >= reported
            assert store.source_position == last
            assert not store.was_clean
            found = await store.read(A, FIRST, first=1, last=last, count_max=999, bytes_max=1 << 30)
            assert ids(found) == [*range(max(1, last - 149), last + 1)]
            assert [each.common for each in found] == [common(each) for each in ids(found)]
            for each in (A, B):
                window = store.window(each, FIRST)
                assert window is not None
                assert window.range.newest_sequence_no == last
                assert window.number_of_stored_notifications == len(found)
        orphans = "SELECT id FROM notification WHERE id NOT IN (SELECT notification_id FROM number)"
        assert rows(tmp_path, orphans) == []


async def test_a_store_is_durable_by_default() -> None:
    assert NotificationStoreConfig().durability is Durability.FSYNC


async def test_recent_notifications_are_in_memory_and_bounded(tmp_path: Path) -> None:
    config = replace(FAST, recent_bytes=2_000)
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        for notification_id in range(1, 100):
            append(store, notification_id, number(A, FIRST, notification_id))
        found = [each for each in range(1, 100) if store.recent(number(A, FIRST, each))]
        assert found == [*range(found[0], 100)]
        assert 3 <= len(found) <= 20
        assert store.recent(number(A, FIRST, 99)) == common(99)
        assert store.recent(number(A, SECOND, 99)) is None
        assert store.recent(number(B, FIRST, 99)) is None
        await store.flush()
        assert await stored(store) != [], "what memory has not is read from the disk"
        store.forget_subscription(A)
        assert not any(store.recent(number(A, FIRST, each)) for each in range(1, 100))
