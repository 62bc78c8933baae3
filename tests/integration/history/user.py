"""What a user does to jobs and their Secret, straight at the API server: no trouble is on this way."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from local.control_plane import ControlPlane
from tests.operator_process import GROUP

MERGE = "application/merge-patch+json"
SECRET = "gemini-api-key"


class User:
    """In one namespace. What the API server refuses is answered with None, and no error."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.jobs = f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/geminibatchjobs"
        self._core = f"/api/v1/namespaces/{namespace}"
        self._api = plane.api
        self._context = ssl.create_default_context(cafile=str(plane.files.authority))

    def create(self, manifest: dict[str, Any]) -> Any:
        return self._send("POST", self.jobs, manifest)

    def get(self, name: str) -> Any:
        return self._send("GET", f"{self.jobs}/{name}")

    def list(self) -> Any:
        return self._send("GET", self.jobs)

    def patch(self, name: str, **members: Any) -> Any:
        """A merge patch: `spec` or `metadata`."""
        return self._send("PATCH", f"{self.jobs}/{name}", members, MERGE)

    def annotate(self, name: str, **annotations: str) -> Any:
        """Annotations of our group, dashes for underscores."""
        given = {f"{GROUP}/{k.replace('_', '-')}": value for k, value in annotations.items()}
        return self.patch(name, metadata={"annotations": given})

    def delete(self, name: str) -> Any:
        return self._send("DELETE", f"{self.jobs}/{name}")

    def config_map(self, name: str) -> Any:
        return self._send("GET", f"{self._core}/configmaps/{name}")

    def put_key(self, value: str) -> None:
        encoded = base64.b64encode(value.encode()).decode()
        secret = {"metadata": {"name": SECRET}, "data": {"api-key": encoded}}
        path = f"{self._core}/secrets"
        if self._send("PATCH", f"{path}/{SECRET}", secret, MERGE) is None:
            self._send("POST", path, secret)

    def delete_key(self) -> None:
        self._send("DELETE", f"{self._core}/secrets/{SECRET}")

    def open(self, path: str, timeout: float) -> Any:
        """A GET whose answer is read as it comes, such as a watch."""
        return self._open("GET", path, None, MERGE, timeout)

    def _send(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> Any:
        try:
            with self._open(method, path, body, kind, 20.0) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (404, 409, 422):
                    return None
                raise AssertionError(f"{method} {path}: {error.read().decode()}") from None

    def _open(self, method: str, path: str, body: object, kind: str, timeout: float) -> Any:
        request = urllib.request.Request(
            self._api.server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._api.token}", "Content-Type": kind},
        )
        return urllib.request.urlopen(request, timeout=timeout, context=self._context)
