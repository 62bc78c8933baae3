"""A user's requests about jobs and their Secret. They go straight to the API server, past any fault."""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from local.api import MERGE_PATCH, AdminApi, ApiError
from tests.operator_process import GROUP

SECRET = "gemini-api-key"


class JobClient:
    """
    Requests in one namespace. A request that the API server refuses returns None.

    Args:
        api: the API server.
        namespace: of the jobs and their Secret.
    """

    def __init__(self, api: AdminApi, namespace: str) -> None:
        self._api = api
        self._core = f"/api/v1/namespaces/{namespace}"
        self._jobs = f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/geminibatchjobs"

    def create(self, manifest: dict[str, Any]) -> Any:
        return self._send("POST", self._jobs, manifest)

    def get(self, name: str) -> Any:
        return self._send("GET", f"{self._jobs}/{name}")

    def list(self) -> Any:
        return self._send("GET", self._jobs)

    def patch(self, name: str, **members: Any) -> Any:
        """Merge `spec` or `metadata` into a job."""
        return self._patch(f"{self._jobs}/{name}", members)

    def annotate(self, name: str, **annotations: str) -> Any:
        """Set annotations of the operator's group, named with underscores for dashes."""
        given = {f"{GROUP}/{k.replace('_', '-')}": value for k, value in annotations.items()}
        return self.patch(name, metadata={"annotations": given})

    def delete(self, name: str) -> Any:
        return self._send("DELETE", f"{self._jobs}/{name}")

    def watch(self, resource_version: str) -> AbstractContextManager[Iterator[str]]:
        """Events of all jobs after a version, one a line, for four minutes at most."""
        query = f"watch=true&resourceVersion={resource_version}&timeoutSeconds=240"
        return self._api.lines(f"{self._jobs}?{query}", timeout=300)

    def config_map(self, name: str) -> Any:
        return self._send("GET", f"{self._core}/configmaps/{name}")

    def put_key(self, value: str) -> None:
        encoded = base64.b64encode(value.encode()).decode()
        secret = {"metadata": {"name": SECRET}, "data": {"api-key": encoded}}
        path = f"{self._core}/secrets"
        if self._patch(f"{path}/{SECRET}", secret) is None:
            self._send("POST", path, secret)

    def delete_key(self) -> None:
        self._send("DELETE", f"{self._core}/secrets/{SECRET}")

    def _patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._send("PATCH", path, body, MERGE_PATCH)

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        try:
            return self._api.request(method, path, body, content_type)
        except ApiError as error:
            if error.status in (404, 409, 422):
                return None
            raise AssertionError(str(error)) from None
