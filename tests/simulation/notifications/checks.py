"""What has to be true of what an application was given and told, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mnstream.core.notification_values import NOT_SENT, Epoch, Number, SubscriptionId
from mnstream.core.notifications.announcing import FAULTY_ALARMS, FAULTY_TREE, is_about_alarms
from tests.simulation.notifications.consumer import Entry, Handed, Lost, Restarted
from tests.simulation.notifications.producer import Wanted
from tests.simulation.notifications.store import Key, Note

Ledger = Mapping[Key, Note]


def broken_order(name: str, journal: Sequence[Entry], ledger: Ledger) -> list[str]:
    """Name what was given that was never stored, or twice, or out of order, or altered.

    The one in hand may be repeated when its consumer has crashed. A producer that does not tell
    its epochs may begin anew whenever a restart was inferred.
    """
    faults: list[str] = []
    texts = {note.text for note in ledger.values()}
    before: Handed | None = None
    for entry in journal:
        match entry:
            case Handed():
                faults += _altered(name, entry, ledger, texts)
                if before is not None and not _follows(before, entry):
                    faults.append(f"{name}: {_place(entry)} comes after {_place(before)}")
                before = entry
            case Restarted():
                before = None if not entry.certain else before
            case Lost():
                if entry.stored:
                    span = f"{entry.epoch} {entry.first}-{entry.last}"
                    faults.append(f"{name}: {span} is lost, but {entry.stored} are stored")
    return faults


def _altered(name: str, entry: Handed, ledger: Ledger, texts: set[str]) -> list[str]:
    number = entry.number
    if not number.epoch:
        return [] if entry.text in texts else [f"{name}: was never stored: {entry.text}"]
    note = ledger.get((number.epoch, number.sequence_no))
    if note is None:
        return [f"{name}: was never stored: {entry.text}"]
    return [] if note.text == entry.text else [f"{name}: is not what was stored: {entry.text}"]


def _place(entry: Handed) -> tuple[int, int]:
    return entry.number.epoch, entry.number.sequence_no


def _follows(before: Handed, after: Handed) -> bool:
    if _place(before) == _place(after):
        same = before.text == after.text or not after.number.epoch  # a restart in between is unseen
        return before.life < after.life and same
    return _place(before) < _place(after)


def missing_told(
    name: str, journal: Sequence[Entry], ledger: Ledger, base: Number | None
) -> list[str]:
    """Name what was stored and neither given nor told to be lost, where epochs are told.

    Args:
        name: The consumer.
        journal: What its application was given and told.
        ledger: Everything that was ever stored for it.
        base: What it began behind.
    """
    if base is None:
        return [f"{name}: never began"]
    start = (base.epoch, base.sequence_no)
    given = {_place(entry) for entry in journal if isinstance(entry, Handed)}
    losses = [entry for entry in journal if isinstance(entry, Lost)]
    restarts = [entry for entry in journal if isinstance(entry, Restarted)]
    return [
        f"{name}: {key} was neither given nor lost"
        for key in ledger
        if key > start and key not in given and not _is_lost(key, losses, restarts)
    ]


def _is_lost(key: Key, losses: Iterable[Lost], restarts: Iterable[Restarted] = ()) -> bool:
    """Tell whether somebody was told; an end that nobody knows covers what was before the next."""
    epoch, number = key
    endless = {each.epoch for each in losses if each.last is None}
    if any(each.before in endless and each.before < epoch < each.after for each in restarts):
        return True
    return any(
        epoch == each.epoch and number >= each.first and (each.last is None or number <= each.last)
        for each in losses
    )


def missing_untold(name: str, journal: Sequence[Entry], ledger: Ledger) -> list[str]:
    """Name what was stored and neither given nor lost, where epochs are not told.

    What has a number that was given or lost in another epoch cannot be missed by anybody: the
    promise is that there is no hole in the numbers, and that an inferred restart is told as a loss
    without an end. A consumer that forgets as well which numbers it has heard of is promised less.
    """
    texts = {entry.text for entry in journal if isinstance(entry, Handed)}
    numbers = {entry.number.sequence_no for entry in journal if isinstance(entry, Handed)}
    losses = [entry for entry in journal if isinstance(entry, Lost)]
    epochs = {epoch for epoch, _ in ledger}
    if len(epochs) > 1 and any(isinstance(each, Handed) and each.life > 1 for each in journal):
        return []
    return [
        f"{name}: {key} was neither given nor lost, without a trace"
        for key, note in ledger.items()
        if note.text not in texts
        and not _is_lost((Epoch(0), key[1]), losses)
        and (len(epochs) == 1 or key[1] not in numbers)
    ]


def unannounced(
    wanted: Iterable[Wanted],
    ledgers: Mapping[SubscriptionId, Ledger],
    epochs: set[tuple[SubscriptionId, Epoch]],
    deleted: set[tuple[SubscriptionId, Epoch]],
) -> list[str]:
    """Name what somebody wanted and nobody stored, when the producer has not said so afterwards.

    Subscriptions that were never durable, and those that were deleted, are owed nothing.
    """
    faults: list[str] = []
    for name in {each.subscription_id for each in wanted}:
        notes = ledgers.get(name, {}).values()
        serials = {note.serial for note in notes}
        for each in wanted:
            key = (name, each.epoch)
            if each.subscription_id != name or each.serial in serials:
                continue
            if key not in epochs or key in deleted:
                continue
            if not any(note.order > each.order and _admits(note, each) for note in notes):
                faults.append(f"{name}: {each} was neither stored nor admitted")
    return faults


def _admits(note: Note, wanted: Wanted) -> bool:
    if note.notification_type == NOT_SENT:
        return note.not_sent_types is None or wanted.notification_type in note.not_sent_types
    expected = FAULTY_ALARMS if is_about_alarms(wanted.notification_type) else FAULTY_TREE
    return note.notification_type == expected
