"""Who is one and the same, as far as addresses tell."""

import ipaddress
from collections.abc import Iterable


def network_of(address: str) -> str:
    """What one visitor has: an IPv4 address, or a whole IPv6 network of 64 bits, of which any machine gets one.

    >>> network_of("192.0.2.7"), network_of("2001:db8::1:2"), network_of("testclient")
    ('192.0.2.7', '2001:db8::/64', 'testclient')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def is_among(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is one of some addresses, or lies in one of some networks.

    >>> is_among("10.1.2.3", ["127.0.0.1", "10.0.0.0/8"]), is_among("testclient", ["127.0.0.1"])
    (True, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(each) for each in networks)
