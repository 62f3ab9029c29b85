"""Do the row tests know what the tables say? Change each row in every way and see who notices.

Not a test: run it by hand or weekly, ``python -m tests.core.mutate_tables``. A mutant is one row
with another next state, or with the action of another row, or without the row. It is killed when
some test of a row fails, or does not end. A mutant that behaves like the table is not counted; why
each of them does stands beside it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from mnstream.core.lifecycles.compile import Lifecycle, Row
from tests.core.lifecycles import (
    test_consumer_connection,
    test_delivery,
    test_producer_connection,
    test_stream,
    test_subscription,
    test_synchronisation,
)
from tests.core.support import Rows

LIMIT_S = 0.5
"""A test of a row takes a millisecond."""

Move = tuple[Enum, str] | None


class Hanging(BaseException):
    """A mutant that goes round in circles; no test may swallow it."""


@dataclass(frozen=True)
class Mutant:
    """One row of a table, changed."""

    lifecycle: Lifecycle[Any]
    row: Row[Any]
    move: Move

    def __str__(self) -> str:
        """Say what was changed into what."""
        now = "no row" if self.move is None else f"{self.move[0].name} {self.move[1]}"
        row = self.row
        was = f"{row.next_state.name} {row.action}"
        return f"{self.lifecycle.name}: {row.state.name} {row.event.__name__}: {was} -> {now}"


def mutants(lifecycle: Lifecycle[Any]) -> Iterator[Mutant]:
    """Change every row of a table, one at a time."""
    for row in lifecycle.rows:
        for state in lifecycle.states:
            if state is not row.next_state:
                yield Mutant(lifecycle, row, (state, row.action))
        for action in sorted(lifecycle.actions - {row.action}):
            yield Mutant(lifecycle, row, (row.next_state, action))
        yield Mutant(lifecycle, row, None)


def is_killed(mutant: Mutant, tests: list[Callable[[], None]]) -> bool:
    """Put the mutant in the place of the table while its tests run."""
    original: Mapping[Any, Any] = mutant.lifecycle.moves
    moves = dict(original)
    del moves[mutant.row.state, mutant.row.event]
    if mutant.move is not None:
        moves[mutant.row.state, mutant.row.event] = mutant.move
    object.__setattr__(mutant.lifecycle, "moves", MappingProxyType(moves))
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        for test in tests:
            test()
    except (Exception, Hanging):
        return True
    else:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        object.__setattr__(mutant.lifecycle, "moves", original)


def behaves_like_the_table(mutant: Mutant) -> bool:
    """Tell whether nobody could notice the mutant, however he looked."""
    row, move = mutant.row, mutant.move
    words = {row.action, row.action if move is None else move[1]}
    match mutant.lifecycle.name, row.state.name, row.event.__name__:
        case "stream", "PROPOSED" | "WITHDRAWING", "DeadlineReached" if move is None:
            return True  # it stays where it is, and there is nothing to do
        case "stream", _, event if move is not None:
            # A stream in a final state is dropped at once. Only an answer has effects, and only
            # two words have, the same one; the other words are for people.
            states = {move[0], row.next_state}
            answers = {"StreamAccepted", "StreamRejected", "StreamRemoved", "StreamKept"}
            same_state = len(states) == 1 or states <= mutant.lifecycle.final
            loud = words & {"announce", "report_failure"}
            return same_state and (loud in (set(), words) or event not in answers)
        case "producer-connection", "IDLE", "StartRequested":
            return words == {"post_connection", "try_again"}  # there is no connection to try
        case "producer-connection", "CREATING", "RequestFailed" | "DeadlineReached":
            return words == {"back_off", "forget_connection"}  # there is none to forget
        case "producer-connection", "CLOSING", "PingSent":
            return words == {"await_pong", "seal"}  # nobody waits for it, and all is sealed
        case "subscription", "ACTIVE", "NotificationEmitted" if move is not None:
            return True  # whether there is a row is all that anybody asks
        case "subscription", "LOCKED", "SubscriptionModified" if move is not None:
            # Its settings say whether it is locked, and are obeyed at once.
            return words == {"modify"} and move[0].name == "ACTIVE"
        case "subscription", "LOCKED", "SubscriptionUnlocked":
            return words == {"lock", "unlock"}  # it was modified, which begins deliveries anew
        case "delivery", _, _ if words == {"give_up", "skip"}:
            # Skipping one after the other is giving up.
            return bool(row.next_state.name == "STOPPED")
        case "synchronisation", "FETCHING", "RangeFetched" | "HoleClosed" if move is not None:
            # What is missing is looked at afterwards, and leads back from these states at once.
            # The hole that was waited for is forgotten with the next answer.
            taken = {"FETCHING"} if row.action == "take" else set[str]()
            same_state = move[0].name in {"IN_SEQUENCE", "WAITING"} | taken
            return same_state and words <= {"rest", "wait", row.action}
        case _:
            return words == {"finish", "give_up"}  # one method; two words for people


def hang(_number: int, _frame: object) -> None:
    """Stop a test that does not end."""
    raise Hanging


def main() -> int:
    """Print the mutants that survive and how many were killed; return how many survive."""
    signal.signal(signal.SIGALRM, hang)
    tables: list[Rows[Any]] = [
        test_consumer_connection.covers,
        test_producer_connection.covers,
        test_stream.covers,
        test_subscription.covers,
        test_delivery.covers,
        test_synchronisation.covers,
    ]
    killed = survived = alike = 0
    for rows in tables:
        all_tests = [test for tests in rows.cases.values() for test in tests]
        for mutant in mutants(rows.lifecycle):
            if behaves_like_the_table(mutant):
                alike += 1
                continue
            own = rows.cases[mutant.row.state, mutant.row.event]
            others = [test for test in all_tests if test not in own]
            if is_killed(mutant, [*own, *others]):
                killed += 1
            else:
                survived += 1
                sys.stdout.write(f"survives: {mutant}\n")
    total = killed + survived
    sys.stdout.write(f"killed {killed} of {total} mutants; {alike} more behave like the table\n")
    return survived


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
