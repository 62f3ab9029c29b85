"""Identifiers and random numbers: unguessable ones for services, repeatable ones for tests."""

from __future__ import annotations

import random
import secrets
from base64 import urlsafe_b64encode

from mnstream.core.values import ConnectionId

_TOKEN_BYTES = 16
"""128 bits: a connectionId is all that an upgrade request shows of its connection."""


class SystemEntropy:
    """The operating system's entropy. Safe to use from any number of tasks and threads."""

    def token(self) -> str:
        """Return 22 characters of ``A-Z a-z 0-9 - _`` that nobody can guess."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    def connection_id(self) -> ConnectionId:
        """Return a token for a connection."""
        return ConnectionId(self.token())

    def jitter(self) -> float:
        """Return a random number, 0 <= jitter < 1."""
        return secrets.SystemRandom().random()


class SeededEntropy:
    """The same identifiers and numbers for the same seed, in the order of the calls.

    For tests and simulations only: whoever knows the seed knows every identifier.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable is what it is for

    def token(self) -> str:
        """Return the next token, of the same form as the system's."""
        token = urlsafe_b64encode(self._random.randbytes(_TOKEN_BYTES))
        return token.rstrip(b"=").decode("ascii")

    def connection_id(self) -> ConnectionId:
        """Return the next token, for a connection."""
        return ConnectionId(self.token())

    def jitter(self) -> float:
        """Return the next number, 0 <= jitter < 1."""
        return self._random.random()
