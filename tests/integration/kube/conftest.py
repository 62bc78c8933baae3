from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from local.control_plane import ControlPlane

JOBS = "/apis/gemini-operator.io/v1alpha1/namespaces/{}/geminibatchjobs"

SPEC = {
    "model": "gemini-2.5-flash",
    "input": {"inline": [{"key": "one", "request": {"contents": [{"parts": [{"text": "Hi"}]}]}}]},
}

JobMaker = Callable[..., dict[str, Any]]


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    client = KubeClient(await connection.load(str(control_plane.kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def jobs(client: KubeClient) -> BatchJobs:
    return BatchJobs(client)


@pytest.fixture
def make_job(control_plane: ControlPlane, namespace: str) -> JobMaker:
    """`make_job("name", status={…}, finalizers=[…])` → the object as it is stored."""

    def make(
        name: str = "job", *, status: dict[str, Any] | None = None, **metadata: Any
    ) -> dict[str, Any]:
        body = {
            "apiVersion": "gemini-operator.io/v1alpha1",
            "kind": "GeminiBatchJob",
            "metadata": {"name": name, **metadata},
            "spec": SPEC,
        }
        job: dict[str, Any] = control_plane.api.request("POST", JOBS.format(namespace), body)
        if status is None:
            return job
        path = f"{JOBS.format(namespace)}/{name}/status"
        stored: dict[str, Any] = control_plane.api.request("PUT", path, {**job, "status": status})
        return stored

    return make
