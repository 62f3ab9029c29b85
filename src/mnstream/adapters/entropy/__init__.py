"""The one place that reads clocks and makes identifiers (``ports/clock.py``)."""

from mnstream.adapters.entropy.clocks import FixedClock, SystemClock, VirtualClock
from mnstream.adapters.entropy.identifiers import SeededEntropy, SystemEntropy

__all__ = ["FixedClock", "SeededEntropy", "SystemClock", "SystemEntropy", "VirtualClock"]
