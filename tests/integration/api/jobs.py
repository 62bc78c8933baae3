"""The few requests with which these tests ask the API server what it accepts."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from gemini_operator.api import group
from local.api import AdminApi
from local.errors import LocalError

Json = dict[str, Any]


def minimal(**members: Any) -> Json:
    """A spec that is accepted, with these members set; a None takes a member away."""
    spec = {"model": "gemini-2.5-flash", "input": {"fileName": "files/requests"}, **members}
    return {name: value for name, value in spec.items() if value is not None}


@dataclass(frozen=True)
class Jobs:
    api: AdminApi
    namespace: str

    def create(self, spec: Any, *, name: str = "job", dry_run: bool = False) -> Json:
        """What was stored; LocalError with the API server's words when it refuses."""
        manifest = {
            "apiVersion": group.API_VERSION,
            "kind": group.KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        return self._request("POST", "", manifest, dry_run=dry_run)

    def replace(self, job: Json, spec: Json, *, dry_run: bool = False) -> Json:
        return self._request("PUT", "/" + job["metadata"]["name"], {**job, "spec": spec}, dry_run)

    def replace_status(self, job: Json, status: Json) -> Json:
        return self._request(
            "PUT", f"/{job['metadata']['name']}/status", {**job, "status": status}, dry_run=False
        )

    def accepted(self, spec: Any) -> Json:
        """The spec as it would be stored."""
        accepted: Json = self.create(spec, name="tried", dry_run=True)["spec"]
        return accepted

    def refusal(self, spec: Any) -> str:
        """Why such a job is refused; the test fails when it is not."""
        with pytest.raises(LocalError) as refused:
            self.create(spec, name="tried", dry_run=True)
        return str(refused.value)

    def change_refusal(self, before: Json, after: Json) -> str:
        """Why a job with the spec `before` may not get the spec `after`."""
        job = self.create(before)
        with pytest.raises(LocalError) as refused:
            self.replace(job, deepcopy(after), dry_run=True)
        return str(refused.value)

    def _request(self, method: str, path: str, body: Json, dry_run: bool) -> Json:
        base = f"/apis/{group.API_VERSION}/namespaces/{self.namespace}/{group.PLURAL}"
        query = "?dryRun=All" if dry_run else ""
        answer: Json = self.api.request(method, base + path + query, body)
        return answer
