"""Benchmarks against peers, side by side in one run, as ratios (PERFORMANCE.md).

Servers run in processes of their own, the load comes from this one, and both sides get the same
load in turns. Every benchmark says in its result what each side did; `registry` lists them.

Nothing is imported here: the servers live in this package too, and a peer's should load no more
than the peer.
"""
