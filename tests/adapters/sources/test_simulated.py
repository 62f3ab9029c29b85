from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.sources import METRICS_MAX, SimulatedSource
from mnstream.adapters.sources.catalogue import CATALOGUE, FIVE_QI, Split, columns
from mnstream.core.values import PerformanceInfo, ProducerId, SerializationFormat, StreamInfo

PRODUCER = ProducerId("SubNetwork=Sim,ManagedElement=1")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 20_815 * DAY_MS  # 2026-12-28

Sample = dict[str, float]


def info_of(stream: StreamInfo) -> PerformanceInfo:
    assert isinstance(stream.additional_info, PerformanceInfo)
    return stream.additional_info


def samples(source: SimulatedSource, wall_ms: int) -> Iterator[Sample]:
    for stream, reading in zip(source.streams(), source.read(wall_ms), strict=True):
        names = info_of(stream).performance_metrics
        yield dict(zip(names, cast("tuple[float, ...]", reading.values), strict=True))


def everything(
    seed: int = 1,
    *,
    streams: int = 1,
    metrics: int = METRICS_MAX,
    granularity_period_ms: int = 1000,
) -> SimulatedSource:
    return SimulatedSource(
        PRODUCER,
        seed=seed,
        streams=streams,
        metrics=metrics,
        granularity_period_ms=granularity_period_ms,
    )


def test_streams_are_three_cells_of_each_element() -> None:
    source = SimulatedSource(PRODUCER, seed=1, streams=4, metrics=2, first_element=5, job_id="9")
    assert [info_of(stream) for stream in source.streams()] == [
        PerformanceInfo(
            meas_obj_dn=f"SubNetwork=Sim,ManagedElement={element},GNBDUFunction=1,NRCellDU={cell}",
            performance_metrics=("RRU.PrbTotDl", "RRU.PrbTotUl"),
            job_id="9",
        )
        for element, cell in [(5, 1), (5, 2), (5, 3), (6, 1)]
    ]
    assert len({stream.stream_id for stream in source.streams()}) == 4


def test_two_producers_never_share_a_stream() -> None:
    first = SimulatedSource(PRODUCER, seed=1, streams=3)
    second = SimulatedSource(ProducerId("other"), seed=1, streams=3)
    assert len({info.stream_id for info in [*first.streams(), *second.streams()]}) == 6


def test_a_stream_keeps_its_name_in_another_format_unless_it_is_another_variant() -> None:
    asn1 = SerializationFormat.ASN1
    one = SimulatedSource(PRODUCER, seed=1)
    same = SimulatedSource(PRODUCER, seed=1, serialization_format=asn1)
    other = SimulatedSource(PRODUCER, seed=1, serialization_format=asn1, variant=" ASN1")
    names = [source.streams()[0].stream_id for source in (one, same, other)]
    assert names[0] == names[1] != names[2]
    assert {source.streams()[0].serialization_format for source in (same, other)} == {asn1}
    assert one.read(1_000)[0].values == other.read(1_000)[0].values


@given(seed=st.integers(), wall_ms=st.integers(0, 2**43))
def test_the_same_seed_and_time_give_the_same_values(seed: int, wall_ms: int) -> None:
    one, other = (SimulatedSource(PRODUCER, seed=seed, streams=2) for _ in range(2))
    one.read(wall_ms + 1)
    assert one.read(wall_ms) == other.read(wall_ms)


def test_seeds_cells_and_times_differ() -> None:
    values = {
        reading.values
        for seed in (1, 2)
        for time_ms in (MONDAY_MS, MONDAY_MS + 1000)
        for reading in SimulatedSource(PRODUCER, seed=seed, streams=5, metrics=5).read(time_ms)
    }
    assert len(values) == 20


@given(
    seed=st.integers(0, 1000),
    wall_ms=st.integers(0, 2**42),
    period_ms=st.sampled_from([1, 10, 1000, 60_000, 900_000]),
)
def test_relations_that_operators_check_hold(seed: int, wall_ms: int, period_ms: int) -> None:
    source = everything(seed, streams=2, granularity_period_ms=period_ms)
    for sample in samples(source, wall_ms):
        assert all(value >= 0 for name, value in sample.items() if "Temperature" not in name)
        for way in ("Dl", "Ul"):
            assert sample[f"RRU.PrbTot{way}"] <= 100
            assert sample[f"RRU.PrbUsed{way}"] <= sample[f"RRU.PrbAvail{way}"] <= 100
            assert sample[f"DRB.MeanActiveUe{way}"] <= sample[f"DRB.MaxActiveUe{way}"]
            assert sample[f"DRB.MaxActiveUe{way}"] <= sample["RRC.ConnMean"]
        for low, high in [
            ("RRC.ConnMean", "RRC.ConnMax"),
            ("RRC.ConnEstabSucc.sum", "RRC.ConnEstabAtt.sum"),
            ("DRB.EstabSucc.sum", "DRB.EstabAtt.sum"),
            ("MM.HoPrepInterSucc.sum", "MM.HoPrepInterReq"),
            ("MM.HoExeInterReq", "MM.HoPrepInterSucc.sum"),
            ("MM.HoExeInterSucc", "MM.HoExeInterReq"),
            ("MM.HoExeIntraSucc", "MM.HoExeIntraReq"),
            ("TB.ErrTotalNbrDl", "TB.TotNbrDl"),
            ("PEE.MinPower", "PEE.AvgPower"),
            ("PEE.AvgPower", "PEE.MaxPower"),
        ]:
            assert sample[low] <= sample[high], (low, high)


@given(seed=st.integers(0, 1000), wall_ms=st.integers(0, 2**42))
def test_the_parts_of_a_whole_never_exceed_it(seed: int, wall_ms: int) -> None:
    (sample,) = samples(everything(seed, granularity_period_ms=900_000), wall_ms)
    for metric in CATALOGUE:
        if metric.split is Split.SHARE:
            parts = sum(sample[f"{metric.name}.{five_qi}"] for five_qi in FIVE_QI)
            assert parts <= sample[metric.name]


def day(source: SimulatedSource, midnight_ms: int, name: str) -> list[float]:
    """Return the mean over all cells for each hour."""
    hours: list[float] = []
    for hour in range(24):
        values = [sample[name] for sample in samples(source, midnight_ms + hour * HOUR_MS)]
        hours.append(sum(values) / len(values))
    return hours


def test_a_day_has_a_night_and_throughput_falls_as_load_rises() -> None:
    source = everything(streams=60, metrics=len(CATALOGUE))
    used = day(source, MONDAY_MS, "RRU.PrbTotDl")
    throughput = day(source, MONDAY_MS, "DRB.UEThpDl")
    power = day(source, MONDAY_MS, "PEE.AvgPower")
    assert min(used[2:5]) == min(used)
    assert max(used) > 4 * min(used)
    quiet, busy = used.index(min(used)), used.index(max(used))
    assert throughput[quiet] > 1.3 * throughput[busy]
    assert power[busy] > power[quiet]


def test_offices_rest_at_the_weekend() -> None:
    source = everything(streams=60, metrics=len(CATALOGUE))
    noon_ms = 10 * HOUR_MS
    working = sum(s["RRU.PrbTotDl"] for s in samples(source, MONDAY_MS + noon_ms))
    for days in (5, 6):
        resting_ms = MONDAY_MS + days * DAY_MS + noon_ms
        assert sum(s["RRU.PrbTotDl"] for s in samples(source, resting_ms)) < 0.85 * working
    monday_ms = MONDAY_MS + 7 * DAY_MS + noon_ms
    assert sum(s["RRU.PrbTotDl"] for s in samples(source, monday_ms)) > 0.9 * working


def test_counters_count_more_in_a_longer_period() -> None:
    def attempts(period_ms: int) -> float:
        metrics = len(CATALOGUE)
        source = everything(streams=20, metrics=metrics, granularity_period_ms=period_ms)
        return sum(s["RRC.ConnEstabAtt.sum"] for s in samples(source, MONDAY_MS + 10 * HOUR_MS))

    assert 12 < attempts(900_000) / attempts(60_000) < 18


def test_names_beyond_the_catalogue_are_sub_counters_by_5qi() -> None:
    names = tuple(column.name for column in columns(METRICS_MAX))
    assert len(set(names)) == METRICS_MAX
    assert names[: len(CATALOGUE)] == tuple(metric.name for metric in CATALOGUE)
    assert names[len(CATALOGUE)] == "DRB.UEThpDl.9"
    assert "DRB.UEThpDl.7" in names
    assert columns(40) == columns(METRICS_MAX)[:40]


def test_whole_numbers_stay_whole_in_their_parts() -> None:
    (sample,) = samples(everything(), MONDAY_MS)
    assert isinstance(sample["DRB.PdcpSduVolumeDL"], int)
    assert isinstance(sample["DRB.PdcpSduVolumeDL.9"], int)
    assert isinstance(sample["DRB.UEThpDl.9"], float)


@pytest.mark.parametrize(
    ("streams", "metrics", "period_ms", "text"),
    [
        (0, 1, 1, "at least 1 cell, not 0"),
        (1, 0, 1, f"1 to {METRICS_MAX} metrics, not 0"),
        (1, METRICS_MAX + 1, 1, f"not {METRICS_MAX + 1}"),
        (1, 1, 0, "at least 1 ms, not 0 ms"),
    ],
)
def test_a_number_outside_its_range_is_named(
    streams: int, metrics: int, period_ms: int, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        SimulatedSource(
            PRODUCER, seed=1, streams=streams, metrics=metrics, granularity_period_ms=period_ms
        )
