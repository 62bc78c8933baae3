"""The few requests that starting a control plane needs, as its administrator."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError


@dataclass(frozen=True)
class AdminApi:
    server: str
    authority: Path
    token: str

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The decoded answer (the text where it isn't JSON). Raise LocalError with the server's message."""
        request = urllib.request.Request(  # noqa: S310 -- `server` is always our own https address
            self.server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with self._open(request) as answer:
                return _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise LocalError(f"{method} {path}: {_message(error)}") from None
        except OSError as error:
            raise LocalError(f"{method} {path}: {error}") from None

    def answers(self, path: str) -> bool:
        """Whether a GET succeeds."""
        try:
            self.request("GET", path)
        except LocalError:
            return False
        return True

    def _open(self, request: urllib.request.Request) -> Any:
        context = ssl.create_default_context(cafile=str(self.authority))
        handler = urllib.request.HTTPSHandler(context=context)
        no_proxies = urllib.request.ProxyHandler({})
        return urllib.request.build_opener(no_proxies, handler).open(request, timeout=10)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def _message(error: urllib.error.HTTPError) -> str:
    answer = _decoded(error.read())
    return str(answer.get("message") if isinstance(answer, dict) else answer or error.reason)
