"""From one encoding into the other: nothing is lost that is not named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.codecs import gpb, per, per_writing
from mnstream.adapters.codecs.conversion import Loss, Unconvertible, convert_units, losses
from mnstream.adapters.codecs.losses import NANOSECONDS
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from mnstream.core.errors import LocalProtocolError
from mnstream.core.streaming.multiplexing import Family
from tests.adapters.codecs.strategies import asn1_units, model_units, units

ENCODERS = {Family.PDSU_GPB: gpb.encode_pdsus, Family.PDSU_ASN1: per_writing.encode_pdsus}
DECODERS = {Family.PDSU_GPB: gpb.decode_pdsus, Family.PDSU_ASN1: per.decode_pdsus}
OTHER = {Family.PDSU_GPB: Family.PDSU_ASN1, Family.PDSU_ASN1: Family.PDSU_GPB}
targets = st.sampled_from(list(ENCODERS))


def unit(*values: MeasValue, time_ns: int | None = 0) -> PerformanceDataStreamUnit:
    return PerformanceDataStreamUnit(
        stream_id=5, granularity_period_end_time_ns=time_ns, standardized=values
    )


@given(model_units(), targets)
def test_a_unit_is_written_exactly_when_nothing_of_it_is_lost(
    given_unit: PerformanceDataStreamUnit, target: Family
) -> None:
    if losses(given_unit, target):
        with pytest.raises(LocalProtocolError):
            ENCODERS[target]([given_unit])
    else:
        assert DECODERS[target](ENCODERS[target]([given_unit])) == (given_unit,)


@given(st.lists(model_units() | units() | asn1_units(), max_size=3), targets)
def test_there_and_back_changes_nothing_that_both_can_carry(
    given_units: list[PerformanceDataStreamUnit], source: Family
) -> None:
    target = OTHER[source]
    both = [each for each in given_units if not losses(each, source) + losses(each, target)]
    payload = ENCODERS[source](both)
    converted, lost = convert_units(DECODERS[source](payload), target)
    assert lost == ()
    assert list(DECODERS[target](converted)) == both
    assert convert_units(DECODERS[target](converted), source) == (payload, ())


@given(st.lists(model_units(), max_size=3), targets)
def test_what_is_lost_is_named_or_refused(
    given_units: list[PerformanceDataStreamUnit], target: Family
) -> None:
    expected = tuple(loss for each in given_units for loss in losses(each, target))
    if any(loss.what != NANOSECONDS for loss in expected):
        with pytest.raises(Unconvertible) as caught:
            convert_units(given_units, target)
        assert caught.value.losses == expected
        return
    converted, lost = convert_units(given_units, target)
    assert lost == expected
    for before, after in zip(given_units, DECODERS[target](converted), strict=True):
        assert (after.stream_id, after.standardized) == (before.stream_id, before.standardized)
        assert after.vendor_specific == before.vendor_specific


def test_vectors_of_both_encodings_are_each_other() -> None:
    in_gpb = bytes.fromhex("0a1a0805120608e197ea88061a0208071a0a22080a02100312020809")
    in_asn1 = bytes.fromhex("01000105400077c019400200010771" + "0103000109")
    assert convert_units(gpb.decode_pdsus(in_gpb), Family.PDSU_ASN1) == (in_asn1, ())
    assert convert_units(per.decode_pdsus(in_asn1), Family.PDSU_GPB) == (in_gpb, ())


def test_no_units_become_the_keep_alive_of_the_other_encoding() -> None:
    assert convert_units([], Family.PDSU_ASN1) == (b"\x00", ())
    assert convert_units([], Family.PDSU_GPB) == (b"", ())


@pytest.mark.parametrize("time_ns", [1_500_000_001, -1])
def test_parts_of_a_second_are_dropped_and_named(time_ns: int) -> None:
    payload, lost = convert_units([unit(7), unit(8, time_ns=time_ns)], Family.PDSU_ASN1)
    assert lost == (Loss("stream 5: granularity_period_end_time", "nanoseconds"),)
    first, second = per.decode_pdsus(payload)
    assert first == unit(7)
    assert second == unit(8, time_ns=time_ns // 1_000_000_000 * 1_000_000_000)


def test_everything_that_cannot_be_converted_is_named_at_once() -> None:
    wrong = unit(
        *(None, "\u00e9", SubCounter(None, 1)),
        SubCounter(SubCounterIndex(IndexKind.PLMN, b"\x26"), None),
        time_ns=1,
    )
    with pytest.raises(Unconvertible) as caught:
        convert_units([unit(), wrong], Family.PDSU_ASN1)
    assert caught.value.losses == (
        Loss("stream 5: granularity_period_end_time", "nanoseconds"),
        Loss("stream 5: standardized[0]", "no value"),
        Loss("stream 5: standardized[1]", "a text that is no VisibleString"),
        Loss("stream 5: standardized[2].subCounters", "no index"),
        Loss("stream 5: standardized[3].subCounters", "a PLMN of 1 octets"),
    )
    assert "stream 5: standardized[0]: no value; " in str(caught.value)


def test_what_gpb_cannot_carry() -> None:
    wide = PerformanceDataStreamUnit(
        stream_id=2**63,
        granularity_period_end_time_ns=2**63 * 1_000_000_000,
        standardized=(
            *(2**63, -(2**63), -(2**63) - 1),
            SubCounter(SubCounterIndex(IndexKind.QOS_5QI, 2**31), "\ud800"),
        ),
        vendor_specific=(1, 2**69 - 1),
    )
    stream = "stream 9223372036854775808"
    assert losses(wide, Family.PDSU_GPB) == (
        Loss(f"{stream}: stream_id", "an integer of 65 bits"),
        Loss(f"{stream}: granularity_period_end_time", "a time of more than 64 bits"),
        Loss(f"{stream}: standardized[0]", "an integer of 65 bits"),
        Loss(f"{stream}: standardized[2]", "an integer of 65 bits"),
        Loss(f"{stream}: standardized[3].subCounters", "an integer of 33 bits"),
        Loss(f"{stream}: standardized[3].subCounters", "a text without a UTF-8 form"),
        Loss(f"{stream}: vendor_specific[1]", "an integer of 70 bits"),
    )


@pytest.mark.parametrize("target", list(ENCODERS))
def test_what_a_later_release_added_is_carried_by_neither(target: Family) -> None:
    unknown = UnknownAlternative(b"\x80\x01\x00")
    later = unit(1, unknown, SubCounter(unknown, 1), SubCounter(None, unknown))
    told = [loss for loss in losses(later, target) if loss.what != "no index"]
    assert told == [
        Loss(f"stream 5: {place}", "an alternative of a later release")
        for place in (
            "standardized[1]",
            "standardized[2].subCounters",
            "standardized[3].subCounters",
        )
    ]
    with pytest.raises(Unconvertible):
        convert_units([later], target)
    for value in later.standardized[1:]:
        with pytest.raises(LocalProtocolError, match=r"later release|no index"):
            ENCODERS[target]([unit(value)])


def test_an_error_names_a_few_losses_and_counts_the_others() -> None:
    with pytest.raises(Unconvertible, match=r"and 95 more$") as caught:
        convert_units([unit(*[None] * 100)], Family.PDSU_ASN1)
    assert len(caught.value.losses) == 100


def test_an_identifier_too_long_for_decimal_digits_is_named_nevertheless() -> None:
    huge = PerformanceDataStreamUnit(
        stream_id=2**20_000, granularity_period_end_time_ns=0, standardized=()
    )
    for target in ENCODERS:
        (loss,) = losses(huge, target)
        assert loss.place.startswith("stream 0x1000")
        assert loss.what == "an integer of 20002 bits"


@pytest.mark.parametrize("target", [Family.TRACE_GPB, Family.OPAQUE])
def test_a_target_without_performance_data_is_our_callers_mistake(target: Family) -> None:
    with pytest.raises(LocalProtocolError, match="carries no performance data"):
        convert_units([], target)
    with pytest.raises(LocalProtocolError, match="carries no performance data"):
        losses(unit(), target)
