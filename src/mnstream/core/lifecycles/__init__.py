"""The lifecycles: one table a file, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mnstream.core.lifecycles.compile import Lifecycle
from mnstream.core.lifecycles.consumer_connection import CONSUMER_CONNECTION
from mnstream.core.lifecycles.delivery import DELIVERY
from mnstream.core.lifecycles.producer_connection import PRODUCER_CONNECTION
from mnstream.core.lifecycles.stream import STREAM
from mnstream.core.lifecycles.subscription import SUBSCRIPTION
from mnstream.core.lifecycles.synchronisation import SYNCHRONISATION

# Any: every lifecycle has an enumeration of its own.
_ALL: tuple[Lifecycle[Any], ...] = (
    PRODUCER_CONNECTION,
    STREAM,
    CONSUMER_CONNECTION,
    SUBSCRIPTION,
    DELIVERY,
    SYNCHRONISATION,
)

LIFECYCLES: Mapping[str, Lifecycle[Any]] = MappingProxyType({each.name: each for each in _ALL})
"""Every lifecycle by its name."""
