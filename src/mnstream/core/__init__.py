"""Pure protocol: events in, effects out; no I/O, clock, randomness or tasks."""
