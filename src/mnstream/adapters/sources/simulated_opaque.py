"""What analytics found and what a vendor adds, about the simulated cells: opaque streams.

Each payload is a JSON object that names its stream, so that several such streams, of both types,
can share a connection (`specs/contradictions.md` 58).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import cycle, islice
from typing import Final

from mnstream.adapters.codecs.values import time_text
from mnstream.adapters.sources.cell import Cell, Values
from mnstream.core.values import (
    AnalyticsInfo,
    Json,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    VsDataContainer,
)

_NS_PER_MS = 1_000_000
_PERIOD_MS = 1_000
_BUSY_PERCENT = 70
_BEAMS: Final = 8


class _OpaqueSource(ABC):
    """Streams about one cell each, with one payload of each at a time."""

    def __init__(
        self,
        producer_id: ProducerId,
        *,
        seed: int,
        streams: int = 1,
        serialization_format: SerializationFormat = SerializationFormat.GPB,
    ) -> None:
        """Make them.

        Args:
            producer_id: DN of the producer; the identifiers of the streams depend on it.
            seed: Seed of the network.
            streams: How many, at least 1.
            serialization_format: How they are announced; it means nothing for such payloads.

        Raises:
            ValueError: There is no stream.
        """
        if streams < 1:
            raise ValueError(f"there is at least 1 stream, not {streams}")
        # A DN has characters that are awkward in a URI, and may be long.
        whose = blake2b(producer_id.encode(), digest_size=4, person=b"mnstream opaque").hexdigest()
        self._about: list[tuple[StreamInfo, str, str, Cell]] = []
        for number, topic in enumerate(islice(cycle(self._topics()), streams), start=1):
            cell_dn = f"SubNetwork=Sim,ManagedElement={number},GNBDUFunction=1,NRCellDU=1"
            info = self._info(
                StreamId(f"{topic}-{number}-{whose}"), topic, cell_dn, serialization_format
            )
            cell = Cell(seed, cell_dn, granularity_period_ms=_PERIOD_MS)
            self._about.append((info, topic, cell_dn, cell))

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams."""
        return [info for info, *_ in self._about]

    def frames(self, wall_ms: int) -> Sequence[bytes]:
        """Give a payload of each stream, for what its cell did until now."""
        return [
            _named(info.stream_id, cell_dn, wall_ms, self._content(topic, cell.measure(wall_ms)))
            for info, topic, cell_dn, cell in self._about
        ]

    @abstractmethod
    def _topics(self) -> Sequence[str]:
        """Name what the streams are about, one after the other."""

    @abstractmethod
    def _info(
        self,
        stream_id: StreamId,
        topic: str,
        cell_dn: str,
        serialization_format: SerializationFormat,
    ) -> StreamInfo:
        """Describe a stream."""

    @abstractmethod
    def _content(self, topic: str, measured: Values) -> Mapping[str, Json]:
        """Say what is to be said about a cell that measured this."""


def _named(stream_id: StreamId, cell_dn: str, wall_ms: int, content: Mapping[str, Json]) -> bytes:
    members: dict[str, Json] = {
        "streamId": stream_id,
        "time": time_text(wall_ms * _NS_PER_MS),
        "object": cell_dn,
        **content,
    }
    return json.dumps(members, separators=(",", ":")).encode()


class SimulatedAnalytics(_OpaqueSource):
    """Coverage and energy analytics of cells, in turn; the same seed and time give the same."""

    def _topics(self) -> Sequence[str]:
        return ("coverage", "energy")

    def _info(
        self,
        stream_id: StreamId,
        topic: str,
        cell_dn: str,
        serialization_format: SerializationFormat,
    ) -> StreamInfo:
        return StreamInfo(
            stream_id=stream_id,
            stream_type=StreamType.ANALYTICS,
            serialization_format=serialization_format,
            additional_info=AnalyticsInfo(activity_details=f"{topic} analytics of {cell_dn}"),
        )

    def _content(self, topic: str, measured: Values) -> Mapping[str, Json]:
        load = measured["RRU.PrbTotDl"]
        if topic == "energy":
            power, volume = measured["PEE.AvgPower"], measured["DRB.PdcpSduVolumeDL"]
            return {
                "analyticsType": "EnergySaving",
                "averagePowerW": power,
                "mbitPerJoule": round(volume / power, 4),
                "recommendation": "stay" if load >= _BUSY_PERCENT // 2 else "sleep",
            }
        return {
            "analyticsType": "CoverageProblem",
            "loadPercent": load,
            "lossPerMillion": measured["DRB.PacketLossRateUl"],
            "problem": "congestion" if load >= _BUSY_PERCENT else None,
        }


class SimulatedProprietary(_OpaqueSource):
    """Throughput of beams in kbit/s, as a vendor tells it; the same seed and time give the same."""

    def _topics(self) -> Sequence[str]:
        return ("beams",)

    def _info(
        self,
        stream_id: StreamId,
        topic: str,
        cell_dn: str,
        serialization_format: SerializationFormat,
    ) -> StreamInfo:
        return StreamInfo(
            stream_id=stream_id,
            stream_type=StreamType.PROPRIETARY,
            serialization_format=serialization_format,
            additional_info=VsDataContainer(
                vs_data_type="ExampleBeams",
                vs_data=json.dumps({"topic": topic, "object": cell_dn, "beams": _BEAMS}),
                vs_data_format_version="1.0",
            ),
        )

    def _content(self, topic: str, measured: Values) -> Mapping[str, Json]:
        throughput = measured["DRB.UEThpDl"]
        # The middle of the cell has the most of them.
        weights = [min(beam, _BEAMS + 1 - beam) for beam in range(1, _BEAMS + 1)]
        loads: list[Json] = [round(throughput * weight / sum(weights)) for weight in weights]
        return {"vendor": "Example", topic: loads}
