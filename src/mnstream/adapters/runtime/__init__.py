"""Services: a core object, fed with what happens, and its effects carried out.

Nothing here decides. A service translates what its ports bring into events, hands them to the
core, does what the core asks for, in that order, and wakes it when its deadline comes. Runs on trio
and on asyncio through anyio.
"""

from __future__ import annotations

from mnstream.adapters.runtime.collector import Collector
from mnstream.adapters.runtime.notifier import Notifier
from mnstream.adapters.runtime.reporter import Reporter, ReportingEnded
from mnstream.adapters.runtime.subscriber import Subscriber

__all__ = ["Collector", "Notifier", "Reporter", "ReportingEnded", "Subscriber"]
