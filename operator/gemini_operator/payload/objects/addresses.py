"""Which IP addresses https sources may have (S9).

Python's own `is_global` is not enough: in Python 3.11 it is true for several ranges that lead to
private addresses. So what is refused is listed here.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from gemini_operator.payload.objects.errors import ANOTHER_URI, NotAllowed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*cidrs: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


PRIVATE: Final = _networks(
    *("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""What an administrator may allow: addresses of a company's own networks."""

_REFUSED: Final = (
    *PRIVATE,
    *_networks(
        "0.0.0.0/8",  # this network; Linux connects to itself
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, reachable from every virtual machine
        "169.254.0.0/16",  # link-local; the metadata of clouds
        "192.0.0.0/24",  # protocol assignments; the metadata of Oracle's cloud
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/3",  # v4-compatible, v4-mapped, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "4000::/2",  # not assigned
        "8000::/1",  # not assigned, link-local, site-local, multicast
    ),
)


@dataclass(frozen=True)
class AddressPolicy:
    """The addresses that connections may go to.

    Args:
        deny: networks that are refused too, such as the cluster's. They win over `allow`.
        allow: networks that are not refused although they are not public.
    """

    deny: tuple[Network, ...] = ()
    allow: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Return whether a connection to the address is allowed."""
        if _in(address, self.deny):
            return False
        if _in(address, self.allow):
            return True
        return address.is_global and not _in(address, _REFUSED)

    def check(self, address: str, host: str) -> str:
        """Return the address as the literal to connect to.

        Args:
            address: what a name was resolved to, or the literal in the URL.
            host: for the message. The address itself is not shown: it would describe the inside of a network.

        Raises:
            NotAllowed: the address must not be connected to.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            parsed = None
        if parsed is None or not self.allows(parsed):
            raise NotAllowed(
                f"the host {host} has an address that is not public, and the operator does not "
                f"connect to such: {ANOTHER_URI}, or ask an administrator for --https-input-allow"
            )
        return str(parsed)


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
