"""The few requests that starting a control plane needs, as its administrator."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from local.errors import LocalError

TIMEOUT = 10.0
MERGE_PATCH = "application/merge-patch+json"


class ApiError(LocalError):
    """
    The server refused a request.

    Args:
        message: the request and what the server said.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


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
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            trust_env=False,
        )

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send a request and return the decoded answer, or its text where it is not JSON.

        Raises:
            ApiError: the server refused it.
            LocalError: there was no answer.
        """
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        try:
            answer = self._client.request(method, path, content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise LocalError(f"{method} {path}: {error}") from None
        if answer.is_error:
            raise ApiError(f"{method} {path}: {_message(answer)}", answer.status_code)
        return _decoded(answer.text)

    @contextmanager
    def lines(self, path: str, *, timeout: float) -> Iterator[Iterator[str]]:
        """Send a GET and read its answer line by line as it comes, such as a watch's events.

        Args:
            path: with its query.
            timeout: seconds to wait for the next line.

        Raises:
            LocalError: the server refused it, or the connection failed.
        """
        try:
            with self._client.stream("GET", path, timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                    raise ApiError(f"GET {path}: {_message(answer)}", answer.status_code)
                yield answer.iter_lines()
        except httpx2.HTTPError as error:
            raise LocalError(f"GET {path}: {error}") from None

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
