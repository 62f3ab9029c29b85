from __future__ import annotations

import socket
from pathlib import Path
from typing import TypedDict

import pytest

from mnstream.adapters.sources import HostSource, Measured, PsutilProbe, Subject
from mnstream.core.values import PerformanceInfo, ProducerId, SerializationFormat, StreamType
from mnstream.ports.source import MeasurementSource

PRODUCER = ProducerId("SubNetwork=A,ManagedElement=h")
CPU = Subject("Cpu", "1")
ETH0 = Subject("NetworkInterface", "eth0")


class HostOptions(TypedDict, total=False):
    serialization_format: SerializationFormat
    variant: str


class FakeProbe:
    """A machine that shows what the test says."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured

    def measure(self) -> Measured:
        return self.measured


def info_of(source: MeasurementSource) -> list[PerformanceInfo]:
    parts = [info.additional_info for info in source.streams()]
    assert all(isinstance(part, PerformanceInfo) for part in parts)
    return [part for part in parts if isinstance(part, PerformanceInfo)]


def test_each_subject_is_a_stream() -> None:
    probe = FakeProbe({CPU: {"a_percent": None, "b_total": 2}, ETH0: {"c_total": 3}})
    source = HostSource(PRODUCER, host_name="h", job_id="7", probe=probe)
    assert info_of(source) == [
        PerformanceInfo(
            meas_obj_dn="ManagedElement=h,Host=1,Cpu=1",
            performance_metrics=("a_percent", "b_total"),
            job_id="7",
        ),
        PerformanceInfo(
            meas_obj_dn="ManagedElement=h,Host=1,NetworkInterface=eth0",
            performance_metrics=("c_total",),
            job_id="7",
        ),
    ]
    assert {info.stream_type for info in source.streams()} == {StreamType.PERFORMANCE}
    assert {info.serialization_format for info in source.streams()} == {SerializationFormat.GPB}


def test_a_variant_in_another_format_has_streams_of_its_own() -> None:
    asn1 = SerializationFormat.ASN1
    one, same, other = (
        HostSource(PRODUCER, host_name="h", probe=FakeProbe({CPU: {"a": 1}}), **options)
        for options in (
            HostOptions(),
            HostOptions(serialization_format=asn1),
            HostOptions(serialization_format=asn1, variant=" ASN1"),
        )
    )
    names = [source.streams()[0].stream_id for source in (one, same, other)]
    assert names[0] == names[1] != names[2]
    assert same.streams()[0].serialization_format is asn1


def test_values_are_positional_and_stamped() -> None:
    probe = FakeProbe({CPU: {"a_percent": None, "b_total": 2}})
    source = HostSource(PRODUCER, host_name="h", probe=probe)
    probe.measured = {CPU: {"b_total": 5, "a_percent": 1.5}}
    (reading,) = source.read(1000)
    assert (reading.stream_id, reading.time_ms) == (source.streams()[0].stream_id, 1000)
    assert reading.values == (1.5, 5)


def test_what_vanished_reads_none_until_it_is_back() -> None:
    here: Measured = {CPU: {"a": 1}, ETH0: {"c_total": 3, "d_total": 4}}
    probe = FakeProbe(here)
    source = HostSource(PRODUCER, host_name="h", probe=probe)
    probe.measured = {CPU: {"a": 1}}
    assert [reading.values for reading in source.read(0)] == [(1,), (None, None)]
    probe.measured = here
    assert [reading.values for reading in source.read(0)] == [(1,), (3, 4)]


def test_what_appears_waits_for_a_restart() -> None:
    probe = FakeProbe({CPU: {"a": 1}})
    source = HostSource(PRODUCER, host_name="h", probe=probe)
    before = source.streams()
    probe.measured = {CPU: {"a": 1, "new": 2}, ETH0: {"c_total": 3}}
    assert [reading.values for reading in source.read(0)] == [(1,)]
    assert source.streams() == before
    assert len(HostSource(PRODUCER, host_name="h", probe=probe).streams()) == 2


def test_stream_ids_stay_over_restarts_and_differ_between_hosts() -> None:
    def ids(producer: ProducerId, host: str) -> set[str]:
        probe = FakeProbe({CPU: {"a": 1}, ETH0: {"c": 1}})
        source = HostSource(producer, host_name=host, probe=probe)
        return {info.stream_id for info in source.streams()}

    assert ids(PRODUCER, "h") == ids(PRODUCER, "h")
    assert len(ids(PRODUCER, "h") | ids(PRODUCER, "i") | ids(ProducerId("other"), "h")) == 6


def test_this_machine_can_be_read() -> None:
    source = HostSource(PRODUCER)
    first, second = source.read(1000), source.read(2000)
    infos = info_of(source)
    assert infos[0].meas_obj_dn == f"ManagedElement={socket.gethostname()},Host=1,Cpu=1"
    assert len(first) == len(second) == len(infos)
    for info, before, after in zip(infos, first, second, strict=True):
        assert len(after.values) == len(info.performance_metrics)
        metrics = zip(info.performance_metrics, before.values, after.values, strict=True)
        for name, old, new in metrics:
            assert name.startswith("host.")
            if name.endswith("_total") and "iowait" not in name:
                assert isinstance(old, int | float)
                assert isinstance(new, int | float)
                assert new >= old
            if name.endswith("_percent") and new is not None:
                assert 0 <= float(new) <= 100


def test_the_name_of_a_metric_does_not_name_the_instance() -> None:
    infos = info_of(HostSource(PRODUCER))
    interfaces = [info for info in infos if "NetworkInterface=" in info.meas_obj_dn]
    assert len({info.performance_metrics for info in interfaces}) <= 1


def test_what_psutil_cannot_see_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError("/proc is not mounted")

    def warned(*args: object, **kwargs: object) -> None:
        raise RuntimeWarning("swap is not known")

    monkeypatch.setattr("psutil.disk_io_counters", hidden)
    monkeypatch.setattr("psutil.net_io_counters", hidden)
    monkeypatch.setattr("psutil.cpu_times", hidden)
    monkeypatch.setattr("psutil.swap_memory", warned)
    measured = PsutilProbe().measure()
    assert list(measured) == [Subject("Memory", "1")]
    assert "host.memory.swap_total_bytes" not in measured[Subject("Memory", "1")]


def test_utilisation_is_that_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times:
        def __init__(self, **seconds: float) -> None:
            self.seconds = seconds

        def _asdict(self) -> dict[str, float]:
            return self.seconds

    looks = [
        Times(user=10.0, system=5.0, idle=80.0, iowait=5.0, guest=9.0),
        Times(user=12.0, system=6.0, idle=86.0, iowait=6.0, guest=11.0),
        Times(user=12.0, system=6.0, idle=86.0, iowait=6.0, guest=11.0),
    ]
    monkeypatch.setattr("psutil.cpu_times", lambda: looks.pop(0))
    probe = PsutilProbe()
    seen = [probe.measure()[CPU]["host.cpu.utilisation_percent"] for _ in range(3)]
    # 3 of 10 seconds; then no time has passed.
    assert seen == [None, 30.0, None]


def test_partitions_and_loop_devices_are_no_disks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Counters:
        read_count = write_count = read_bytes = write_bytes = read_time = write_time = 1

    names = ("loop0", "nvme0n1", "nvme0n1p1", "sda", "sda1", "ram0", "zram0")

    def counters(perdisk: bool) -> dict[str, type[Counters]]:
        assert perdisk
        return dict.fromkeys(names, Counters)

    monkeypatch.setattr("psutil.disk_io_counters", counters)
    monkeypatch.setattr("mnstream.adapters.sources.host_probe._BLOCK_DEVICES", tmp_path)
    for name in ("loop0", "nvme0n1", "sda", "ram0", "zram0"):
        (tmp_path / name).mkdir()
    disks = [subject.name for subject in PsutilProbe().measure() if subject.kind == "Disk"]
    assert disks == ["nvme0n1", "sda"]
