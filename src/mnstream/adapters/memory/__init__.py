"""Both sides in one process: exact, ordered, bounded, and cut on demand."""

from mnstream.adapters.memory.channel import MemoryChannel
from mnstream.adapters.memory.transport import MemoryTransport

__all__ = ["MemoryChannel", "MemoryTransport"]
