"""The addresses that callbacks may go to, and which hosts are loopback."""

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
    """An allowed address: same scheme, host and port, and a path at or below `path`.

    A `port` of None allows every port.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `http://127.0.0.1:9000/v1`; an empty port, as in `http://127.0.0.1:`, allows all.

        Raises:
            ValueError: the text is not an address; the message quotes it.
        """
        match = _PREFIX.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an address; write for example http://127.0.0.1:8080")
        scheme, port = match["scheme"], match["port"]
        number = URL(f"{scheme}://h").port if port is None else int(port[1:] or 0)
        host = match["host"].strip("[]").lower()
        return cls(scheme, host, number or None, match["path"] or "/")

    def allows(self, url: URL) -> bool:
        """Return whether callbacks may go to `url`; never to one with user information."""
        return (
            url.scheme == self.scheme
            and (url.raw_host or "").lower() == self.host
            and self.port in (None, url.port)
            and url.user is None
            and url.password is None
            and _is_below(url.raw_path, self.path)
        )


def allowed_url(uri: str, allowed: tuple[Prefix, ...]) -> URL | None:
    """Parse a callback address; None if no prefix allows it.

    Callers connect to the returned URL, so the address that was checked is the one that is called.
    """
    try:
        url = URL(uri)
    except ValueError:
        return None
    return url if any(prefix.allows(url) for prefix in allowed) else None


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def is_loopback(host: str) -> bool:
    """Return whether `host`, without brackets, is `localhost` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
