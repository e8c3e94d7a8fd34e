"""Addresses that messages may go to: https, or this machine; never where machines keep their secrets."""

import ipaddress
from urllib.parse import urlsplit

_METADATA = frozenset({"metadata.google.internal", "metadata.goog", "metadata"})
_METADATA_IPS = frozenset(
    {"fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "100.100.100.200", "168.63.129.16", "192.0.0.192"}
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # a gateway there takes the last four bytes for an IPv4 address


def address_problem(url: str, *, allow_http: bool) -> str:
    """Return what is wrong with an address that messages go to, without repeating it; '' for nothing."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "an address such as https://host/path is needed"
    if parts.scheme not in {"http", "https"} or not host or not url.isascii() or not url.isprintable() or " " in url:
        return "an address such as https://host/path is needed"
    if "@" in parts.netloc or parts.fragment:
        return "an address without user and # is needed"
    if host.lower().rstrip(".") in _METADATA or is_forbidden(host):
        return "an address of link-local or metadata services is not allowed"
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        return "https is needed: http would show the messages to the network; allow_http: true allows it"
    return ""


def is_forbidden(host: str) -> bool:
    """Return whether an address is one where machines keep their secrets, or no address of one machine at all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = _ipv4_in(address) or address
    return mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified or str(mapped) in _METADATA_IPS


def _ipv4_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for: written as one, by 6to4, by a NAT64 gateway."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, so that nothing of what is sent there is seen on the network."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def without_path(url: str) -> str:
    """Show an address to people: what follows the host may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
