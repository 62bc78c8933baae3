"""A way to a server, byte for byte, that a test can block: what a hanging server looks like."""

import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import yaml

from gemini_operator.kube.connection import ClusterConnection

HOST = "127.0.0.1"


class Forwarder:
    """Passes connections on, TLS and all; a blocked one keeps them open and passes nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server((HOST, 0))
        self._open: set[socket.socket] = set()
        self._requests = threading.Event()
        self._answers = threading.Event()
        self._refusing = False
        self.url = f"https://{HOST}:{self._listener.getsockname()[1]}"
        self.unblock()

    @classmethod
    def to(cls, server: str) -> Self:
        """`server`: its URL."""
        parts = urlsplit(server)
        return cls(str(parts.hostname), int(parts.port or 443))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def block(self, *, answers_only: bool = False) -> None:
        """From now on bytes wait here: all of them, or the server's."""
        self._answers.clear()
        if not answers_only:
            self._requests.clear()

    def refuse(self) -> None:
        """Break every connection, and from now on each new one at once."""
        self.interrupt()
        self._refusing = True

    def unblock(self) -> None:
        """From now on connections are taken, and everything passes."""
        self._refusing = False
        self._requests.set()
        self._answers.set()

    def interrupt(self) -> None:
        """Break every connection, lose what waits in it, and pass on what comes next."""
        for end in tuple(self._open):
            self._end(end)
        self.unblock()

    def close(self) -> None:
        """Break every connection and take no further one."""
        self._end(self._listener)
        self.interrupt()

    def instead_of(self, connection: ClusterConnection) -> ClusterConnection:
        """The same server by this way."""
        return replace(connection, server=self.url)

    def kubeconfig(self, original: Path) -> Path:
        """A copy of a kubeconfig that takes this way."""
        content = yaml.safe_load(original.read_text())
        for entry in content["clusters"]:
            entry["cluster"]["server"] = self.url
        copy = original.with_name(f"{original.name}-forwarded")
        copy.write_text(yaml.safe_dump(content))
        return copy

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    self._connect(client)
                except OSError:
                    self._end(client)

    def _connect(self, client: socket.socket) -> None:
        if self._refusing:
            raise ConnectionRefusedError
        server = socket.create_connection(self._target)
        self._open |= {client, server}
        ways = (client, server, self._requests), (server, client, self._answers)
        for way in ways:
            threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                gate.wait()
                sink.sendall(data)
        for end in (source, sink):
            self._open.discard(end)
            self._end(end)

    @staticmethod
    def _end(end: socket.socket) -> None:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
