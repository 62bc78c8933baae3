"""What counts as this machine only."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address, without brackets, is certain to be loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
