"""The store on disk does what the one in memory does, whatever happens in whatever order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mnstream.adapters.storage import (
    Durability,
    MemoryNotificationStore,
    NotificationStoreConfig,
    SqliteNotificationStore,
)
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import NotificationStore
from mnstream.testing.notification_samples import (
    FIRST,
    SUBSCRIPTIONS,
    WALL_MS,
    common,
    number,
)
from tests.adapters.storage.notifications.helpers import refusing, rows

NOTIFICATIONS_MAX, EPOCHS_MAX, BYTES_MAX = 6, 3, 400
names = st.sampled_from([each.subscription_id for each in SUBSCRIPTIONS])
limits = st.integers(0, 12)


class Twins(RuleBasedStateMachine):
    """Both stores are asked for the same; a commit takes what was asked for since the last one."""

    @initialize(recent_bytes=st.sampled_from([0, 500, 1 << 20]))
    def begin(self, recent_bytes: int) -> None:
        self._exits = ExitStack()
        self._portal: BlockingPortal = self._exits.enter_context(start_blocking_portal())
        self._directory = Path(self._exits.enter_context(tempfile.TemporaryDirectory()))
        self._config = NotificationStoreConfig(
            durability=Durability.NONE,
            notifications_max=NOTIFICATIONS_MAX,
            epochs_max=EPOCHS_MAX,
            bytes_max=BYTES_MAX,
            recent_bytes=recent_bytes,
            retry_initial_ms=1,
            retry_max_ms=1,
        )
        self._last_id = 0
        self._last_numbers: dict[SubscriptionId, tuple[Epoch, int]] = {}
        self._asked: list[Callable[[NotificationStore], None]] = []
        self._memory: MemoryNotificationStore | None = None
        self._open()

    def _open(self) -> None:
        self._kind = refusing()
        opened: AbstractContextManager[SqliteNotificationStore]
        opened = self._portal.wrap_async_context_manager(
            self._portal.call(
                lambda: SqliteNotificationStore.open(
                    self._directory, self._config, connection_type=self._kind
                )
            )
        )
        self._opened = opened
        self._disk = opened.__enter__()
        self._model = MemoryNotificationStore(
            self._memory,
            notifications_max=NOTIFICATIONS_MAX,
            epochs_max=EPOCHS_MAX,
            bytes_max=BYTES_MAX,
            commits_itself=False,
        )

    def teardown(self) -> None:
        if hasattr(self, "_exits"):
            with self._exits:
                self._opened.__exit__(None, None, None)

    @rule(name=names, later=st.integers(-1, 2))
    def save(self, name: SubscriptionId, later: int) -> None:
        (subscription,) = (each for each in SUBSCRIPTIONS if each.subscription_id == name)
        epoch, _ = self._last_numbers.get(name, (FIRST, 0))
        wanted = Epoch(epoch + later)
        if name not in self._last_numbers or wanted > epoch:
            self._last_numbers[name] = (wanted, 0)
        saved = replace(subscription, epoch=wanted)
        self._asked.append(lambda store: store.save_subscription(saved))

    @rule(name=names)
    def forget(self, name: SubscriptionId) -> None:
        self._last_numbers.pop(name, None)
        self._asked.append(lambda store: store.forget_subscription(name))

    @rule(
        wanted=st.sets(names, min_size=1),
        size=st.sampled_from([0, 10, 90, 500]),
        skip=st.integers(1, 3),
        position=st.none() | st.integers(0, 9),
    )
    def append(
        self, wanted: set[SubscriptionId], size: int, skip: int, position: int | None
    ) -> None:
        numbers: list[Number] = []
        for name in sorted(wanted):
            epoch, last = self._last_numbers.get(name, (FIRST, 0))
            if name in self._last_numbers:
                self._last_numbers[name] = (epoch, last + 1)
            numbers.append(number(name, epoch, last + 1))  # also for one that there is not
        self._last_id += skip
        self._asked.append(
            partial(
                append_to,
                notification_id=self._last_id,
                numbers=tuple(numbers),
                size=size,
                position=position,
            )
        )

    @rule(position=st.none() | st.integers(0, 9), clean=st.booleans())
    def mark(self, position: int | None, *, clean: bool) -> None:
        self._asked.append(lambda store: store.mark(source_position=position, clean=clean))

    @rule(refusals=st.sampled_from([0, 0, 1, 3]))
    def commit(self, refusals: int) -> None:
        self._kind.refusals = refusals
        self._commit()
        self._kind.refusals = 0

    def _commit(self) -> None:
        asked, self._asked = self._asked, []

        async def ask() -> None:
            for each in asked:
                each(self._disk)
            await self._disk.flush()

        self._portal.call(ask)
        for each in asked:
            each(self._model)
        self._model.commit()

    @precondition(lambda self: not self._asked and self._model.has_news)
    @rule()
    def compare_what_is_told(self) -> None:
        expected = self._portal.call(self._model.committed)
        assert self._portal.call(self._disk.committed) == expected

    @rule()
    def restart(self) -> None:
        self._commit()
        self._opened.__exit__(None, None, None)
        self._memory = self._model
        self._open()
        assert self._disk.restored() == self._model.restored()
        assert self._disk.was_clean == self._model.was_clean
        assert self._disk.source_position == self._model.source_position
        assert self._disk.last_notification_id == self._model.last_notification_id

    @rule(name=names, first=limits, last=limits, count=limits, size=st.integers(0, 300))
    def read(self, name: SubscriptionId, first: int, last: int, count: int, size: int) -> None:
        for epoch in (*self._model.epochs(name), Epoch(1)):
            found = [
                self._portal.call(
                    partial(
                        store.read,
                        *(name, epoch),
                        first=first,
                        last=last,
                        count_max=count,
                        bytes_max=size,
                    )
                )
                for store in (self._disk, self._model)
            ]
            # From memory it may be less: the caller asks again for the rest.
            assert found[0] == found[1][: len(found[0])]
            assert bool(found[0]) == bool(found[1])

    @rule(
        name=names,
        span=st.tuples(st.none() | limits, st.none() | limits),
        count=limits,
        size=st.integers(0, 300),
    )
    def read_span(
        self, name: SubscriptionId, span: tuple[int | None, int | None], count: int, size: int
    ) -> None:
        from_ms, to_ms = (None if each is None else WALL_MS + each * 1_000 for each in span)
        found = [
            self._portal.call(
                partial(
                    store.read_span,
                    name,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    count_max=count,
                    bytes_max=size,
                )
            )
            for store in (self._disk, self._model)
        ]
        assert found[0] == found[1]

    @invariant()
    def both_show_the_same(self) -> None:
        if not hasattr(self, "_disk"):
            return
        for each in SUBSCRIPTIONS:
            name = each.subscription_id
            epochs = self._model.epochs(name)
            assert self._disk.epochs(name) == epochs
            for epoch in epochs:
                assert self._disk.window(name, epoch) == self._model.window(name, epoch)

    @precondition(lambda self: not self._asked)
    @rule()
    def nothing_is_left_over(self) -> None:
        orphans = (
            "SELECT id FROM notification"
            " WHERE id NOT IN (SELECT notification_id FROM number) OR numbers !="
            " (SELECT count(*) FROM number WHERE notification_id = id)"
        )
        assert rows(self._directory, orphans) == []
        assert rows(self._directory, "SELECT bytes FROM mark") == rows(
            self._directory, "SELECT coalesce(sum(length(common)), 0) FROM notification"
        )


def append_to(
    store: NotificationStore,
    *,
    notification_id: int,
    numbers: tuple[Number, ...],
    size: int,
    position: int | None,
) -> None:
    store.append(
        common(notification_id, size),
        notification_id=notification_id,
        event_time_ms=WALL_MS + 1_000 * notification_id,
        numbers=numbers,
        source_position=position,
    )


Twins.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTwins = Twins.TestCase
