"""The demo's cast: processes, reporters, faults between them, and the reckoning."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from zlib import crc32

import anyio

from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.http import HttpTransport
from mnstream.adapters.runtime.measuring import encode_readings
from mnstream.adapters.runtime.reporter import Reporter
from mnstream.adapters.simulation.notified import Notified
from mnstream.adapters.simulation.processes import ServiceProcess
from mnstream.adapters.simulation.proxy import UnreliableProxy
from mnstream.adapters.sources import HostSource, SimulatedSource
from mnstream.adapters.storage import Entry, LogReader
from mnstream.core.records import Disposition, FrameStored
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ProducerId
from mnstream.ports.source import MeasurementSource

Told = Callable[[str], None]


@dataclass(slots=True)
class Cast:
    """One reporter of the demo.

    Attributes:
        name: For people.
        reporter: The service.
        digests: One for each frame that was offered, in order.
    """

    name: str
    source: MeasurementSource
    reporter: Reporter
    digests: list[int]

    @property
    def acknowledged(self) -> int:
        """Number of frames that the collector vouches for."""
        return self.reporter.producer.window.acknowledged


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The ledger of one reporter.

    Attributes:
        reporter: Its name.
        offered: Frames that it took from its source.
        acknowledged: Those that the collector vouched for.
        resent: Those that went out more than once.
        stored: Different frames of it in the collector's log.
        duplicates: Frames in the log that were recognised as sent again.
        missing: Acknowledged frames that are not in the log. Anything but 0 is a lie.
    """

    reporter: str
    offered: int
    acknowledged: int
    resent: int
    stored: int
    duplicates: int
    missing: int


class Showcase:
    """Reporters and a collector, a notifier and a subscriber, and networks that can fail."""

    def __init__(self, data: Path, *, seconds: float, rate: float) -> None:
        """Prepare; nothing runs yet.

        Args:
            data: Existing directory for the collector's log and for what notifications leave.
            seconds: How long it is going to run.
            rate: Frames a second from each reporter.
        """
        self.collector = ServiceProcess("collect", data)
        # One of its own each time: a position in the lines of another run would mislead it.
        folder = Path(mkdtemp(prefix="notifications-", dir=data))
        self.notified = Notified(folder, seconds=seconds)
        self.proxy = UnreliableProxy("127.0.0.1", self.collector.port)
        self.cast: list[Cast] = []
        self._faults: Counter[str] = Counter()
        self._rate = rate
        self._over = anyio.Event()

    @property
    def faults(self) -> Counter[str]:
        """What was done to processes and connections so far."""
        return self._faults + Counter({"notifier killed": self.notified.kills})

    @asynccontextmanager
    async def running(self, tell: Told) -> AsyncGenerator[None]:
        """Report and notify while the block runs; then deliver what is left, and stop."""
        async with self.notified.running(tell), self.collector.running(), self.proxy.running():
            self.cast = [self._host(), *(self._cell(number) for number in range(1, 4))]
            async with anyio.create_task_group() as tasks:
                for member in self.cast:
                    tasks.start_soon(self._report, member)
                yield
                await self.collector.ensure_running()
                self._over.set()
                await self.notified.finish()

    async def misbehave(self, tell: Told) -> None:
        """Cut, stall and kill, one after the other, until cancelled."""
        while True:
            await anyio.sleep(2)
            tell(f"fault: {self.proxy.cut()} connections cut")
            self._faults["connections cut"] += 1
            await anyio.sleep(2)
            tell("fault: collector killed with SIGKILL")
            self._faults["collector killed"] += 1
            await self.collector.kill()
            await anyio.sleep(0.5)
            await self.collector.start()
            tell("collector is back, with the connections that its log tells of")
            await anyio.sleep(2)
            tell("fault: network stalls for a second")
            self._faults["network stalled"] += 1
            await self.proxy.stall(1)

    def ledger(self) -> list[Line]:
        """Compare what was acknowledged with what the collector's log really holds."""
        stored: dict[str, Counter[int]] = {}
        duplicates: Counter[str] = Counter()
        for entry in LogReader(self.collector.data).entries():
            if not isinstance(entry, Entry) or not isinstance(entry.record, FrameStored):
                continue
            producer = str(entry.connection.producer_id) if entry.connection else ""
            if entry.record.disposition is Disposition.DUPLICATE:
                duplicates[producer] += 1
            else:
                stored.setdefault(producer, Counter())[crc32(entry.record.payload)] += 1
        return [self._line(member, stored, duplicates) for member in self.cast]

    def _line(
        self, member: Cast, stored: dict[str, Counter[int]], duplicates: Counter[str]
    ) -> Line:
        producer = member.reporter.producer
        held = stored.get(producer.producer_id, Counter())
        vouched = Counter(member.digests[: member.acknowledged])
        return Line(
            reporter=member.name,
            offered=len(member.digests),
            acknowledged=member.acknowledged,
            resent=producer.counts.frames_resent,
            stored=len(held),
            duplicates=duplicates[producer.producer_id],
            missing=(vouched - held).total(),
        )

    def _host(self) -> Cast:
        producer = ProducerId(f"ManagedElement={socket.gethostname()},Demo=1")
        return self._member("this machine", producer, HostSource(producer))

    def _cell(self, number: int) -> Cast:
        producer = ProducerId(f"SubNetwork=Demo,ManagedElement={number}")
        source = SimulatedSource(producer, seed=number, streams=3, first_element=number)
        return self._member(f"gNB {number} (simulated)", producer, source)

    def _member(self, name: str, producer: ProducerId, source: MeasurementSource) -> Cast:
        path = self.collector.url.split("/", 3)[3]
        reporter = Reporter(
            StreamingProducer(producer, config=ProducerConfig(back_off_max_ms=1000)),
            HttpTransport(f"http://127.0.0.1:{self.proxy.port}/{path}"),
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )
        reporter.add_streams(source.streams())
        return Cast(name, source, reporter, [])

    async def _report(self, member: Cast) -> None:
        clock = SystemClock()
        last_ms = 0
        async with member.reporter.running():
            while not self._over.is_set():
                last_ms = max(clock.wall_ms(), last_ms + 1)
                frames = encode_readings(member.source.read(last_ms))
                await member.reporter.report(frames)
                member.digests += map(crc32, frames)
                with anyio.move_on_after(1 / self._rate):
                    await self._over.wait()
