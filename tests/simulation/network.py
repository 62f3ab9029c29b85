"""A faulty network: channels that break at any byte, requests and answers that get lost."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnstream.core.values import ConnectionId
from tests.simulation.faults import Faults
from tests.simulation.world import Action, World

HEADER_BYTES = 6
RETRANSMISSION_MS = 40
"""How often a blocked network is tried again."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A Ping of either side."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """Its answer."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """One half of the closing handshake."""

    code: int


@dataclass(frozen=True, slots=True)
class Lost:
    """What a transport reports when the channel is gone."""

    reason: str


Item = bytes | Ping | Pong | Close | Lost


def size_of(item: Item) -> int:
    """Count the bytes of an item on the wire."""
    match item:
        case bytes():
            return HEADER_BYTES + len(item)
        case Ping() | Pong():
            return HEADER_BYTES + len(item.payload)
        case _:
            return HEADER_BYTES


class Network:
    """Delays, losses and partitions between the reporters and the collector."""

    def __init__(self, world: World, faults: Faults, counts: Counter[str]) -> None:
        self.world = world
        self.faults = faults
        self.counts = counts
        self.healed = False
        self._apart_until_ms: dict[str, int] = {}

    def heal(self) -> None:
        """Be a good network from now on."""
        self.healed = True
        self._apart_until_ms.clear()

    def partition(self, name: str) -> None:
        """Keep a reporter from the collector for a while."""
        self.counts["partitions"] += 1
        duration_ms = self.world.between(1, self.faults.partition_max_ms)
        self._apart_until_ms[name] = self.world.now_ms + duration_ms
        self.world.note(f"{name}: partition for {duration_ms} ms")

    def blocked(self, name: str) -> bool:
        """Tell whether nothing gets through now."""
        return self.world.now_ms < self._apart_until_ms.get(name, 0)

    def fails(self, probability: float) -> bool:
        """Throw a coin, unless the network is good."""
        return not self.healed and self.world.chance(probability)

    def delay_ms(self) -> int:
        """Choose how long something takes."""
        return self.world.between(0, self.faults.delay_max_ms)

    def call(self, name: str, request: Callable[[Action], None], failed: Action) -> None:
        """Carry a request to the collector.

        ``request`` gets ``lose``, to be called instead of an answer; ``failed`` is what the
        reporter is told when something was lost, if it is told at all.
        """

        def lose() -> None:
            if not self.fails(self.faults.no_failure):
                self.world.after(self.delay_ms(), failed)

        def arrive() -> None:
            if self.blocked(name) or self.fails(self.faults.request_lost):
                self.counts["requests lost"] += 1
                lose()
            else:
                request(lose)

        self.world.after(self.delay_ms(), arrive)

    def answer(self, name: str, answered: Action, lose: Action) -> bool:
        """Carry an answer back; returns whether it will arrive."""
        if self.blocked(name) or self.fails(self.faults.answer_lost):
            self.counts["answers lost"] += 1
            lose()
            return False
        self.world.after(self.delay_ms(), answered)
        return True


class Pipe:
    """One direction of a channel: what is put in comes out in order, later, or not at all."""

    def __init__(
        self, network: Network, name: str, direction: str, deliver: Callable[[Sequence[Item]], None]
    ) -> None:
        self._network = network
        self._name = name
        self._direction = direction
        self._deliver = deliver
        self._under_way: deque[tuple[int, Item]] = deque()
        self._last_ms = 0
        self._planned = False
        self._broken = False

    def put(self, item: Item) -> None:
        """Send something."""
        if not self._broken:
            self._append(item)

    def end(self, reason: str, *, told: bool) -> None:
        """Send nothing any more; the other end is told after what is under way, or never."""
        if not self._broken and told:
            self._append(Lost(reason))
        self._broken = True

    def cut(self) -> None:
        """Lose what is under way from any byte on."""
        total = sum(size_of(item) for _, item in self._under_way)
        position = self._network.world.between(0, total)
        while total > position:
            total -= size_of(self._under_way.pop()[1])

    def _append(self, item: Item) -> None:
        world = self._network.world
        self._last_ms = max(self._last_ms, world.now_ms + self._network.delay_ms())
        self._under_way.append((self._last_ms, item))
        self._plan(self._last_ms - world.now_ms)

    def _plan(self, delay_ms: int) -> None:
        if not self._planned:
            self._planned = True
            self._network.world.after(delay_ms, self._pump)

    def _pump(self) -> None:
        self._planned = False
        world = self._network.world
        if self._network.blocked(self._name):
            self._plan(RETRANSMISSION_MS)
            return
        arrived: list[Item] = []
        while self._under_way and self._under_way[0][0] <= world.now_ms:
            arrived.append(self._under_way.popleft()[1])
            world.note(f"{self._name} {self._direction} {arrived[-1]!r}")
        self._deliver(arrived)
        if self._under_way:
            self._plan(self._under_way[0][0] - world.now_ms)


class Channel:
    """Two pipes between a reporter and the collector."""

    def __init__(
        self,
        network: Network,
        name: str,
        connection_id: ConnectionId,
        *,
        at_consumer: Callable[[Channel, Sequence[Item]], None],
        at_producer: Callable[[Channel, Sequence[Item]], None],
    ) -> None:
        self.name = name
        self.connection_id = connection_id
        self._network = network
        self.to_consumer = Pipe(network, name, "->", lambda items: at_consumer(self, items))
        self.to_producer = Pipe(network, name, "<-", lambda items: at_producer(self, items))

    def break_off(self, reason: str) -> None:
        """Cut both directions; either end may not be told."""
        self._network.counts["channels broken"] += 1
        for pipe in (self.to_consumer, self.to_producer):
            pipe.cut()
            told = not self._network.fails(self._network.faults.silent)
            self._network.counts["ends not told"] += not told
            pipe.end(reason, told=told)

    def leave(self, pipe: Pipe) -> None:
        """Release one end without a goodbye; the other end, to which the pipe leads, learns it."""
        told = not self._network.fails(self._network.faults.silent)
        pipe.end("reset by peer", told=told)
