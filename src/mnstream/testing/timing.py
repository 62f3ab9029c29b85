"""The time limit of a check."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

TIME_LIMIT_S = 30
"""For one check; a hang becomes a failure. Every time limit of the channels has to be shorter."""


@contextmanager
def in_time(check: Callable[..., object]) -> Generator[None]:
    """Make a hang of a check an AssertionError that names it."""
    try:
        with anyio.fail_after(TIME_LIMIT_S):
            yield
    except TimeoutError as error:
        reason = f"{check.__name__}: not done within {TIME_LIMIT_S} s"
        raise AssertionError(reason) from error
