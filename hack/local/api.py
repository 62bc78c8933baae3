"""The few requests that starting a control plane needs, as its administrator."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx2

from local.errors import LocalError

TIMEOUT = 10.0


class AdminApi:
    """
    Requests over connections that are kept, by any thread; `close` it at the end.

    Args:
        server: https://host:port.
        authority: the server's certificate authority.
        token: a bearer token.
    """

    def __init__(self, server: str, authority: Path, token: str) -> None:
        self.server = server
        self.authority = authority
        self.token = token
        self._client = httpx2.Client(
            base_url=server,
            verify=ssl.create_default_context(cafile=str(authority)),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=TIMEOUT,
            trust_env=False,
        )

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The decoded answer (the text where it isn't JSON). Raise LocalError with the server's message."""
        content = None if body is None else json.dumps(body)
        try:
            answer = self._client.request(method, path, content=content)
        except httpx2.HTTPError as error:
            raise LocalError(f"{method} {path}: {error}") from None
        if answer.is_error:
            raise LocalError(f"{method} {path}: {_message(answer)}")
        return _decoded(answer.text)

    def answers(self, path: str) -> bool:
        """Whether a GET succeeds."""
        try:
            self.request("GET", path)
        except LocalError:
            return False
        return True

    def close(self) -> None:
        """End the connections, for good."""
        self._client.close()


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _message(answer: httpx2.Response) -> str:
    said = _decoded(answer.text)
    return str(said.get("message") if isinstance(said, dict) else said or answer.reason_phrase)
