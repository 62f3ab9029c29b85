"""Which numbers are missing, and the smallest plan to get them (the study, parts 1 and 2).

Numbers are dense, so every number up to the highest that is known to exist was prepared once. A
plan names what to fetch, what cannot be had any more, and, by leaving it out, what to wait for.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass

from mnstream.core.notification_values import StoredRange


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Numbers from ``first`` to ``last``, both included."""

    first: int
    last: int


NO_NUMBERS = Span(1, 0)
"""Asked for when only what there is at all is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an answer of the producer says about the numbers that it was asked for.

    Attributes:
        lost: Cannot be had any more; None when nothing is lost.
        fruitless: The producer claims to have more of them and gave nothing that is missing.
        denied: The producer says that they do not exist.
    """

    lost: Span | None = None
    fruitless: bool = False
    denied: bool = False


def first_missing(after: int, highest: int, present: Container[int], *, at_most: int) -> Span:
    """Find the first stretch of missing numbers above ``after``, which is missing itself at once.

    Args:
        after: Everything up to here is there; the next number is missing.
        highest: Nothing above is known to exist.
        present: Numbers that are there already.
        at_most: Length of the stretch at most.
    """
    last = after + 1
    while last < min(highest, after + at_most) and last + 1 not in present:
        last += 1
    return Span(after + 1, last)


def plan(asked: Span, given: Collection[int], window: StoredRange, highest: int) -> Plan:
    """Judge an answer: what lies below what the producer has is lost.

    What it has and did not give is asked for again; only when it gave nothing at all, that was
    fruitless. Nothing is lost that it has not prepared: then whoever said that it exists is wrong,
    or the producer is.

    Args:
        asked: Numbers that were asked for, at least one.
        given: Those of them that came.
        window: What the producer has.
        highest: Highest number that is known to exist; what is lost may reach up to it.
    """
    # 0 is nothing at all, or the oldest of a producer that begins to count with it (B2).
    newest = window.newest_sequence_no
    oldest = window.oldest_sequence_no or (0 if given else newest + 1)
    if asked.first > newest:
        return Plan(denied=True)
    if asked.first < oldest:
        return Plan(lost=Span(asked.first, min(oldest - 1, newest, highest)))
    return Plan(fruitless=not given)
