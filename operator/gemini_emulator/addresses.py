"""Where callbacks may go: nowhere but below the prefixes given on the command line."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from yarl import URL

_PREFIX = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:\d*)?(?P<path>/[^?#\s]*)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Prefix:
    """Scheme, host and port must be equal, the path must begin so; `port` None means any."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `http://127.0.0.1:9000/v1`; an empty port, `http://127.0.0.1:`, means every port.

        ValueError names what is wrong.
        """
        match = _PREFIX.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an address; write for example http://127.0.0.1:8080")
        scheme, port = match["scheme"], match["port"]
        number = URL(f"{scheme}://h").port if port is None else int(port[1:] or 0)
        host = match["host"].strip("[]").lower()
        return cls(scheme, host, number or None, match["path"] or "/")

    def covers(self, url: URL) -> bool:
        """Tell whether a callback to the address is allowed; user information never is."""
        return (
            url.scheme == self.scheme
            and (url.raw_host or "").lower() == self.host
            and self.port in (None, url.port)
            and url.user is None
            and url.password is None
            and _below(url.raw_path, self.path)
        )


def target(uri: str, allowed: tuple[Prefix, ...]) -> URL | None:
    """Answer with the address to call, exactly as it was checked; None where it is not allowed."""
    try:
        url = URL(uri)
    except ValueError:
        return None
    return url if any(prefix.covers(url) for prefix in allowed) else None


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address, without brackets, is certain to be loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
