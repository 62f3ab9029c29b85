"""Which connections and streams are in force."""

from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.core.records import MetadataRecord
from mnstream.testing.logs import (
    STREAMS,
    changed,
    ended,
    established,
    highest_version,
    streams_in_force,
)


def fold(*records: MetadataRecord) -> MetadataInForce:
    in_force = MetadataInForce()
    for record in records:
        in_force.apply(record)
    return in_force


def test_nothing_is_in_force_at_first() -> None:
    assert fold().records() == ()
    assert fold().connection(0) is None


def test_a_change_replaces_the_version() -> None:
    in_force = fold(
        established("a", 1), changed("a", 2, added=STREAMS[:1], removed=["1", "vendor"])
    )
    assert in_force.connection(1) is None
    connection = in_force.connection(2)
    assert connection is not None
    assert [info.stream_id for info in connection.stream_info_list] == [
        *(info.stream_id for info in STREAMS if info.stream_id not in {"1", "vendor"}),
        "1",
    ]
    assert in_force.records() == (connection,)


def test_an_ended_connection_is_dropped_but_its_version_is_not_used_again() -> None:
    in_force = fold(established("a", 1), established("b", 2), ended("b"))
    assert in_force.connection(2) is None
    records = in_force.records()
    assert streams_in_force(records) == {"a": (1, STREAMS)}
    assert highest_version(records) == 2
    assert fold(*records).records() == records


def test_records_of_unknown_connections_are_passed_over() -> None:
    assert fold(changed("x", 3, added=STREAMS), ended("x")).records() == ()


def test_a_connection_that_is_established_again_replaces_the_old_one() -> None:
    in_force = fold(established("a", 1), established("a", 2, ()))
    assert in_force.connection(1) is None
    assert streams_in_force(in_force.records()) == {"a": (2, ())}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["up", "add", "cut", "down"]))))
def test_folding_what_was_folded_changes_nothing(steps: list[tuple[str, str]]) -> None:
    records: list[MetadataRecord] = []
    alive: set[str] = set()
    for version, (name, step) in enumerate(steps, 1):
        if step == "up" and name not in alive:
            records.append(established(name, version, STREAMS[:2]))
            alive.add(name)
        elif step == "add" and name in alive:
            records.append(changed(name, version, added=STREAMS[2:3], removed=["26F452550021"]))
        elif step == "cut" and name in alive:
            records.append(changed(name, version, removed=["1"]))
        elif step == "down" and name in alive:
            records.append(ended(name))
            alive.remove(name)
    in_force = fold(*records)
    short = in_force.records()
    assert streams_in_force(short) == streams_in_force(records)
    assert highest_version(short) == highest_version(records)
    assert fold(*short).records() == short
