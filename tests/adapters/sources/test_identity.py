from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.sources import relative_name, stable_stream_id
from mnstream.core.values import ProducerId


@given(st.text(), st.text())
def test_a_stream_id_is_a_canonical_int64(producer: str, subject: str) -> None:
    text = stable_stream_id(ProducerId(producer), subject)
    assert text == str(int(text))
    assert 0 <= int(text) < 2**63


@given(st.text(), st.text(), st.text(), st.text())
def test_different_origins_have_different_streams(a: str, b: str, c: str, d: str) -> None:
    same = stable_stream_id(ProducerId(a), b) == stable_stream_id(ProducerId(c), d)
    assert same is ((a, b) == (c, d))


def test_where_one_name_ends_matters() -> None:
    first = stable_stream_id(ProducerId("ab"), "c")
    assert first != stable_stream_id(ProducerId("a"), "bc")


def test_a_stream_id_never_changes() -> None:
    # Collectors have it on disk: another value here loses the history of every stream.
    assert stable_stream_id(ProducerId("ManagedElement=1"), "Cpu=1") == "3264227894510817777"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("eth0", "NetworkInterface=eth0"),
        ("Ethernet 2, #1", r"NetworkInterface=Ethernet 2\, \#1"),
        ("a=b\\c", r"NetworkInterface=a\=b\\c"),
    ],
)
def test_what_has_a_meaning_in_a_dn_is_escaped(name: str, written: str) -> None:
    assert relative_name("NetworkInterface", name) == written
