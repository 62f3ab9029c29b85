"""What a GET shows: objects, and the stored notifications that are read for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.notification_list import (
    Asked,
    Epochs,
    Run,
    amount,
    gone,
    gone_in_span,
    kept,
    prepared,
    window_attributes,
    write_runs,
)
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.resources import RawArray, Resource, is_shown
from mnstream.adapters.rest.provisioning.scopes import contains_level, reaches_below
from mnstream.adapters.rest.provisioning.selection import NOTIFICATIONS, Selection
from mnstream.adapters.rest.provisioning.subscription_control import (
    heartbeat_attributes,
    subscription_attributes,
)
from mnstream.adapters.rest.provisioning.targets import (
    Kind,
    Target,
    heartbeat_target,
    list_target,
    subscription_target,
    unknown_object,
)
from mnstream.core.notification_values import Epoch, ObjectPath, SubscriptionId
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.notification_store import StoredWindow
from mnstream.ports.subscriptions import StoredText, SubscriptionService, SubscriptionView

_BREATH = 64
"""Lists after which others get their turn; one takes about 0.1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Notifications that were read.

    Attributes:
        texts: They themselves.
        next_sequence_no: Where to go on; None when there is nothing more.
    """

    texts: Sequence[StoredText] = ()
    next_sequence_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """A subscription and what is stored of it, at one moment."""

    view: SubscriptionView
    epochs: Epochs
    epoch: Epoch
    window: StoredWindow


class Reading:
    """One GET. The limits are those of the whole answer, however many lists are in it."""

    def __init__(
        self,
        service: SubscriptionService,
        *,
        base: ObjectPath,
        profile: NotificationProfile,
        limits: ProvisioningLimits,
        selection: Selection,
        asked: Asked,
    ) -> None:
        """Keep what is asked for."""
        self._service = service
        self._base = base
        self._profile = profile
        self._selection = selection
        self._asked = asked
        self._bytes_max = limits.notification_bytes_max
        self._count_left = limits.notifications_max
        self._bytes_left = limits.notification_bytes_max
        self._is_fresh = True

    async def show(self, target: Target) -> Resource:
        """Return the target with what the scope chooses below it.

        Raises:
            Refusal: 404, or 410 when everything that was asked for is gone.
        """
        if target.kind in (Kind.BASE, Kind.ANCESTOR):
            return await self._container(target.path, 0)
        view = self._view(target.subscription_id)
        match target.kind:
            case Kind.SUBSCRIPTION:
                return self._subscription(view, 0)
            case Kind.NOTIFICATION_LIST:
                return await self._list(view, 0)
            case _:
                heartbeat = view.heartbeat
                wanted = target.heartbeat_control_id
                if heartbeat is None or heartbeat.heartbeat_control_id != wanted:
                    raise unknown_object(f"there is no HeartbeatControl={wanted[:100]}")
                return Resource(
                    path=target.path, attributes=self._chosen(heartbeat_attributes(heartbeat), 0)
                )

    def _view(self, subscription_id: SubscriptionId) -> SubscriptionView:
        view = self._service.subscription(subscription_id)
        if view is None:
            raise unknown_object(f"there is no subscription {subscription_id[:100]}")
        return view

    async def _container(self, path: ObjectPath, level: int) -> Resource:
        children: list[Resource] = []
        if reaches_below(self._selection.scope, level):
            if path == self._base:
                views = self._service.subscriptions()
                children += [self._subscription(view, level + 1) for view in views]
                children += await self._lists(views, level + 1)
            else:
                segment = self._base[len(path) + 1 :].partition("/")[0]
                children.append(await self._container(ObjectPath(f"{path}/{segment}"), level + 1))
        # The attributes of these objects belong to whoever provides the objects themselves.
        return self._resource(path, {}, level, children)

    def _subscription(self, view: SubscriptionView, level: int) -> Resource:
        children: list[Resource] = []
        heartbeat = view.heartbeat
        if heartbeat is not None and reaches_below(self._selection.scope, level):
            target = heartbeat_target(
                self._base, view.subscription_id, heartbeat.heartbeat_control_id
            )
            attributes = heartbeat_attributes(heartbeat)
            children.append(self._resource(target.path, attributes, level + 1))
        path = subscription_target(self._base, view.subscription_id).path
        return self._resource(path, subscription_attributes(view, self._profile), level, children)

    async def _lists(self, views: Sequence[SubscriptionView], level: int) -> list[Resource]:
        lists: list[Resource] = []
        for index, view in enumerate(views, 1):
            if not index % _BREATH:
                await anyio.lowlevel.checkpoint()
            # One that is deleted while others are read is left out; nothing else can be refused
            # here, because nothing in particular was asked for.
            with suppress(Refusal):
                lists.append(await self._list(view, level))
        return lists

    async def _list(self, view: SubscriptionView, level: int) -> Resource:
        path = list_target(self._base, view.subscription_id).path
        if not contains_level(self._selection.scope, level):
            return Resource(path=path, attributes=None)
        return Resource(path=path, attributes=await self._stored(view, direct=level == 0))

    def _resource(
        self,
        path: ObjectPath,
        attributes: Mapping[str, Json],
        level: int,
        children: Sequence[Resource] = (),
    ) -> Resource:
        return Resource(
            path=path,
            attributes=self._chosen(attributes, level),
            children=tuple(filter(is_shown, children)),
        )

    def _chosen(
        self, attributes: Mapping[str, Json], level: int
    ) -> Mapping[str, Json | RawArray] | None:
        if not contains_level(self._selection.scope, level):
            return None
        return self._selection.of(attributes)

    # --- stored notifications ---------------------------------------------------------------------

    async def _stored(
        self, view: SubscriptionView, *, direct: bool
    ) -> Mapping[str, Json | RawArray]:
        """Return the attributes of a NotificationList, with notifications when they are wanted."""
        state = self._state(self._view(view.subscription_id))
        wanted = self._selection.wants_notifications(direct=direct)
        found = _Found()
        if self._asked.span is not None:
            if wanted:
                found = await self._read_span(state, self._asked.span)
                state = self._state(self._view(view.subscription_id))
            lost = self._lost_of_span(state)
            if lost and wanted and not found.texts and found.next_sequence_no is None:
                detail = "all that may have been in that time has left the store"
                raise self._refusal(410, "gone", detail, state, goneSequenceNos=lost)
        else:
            runs = prepared(self._asked, state.window.range)
            if wanted:
                found = await self._read_runs(state, kept(runs, state.window.range))
                # What was there when the question came may have been dropped since.
                state = self._state(self._view(view.subscription_id))
            lost = self._lost_of_runs(state, runs, found, wanted=wanted)
        attributes = dict(self._selection.of(self._window(state)))
        # These three are no matter of choice: without them an answer would look complete.
        if found.next_sequence_no is not None:
            attributes["notificationsTruncated"] = True
            attributes["nextSequenceNo"] = found.next_sequence_no
        if lost:
            attributes["goneSequenceNos"] = lost
        if wanted:
            attributes[NOTIFICATIONS] = RawArray(tuple(each.text for each in found.texts))
        return attributes

    def _state(self, view: SubscriptionView) -> _State:
        epochs = self._service.epochs(view.subscription_id)
        epoch = view.epoch if self._asked.epoch is None else self._asked.epoch
        for known, window in epochs:
            if known == epoch:
                return _State(view=view, epochs=epochs, epoch=epoch, window=window)
        present = _State(view=view, epochs=epochs, epoch=view.epoch, window=view.window)
        if epoch == view.epoch:
            return present
        raise self._refusal(410, "gone", f"nothing is known of the epoch {epoch}", present)

    def _window(self, state: _State) -> dict[str, Json]:
        return window_attributes(
            state.view,
            state.epochs,
            (state.epoch, state.window),
            base=self._base,
            profile=self._profile,
        )

    def _lost_of_runs(
        self, state: _State, runs: Sequence[Run], found: _Found, *, wanted: bool
    ) -> list[Json]:
        """Return what is gone of the numbers that were asked for.

        Raises:
            Refusal: 410 when that is all of them; 404 for single numbers that are not there yet.
        """
        if self._asked.runs is None:
            return []
        received = [each.number.sequence_no for each in found.texts]
        lost = gone(runs, state.window.range, received)
        if runs and amount(lost) == amount(runs):
            detail = "all that was asked for has left the store"
            raise self._refusal(410, "gone", detail, state)
        if self._asked.listed and not lost and not (received if wanted else runs):
            raise self._refusal(404, "unknownObject", "not there yet", state)
        return write_runs(lost)

    def _lost_of_span(self, state: _State) -> list[Json]:
        lost: list[Json] = []
        for epoch, (first, last) in gone_in_span(self._asked, state.epochs, self._profile):
            run: dict[str, Json] = {"first": first, "last": last}
            lost.append({"epoch": epoch, **run} if self._profile.tell_epoch else run)
        return lost

    def _refusal(
        self, status: int, name: str, detail: str, state: _State, **attributes: Json
    ) -> Refusal:
        shown = {**self._window(state), **attributes}
        return Refusal(status, detail, name=name, attributes=shown)

    async def _read_runs(self, state: _State, runs: Sequence[Run]) -> _Found:
        texts: list[StoredText] = []
        for start, last in runs:
            first = start
            while first <= last:
                if not self._count_left:
                    return _Found(texts=texts, next_sequence_no=first)
                got = await self._service.read(
                    state.view.subscription_id,
                    state.epoch,
                    first=first,
                    last=last,
                    count_max=self._count_left,
                )
                taken = self._take(got)
                texts += taken
                if len(taken) < len(got):
                    return _Found(texts=texts, next_sequence_no=_next(got[len(taken)]))
                if not got:
                    break
                first = got[-1].number.sequence_no + 1
        return _Found(texts=texts)

    async def _read_span(self, state: _State, span: tuple[int | None, int | None]) -> _Found:
        if not self._count_left:
            return _Found(next_sequence_no=state.window.range.oldest_sequence_no)
        got = await self._service.read_span(
            state.view.subscription_id,
            from_ms=span[0],
            to_ms=span[1],
            count_max=self._count_left + 1,
        )
        taken = self._take(got)
        if len(taken) < len(got):
            return _Found(texts=taken, next_sequence_no=_next(got[len(taken)]))
        # The service has a limit of its own, not less than ours, and does not say when it has
        # reached it. With half of it used there may be more; asking once too often costs little.
        size = sum(len(each.text) for each in taken)
        newest = state.window.range.newest_sequence_no
        if taken and size * 2 > self._bytes_max and taken[-1].number.sequence_no != newest:
            return _Found(texts=taken, next_sequence_no=_next(taken[-1]) + 1)
        return _Found(texts=taken)

    def _take(self, texts: Sequence[StoredText]) -> Sequence[StoredText]:
        """Return the first that fit what is left; the first of all fits always."""
        count = 0
        for each in texts[: self._count_left]:
            if len(each.text) > self._bytes_left and not self._is_fresh:
                self._count_left = 0
                break
            self._is_fresh = False
            self._bytes_left -= len(each.text)
            count += 1
        self._count_left = max(0, self._count_left - count)
        return texts[:count]


def _next(text: StoredText) -> int:
    return text.number.sequence_no
