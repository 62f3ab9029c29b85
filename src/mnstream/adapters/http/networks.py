"""Which addresses a notifier may connect to.

Whoever may create a subscription chooses where notifications go, and could let this machine speak
to what only this machine can reach (server-side request forgery). So addresses are judged after
names are resolved, and it is a judged address that is connected to.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from mnstream.ports.channel import Broken

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_SPECIAL = (
    *_LOOPBACK,
    ip_network("0.0.0.0/8"),  # Linux takes 0.0.0.0 for itself
    ip_network("169.254.0.0/16"),  # link-local, where clouds tell secrets
    ip_network("224.0.0.0/4"),  # multicast
    ip_network("240.0.0.0/4"),  # reserved, broadcast
    ip_network("100.100.100.200/32"),  # a cloud's secrets outside of link-local, like the next two
    ip_network("fd00:ec2::254/128"),
    ip_network("fd20:ce::254/128"),
    ip_network("::/128"),
    ip_network("fe80::/10"),  # link-local
    ip_network("ff00::/8"),  # multicast
)
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ip_network("::/96")
_IPV4_BITS = 0xFFFF_FFFF


class NotAllowed(Broken):
    """No address of a name may be connected to."""


class AllowedNetworks:
    """Where a notifier may connect to.

    Without a list: every unicast address, public or private, but neither loopback nor link-local,
    and nothing that means no single machine. With a list: only what it contains. An address of
    the special kinds is only allowed by a network that lies within its kind, so that 0.0.0.0/0
    does not open the door to 169.254.169.254.
    """

    def __init__(
        self, networks: Sequence[Network] | None = None, *, loopback: bool = False
    ) -> None:
        """Keep the list.

        Args:
            networks: What is allowed; None for the default.
            loopback: Whether loopback is allowed, too, with a list and without: right for a
                notifier that is itself reached by loopback only.
        """
        self._ordinary = None if networks is None else tuple(networks)
        named = [each for each in networks or () if _is_special(each)]
        self._special = (*named, *(_LOOPBACK if loopback else ()))

    def allows(self, address: Address) -> bool:
        """Tell whether an address may be connected to.

        An IPv6 address that stands for an IPv4 address is judged as that.
        """
        address = _embedded(address)
        if any(address in network for network in _SPECIAL):
            return any(address in network for network in self._special)
        if self._ordinary is None:
            return True
        return any(address in network for network in self._ordinary)

    def choose(self, hosts: Sequence[str]) -> list[str]:
        """Return the addresses that may be connected to, each once, in order.

        Args:
            hosts: Addresses as text, at least one.

        Raises:
            NotAllowed: None of them.
        """
        chosen = [host for host in dict.fromkeys(hosts) if self.allows(ip_address(host))]
        if not chosen:
            raise NotAllowed("not in an allowed network")
        return chosen


def _is_special(network: Network) -> bool:
    """Tell whether a network lies within one of the special ones."""
    ends = (network.network_address, network.broadcast_address)
    return any(all(end in special for end in ends) for special in _SPECIAL)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & _IPV4_BITS
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and low > 1):
        return IPv4Address(low)
    return address
