"""A world that misbehaves on purpose: for the demo, for tests, and for whoever wants to try."""

from mnstream.adapters.simulation.notification_proxy import Fate, Faults, NotificationProxy
from mnstream.adapters.simulation.proxy import UnreliableProxy

__all__ = ["Fate", "Faults", "NotificationProxy", "UnreliableProxy"]
