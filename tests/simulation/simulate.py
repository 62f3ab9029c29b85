"""One history: some reporters, a collector, and everything that goes wrong between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, partial

from mnstream.core.values import Status
from tests.simulation.checks import broken_promises
from tests.simulation.collector import CollectorProcess, Sabotage
from tests.simulation.faults import Faults, draw
from tests.simulation.network import Network
from tests.simulation.reporter import Account, ReporterProcess
from tests.simulation.world import World

TROUBLE_MS = 6_000
"""How long things go wrong."""
SETTLE_MS = 10_000
"""How long it may take until they are right again: longer than every time limit together."""
END_MS = 60_000
"""How long everything may take to end: longer than the longest grace time."""
TRACE_LINES = 60


class SimulationFailed(AssertionError):
    """A promise was broken; says which, with the seed and the end of the trace."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened.

    Attributes:
        seed: What it was made from.
        counts: How often everything happened.
        trace: The last lines of what was noted, in order.
        digest: What all of it comes to.
        faults: Promises that were broken.
    """

    seed: int
    counts: Counter[str]
    trace: tuple[str, ...]
    digest: str
    faults: tuple[str, ...]

    def check(self) -> None:
        """Raise when a promise was broken."""
        if self.faults:
            named = "\n".join(self.faults[:10])
            trace = "\n".join(self.trace)
            raise SimulationFailed(f"seed {self.seed}:\n{named}\n\n... trace:\n{trace}")


@cache
def simulate(
    seed: int, sabotage: Sabotage = Sabotage.NONE, trace_lines: int | None = TRACE_LINES
) -> History:
    """Live through one history: trouble, healing, the end."""
    world = World(seed, trace_lines)
    faults = draw(world.random)
    counts: Counter[str] = Counter()
    network = Network(world, faults, counts)
    world.note(str(faults))
    collector = CollectorProcess(network, sabotage)
    collector.start()
    reporters = [
        ReporterProcess(f"gnb{number}", number, collector) for number in range(world.between(1, 4))
    ]
    _plan(world, faults, collector, reporters)
    world.run(TROUBLE_MS)
    broken = _promises(collector, reporters)

    network.heal()
    world.note("the network is healed")
    world.run(TROUBLE_MS + SETTLE_MS)
    for reporter in reporters:
        reporter.last = True
        reporter.terminate()
    world.run(TROUBLE_MS + SETTLE_MS + END_MS)
    broken += _promises(collector, reporters)
    broken += _left_over(collector, reporters)

    collector.settle()
    _count(counts, reporters)
    return History(seed, counts, tuple(world.trace), world.digest, tuple(broken))


def _plan(
    world: World, faults: Faults, collector: CollectorProcess, reporters: list[ReporterProcess]
) -> None:
    world.every(faults.collector_crash_every_ms, TROUBLE_MS, collector.crash)
    world.every(faults.collector_stop_every_ms, TROUBLE_MS, collector.stop)
    for reporter in reporters:
        world.every(20, TROUBLE_MS, reporter.report)
        world.every(700, TROUBLE_MS, reporter.change_streams)
        world.every(faults.break_every_ms, TROUBLE_MS, reporter.break_channel)
        world.every(faults.reporter_crash_every_ms, TROUBLE_MS, reporter.crash)
        world.every(faults.reporter_end_every_ms, TROUBLE_MS, reporter.terminate)
        apart = partial(collector.network.partition, reporter.name)
        world.every(faults.partition_every_ms, TROUBLE_MS, apart)


def _accounts(reporters: list[ReporterProcess]) -> list[Account]:
    return [account for reporter in reporters for account in reporter.accounts]


def _promises(collector: CollectorProcess, reporters: list[ReporterProcess]) -> list[str]:
    """Safety, which holds at any time."""
    log = collector.log
    return broken_promises(log.records[: log.durable], _accounts(reporters))


def _left_over(collector: CollectorProcess, reporters: list[ReporterProcess]) -> list[str]:
    """Liveness, which a healed network is owed."""
    faults: list[str] = []
    for reporter in reporters:
        account, name = reporter.account, reporter.account.producer_id
        left = len(account.offered) - account.acknowledged
        if left:
            faults.append(f"{name}: {left} frames were never acknowledged")
        if account.end is None:
            faults.append(f"{name}: never ended, but is {reporter.producer.state.value}")
        elif account.end.status is not Status.SUCCESS:
            faults.append(f"{name}: ended with {account.end.reason}")
    consumer = collector.consumer
    if consumer is None:
        faults.append("the collector did not come back")
    else:
        faults += [f"{each.connection_id}: never ended" for each in consumer.connections]
    if collector.log.durable < len(collector.log.records):
        faults.append("the end of the log never became durable")
    return faults


def _count(counts: Counter[str], reporters: list[ReporterProcess]) -> None:
    counts["histories"] = 1
    accounts = _accounts(reporters)
    counts["lives of reporters"] = len(accounts)
    counts["frames offered"] = sum(len(account.offered) for account in accounts)
    counts["frames acknowledged"] = sum(account.acknowledged for account in accounts)
    crashed = [account for account in accounts if account.crashed]
    counts["frames lost with a reporter's memory"] = sum(
        len(account.offered) - account.acknowledged for account in crashed
    )
