"""Ports that are free, and stay the same from one start to the next."""

import json
import random
import socket
from pathlib import Path

from local.errors import LocalError

# Below the range from which kernels take the ports of outgoing connections: nobody's client
# connection can sit on a port while its server is down for a moment.
CANDIDATES = range(20000, 30000)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Raise LocalError when a hundred tries found none."""
    for port in random.sample(CANDIDATES, 100):
        if is_free(port):
            return port
    raise LocalError(f"no free port found between {CANDIDATES.start} and {CANDIDATES.stop}")


class PortBook:
    """Ports by name, remembered in a JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> int:
        """The port that was claimed last, or a free one, remembered."""
        return self._read().get(name) or self.claim(name)

    def claim(self, name: str) -> int:
        """The remembered port if nothing listens there now, otherwise another one."""
        ports = self._read()
        port = ports.get(name, 0)
        if not port or not is_free(port):
            port = self._unused(ports)
            self._path.write_text(json.dumps(ports | {name: port}, indent=2) + "\n")
        return port

    def _unused(self, ports: dict[str, int]) -> int:
        port = free_port()
        return port if port not in ports.values() else self._unused(ports)

    def _read(self) -> dict[str, int]:
        if not self._path.exists():
            return {}
        found: dict[str, int] = json.loads(self._path.read_text())
        return found
