"""Where adapters count what they refuse, so that loss and abuse are numbers with a cause."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Counts; never fails, never waits."""

    def count(self, name: str, cause: str = "", amount: int = 1) -> None:
        """Add ``amount`` to the counter ``name``, told apart by ``cause``.

        Names are snake_case nouns such as ``http_requests_refused``; causes come from a small fixed
        set, never from a peer.
        """
        ...
