"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from mnstream.adapters.http import AllowedNetworks
from mnstream.adapters.http.networks import NotAllowed

DEFAULT = AllowedNetworks()


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "2001:4860:4860::8888",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::8.8.8.8",
    ],
)
def test_unicast_is_allowed(address: str) -> None:
    assert DEFAULT.allows(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "100.100.100.200",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:0:0:0:0:80ff:fffe",  # Teredo writes the client with every bit turned
    ],
)
def test_what_is_no_single_other_machine_is_refused(address: str) -> None:
    assert not DEFAULT.allows(ip_address(address))


def test_loopback_for_who_is_there_himself() -> None:
    allowed = AllowedNetworks(loopback=True)
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert allowed.allows(ip_address(address))
    for address in ("0.0.0.0", "169.254.169.254", "::", "fe80::1"):
        assert not allowed.allows(ip_address(address))


def test_a_list_is_complete() -> None:
    allowed = AllowedNetworks([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
    for address in ("10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3"):
        assert allowed.allows(ip_address(address))
    for address in ("11.0.0.1", "192.168.1.1", "2001:db9::1", "127.0.0.1", "::ffff:11.0.0.1"):
        assert not allowed.allows(ip_address(address))


def test_a_list_and_loopback() -> None:
    allowed = AllowedNetworks([ip_network("10.0.0.0/8")], loopback=True)
    for address, good in (("10.1.2.3", True), ("127.0.0.1", True), ("11.0.0.1", False)):
        assert allowed.allows(ip_address(address)) == good


def test_special_addresses_have_to_be_named() -> None:
    everything = AllowedNetworks([ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert everything.allows(ip_address("8.8.8.8"))
    assert everything.allows(ip_address("2001:db8::1"))
    for address in ("127.0.0.1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1"):
        assert not everything.allows(ip_address(address))
    named = AllowedNetworks([ip_network("169.254.10.0/24")])
    assert named.allows(ip_address("169.254.10.1"))
    assert not named.allows(ip_address("169.254.169.254"))
    assert not named.allows(ip_address("127.0.0.1"))


def test_addresses_of_one_name() -> None:
    hosts = ["127.0.0.1", "10.0.0.1", "::1", "10.0.0.1", "10.0.0.2"]
    assert DEFAULT.choose(hosts) == ["10.0.0.1", "10.0.0.2"]
    with pytest.raises(NotAllowed, match=r"^not in an allowed network$"):
        DEFAULT.choose(["127.0.0.1", "::1"])
