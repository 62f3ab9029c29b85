"""NotificationList: what a producer still has, asked for by number or by time (B7-B11).

The standard names the class and no attribute of it; the names are ours, for what P2.5 of the study
lists. What was asked for and is gone is said, never left out: 410 when all of it is, and the
attribute ``goneSequenceNos`` when a part is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import (
    NUMBER_MAX,
    date_time,
    distinguished_name,
    read_date_time,
    subscription_path,
)
from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.selection import (
    integer_of,
    items_of,
    read_integer,
    text_of,
)
from mnstream.core.errors import LimitExceeded
from mnstream.core.notification_values import Epoch, ObjectPath, StoredRange
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.notification_store import StoredWindow
from mnstream.ports.subscriptions import SubscriptionView

_BY_NUMBER = ("sequenceNo", "fromSequenceNo", "toSequenceNo")
_BY_TIME = ("fromEventTime", "toEventTime")
_EPOCH = "epoch"

Run = tuple[int, int]
"""Lowest and highest of numbers without a hole between them."""
Epochs = Sequence[tuple[Epoch, StoredWindow]]
"""Epochs that are known, oldest first, the present one last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which stored notifications a GET is about.

    Attributes:
        epoch: Epoch of the numbers; None for the present one.
        runs: Numbers, in order; ``NUMBER_MAX`` at the end is "and all that follow". None for all.
        listed: Whether each number was named, not a range of them.
        span: Lowest and highest eventTime, None where there is no bound; None for no span. It is
            about every epoch.
    """

    epoch: Epoch | None = None
    runs: tuple[Run, ...] | None = None
    listed: bool = False
    span: tuple[int | None, int | None] | None = None


ALL = Asked()


def list_parameters(profile: NotificationProfile) -> tuple[str, ...]:
    """Name the parameters that only a NotificationList has."""
    return (*_BY_NUMBER, *_BY_TIME, *((_EPOCH,) if profile.tell_epoch else ()))


def read_asked(parameters: dict[str, list[str]], limits: ProvisioningLimits) -> Asked:
    """Read which notifications a query is about.

    Raises:
        Refusal: 400, or 413 for too many numbers.
    """
    by_number = tuple(name for name in _BY_NUMBER if name in parameters)
    by_time = tuple(name for name in _BY_TIME if name in parameters)
    epoch = integer_of(parameters, _EPOCH)
    if by_time and (by_number or epoch is not None):
        # Times are compared over all epochs: a restart is no reason to miss what was before it.
        names = (*by_number, *((_EPOCH,) if epoch is not None else ()), *by_time)
        detail = "numbers and epochs cannot be combined with times"
        raise Refusal(400, detail, bad_query_params=names)
    if by_time:
        return Asked(span=_span(parameters))
    present = None if epoch is None else Epoch(epoch)
    if "sequenceNo" in by_number:
        if len(by_number) > 1:
            detail = "sequenceNo cannot be combined with a range"
            raise Refusal(400, detail, bad_query_params=by_number)
        return Asked(epoch=present, runs=_listed(parameters, limits), listed=True)
    return Asked(epoch=present, runs=_range(parameters) if by_number else None)


def window_attributes(
    view: SubscriptionView,
    epochs: Epochs,
    shown: tuple[Epoch, StoredWindow],
    *,
    base: ObjectPath,
    profile: NotificationProfile,
) -> dict[str, Json]:
    """Write everything but the notifications."""
    epoch, window = shown
    reference = distinguished_name(subscription_path(base, view.subscription_id))
    attributes: dict[str, Json] = {"subscriptionRef": reference}
    if profile.tell_epoch:
        attributes["epoch"] = epoch
        attributes["epochs"] = [known for known, _ in epochs]
        if epoch != view.epoch and window.range.next_epoch is not None:
            attributes["nextEpoch"] = window.range.next_epoch
    attributes["oldestSequenceNo"] = window.range.oldest_sequence_no
    attributes["newestSequenceNo"] = window.range.newest_sequence_no
    attributes["lastSequenceNo"] = view.status.last_sequence_no
    times = {
        "lastEventTime": view.status.last_event_time_ms,
        "oldestEventTime": window.oldest_event_time_ms,
        "newestEventTime": window.newest_event_time_ms,
    }
    attributes |= {name: date_time(ms) for name, ms in times.items() if ms is not None}
    attributes["numberOfStoredNotifications"] = window.number_of_stored_notifications
    attributes["maxNumberOfStoredNotifications"] = view.notifications_max
    return attributes


def prepared(asked: Asked, window: StoredRange) -> tuple[Run, ...]:
    """Return the numbers that are asked for and exist, kept or not."""
    if asked.runs is None:
        # Nothing in particular: what is kept.
        oldest = window.oldest_sequence_no
        return ((oldest, window.newest_sequence_no),) if oldest else ()
    newest = window.newest_sequence_no
    return tuple((first, min(last, newest)) for first, last in asked.runs if first <= newest)


def kept(runs: Sequence[Run], window: StoredRange) -> tuple[Run, ...]:
    """Return those that are still there."""
    oldest = window.oldest_sequence_no
    if not oldest:
        return ()
    return tuple((max(first, oldest), last) for first, last in runs if last >= oldest)


def gone(runs: Sequence[Run], window: StoredRange, received: Sequence[int]) -> tuple[Run, ...]:
    """Return those that are not there any more.

    What was dropped while it was being read counts as there when it was received in time.
    """
    oldest = window.oldest_sequence_no or window.newest_sequence_no + 1
    lost: list[Run] = []
    for first, last in runs:
        got = next((number for number in received if first <= number <= last), last + 1)
        upper = min(last, oldest - 1, got - 1)
        if first <= upper:
            lost.append((first, upper))
    return tuple(lost)


def amount(runs: Sequence[Run]) -> int:
    """Count numbers."""
    return sum(last - first + 1 for first, last in runs)


def gone_in_span(
    asked: Asked, epochs: Epochs, profile: NotificationProfile
) -> list[tuple[Epoch, Run]]:
    """Return what was dropped and may have happened in a span of time, by epoch.

    When it happened is not known any more, only that it was before what is left.
    """
    from_ms = None if asked.span is None else asked.span[0]
    lost: list[tuple[Epoch, Run]] = []
    for epoch, window in epochs if profile.tell_epoch else epochs[-1:]:
        span = window.range
        last = span.oldest_sequence_no - 1 if span.oldest_sequence_no else span.newest_sequence_no
        until = window.oldest_event_time_ms if span.oldest_sequence_no else span.next_epoch
        if last >= 1 and (from_ms is None or until is None or from_ms < until):
            lost.append((epoch, (1, last)))
    return lost


def write_runs(runs: Sequence[Run]) -> list[Json]:
    """Write ``goneSequenceNos``."""
    return [{"first": first, "last": last} for first, last in runs]


def _listed(parameters: dict[str, list[str]], limits: ProvisioningLimits) -> tuple[Run, ...]:
    name = "sequenceNo"
    items = items_of(parameters, name) or []
    if len(items) > limits.notifications_max:
        detail = f"more than {limits.notifications_max} numbers at once"
        raise Refusal(413, detail, name=LimitExceeded.name, bad_query_params=(name,))
    numbers = sorted({_number(name, item) for item in items})
    if not numbers or numbers[0] == 0:
        raise Refusal(400, f"{name} names numbers, from 1", bad_query_params=(name,))
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(numbers), 1) if b != a + 1)]
    ends = [*starts[1:], len(numbers)]
    return tuple((numbers[a], numbers[b - 1]) for a, b in zip(starts, ends, strict=True))


def _range(parameters: dict[str, list[str]]) -> tuple[Run, ...]:
    first_text = text_of(parameters, "fromSequenceNo")
    last_text = text_of(parameters, "toSequenceNo")
    first = 1 if first_text is None else max(1, _number("fromSequenceNo", first_text))
    last = NUMBER_MAX if last_text is None else _number("toSequenceNo", last_text)
    if first > last:
        names = tuple(name for name in _BY_NUMBER if name in parameters)
        raise Refusal(400, "the range of numbers is empty", bad_query_params=names)
    return ((first, last),)


def _number(name: str, text: str) -> int:
    number = read_integer(name, text)
    if number > NUMBER_MAX:
        detail = f"{name} is no unsigned integer of 64 bits"
        raise Refusal(400, detail, bad_query_params=(name,))
    return number


def _span(parameters: dict[str, list[str]]) -> tuple[int | None, int | None]:
    from_ms, to_ms = (_time(parameters, name) for name in _BY_TIME)
    if from_ms is not None and to_ms is not None and from_ms > to_ms:
        raise Refusal(400, "the span of time is empty", bad_query_params=_BY_TIME)
    return from_ms, to_ms


def _time(parameters: dict[str, list[str]], name: str) -> int | None:
    text = text_of(parameters, name)
    try:
        return None if text is None else read_date_time(text)
    except Unreadable as problem:
        raise Refusal(400, str(problem), bad_query_params=(name,)) from problem
