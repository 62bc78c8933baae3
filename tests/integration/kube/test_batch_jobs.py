from collections.abc import Callable
from pathlib import Path

import pytest

from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs, JobKey
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import Forbidden, KubeError, ObjectNotFound
from local.control_plane import ControlPlane
from tests.integration.kube.conftest import JobMaker

LIST_ONLY = {
    "apiGroups": ["gemini-operator.io"],
    "resources": ["geminibatchjobs"],
    "verbs": ["list"],
}


async def test_p05_every_key_is_listed_across_pages(
    jobs: BatchJobs, make_job: JobMaker, namespace: str
) -> None:
    made = [make_job(f"job-{number}")["metadata"] for number in range(7)]
    keys = await jobs.list_keys([namespace], chunk=2)
    assert set(keys) == {
        JobKey(namespace, job["name"], job["uid"], int(job["resourceVersion"])) for job in made
    }
    assert len(keys) == 7


async def test_metadata_too_large_for_a_page_is_listed_in_smaller_ones(
    jobs: BatchJobs, make_job: JobMaker, namespace: str, client: KubeClient
) -> None:
    """An annotation may have 256 KiB: some sixty such objects must not end the list of all."""
    for number in range(9):
        make_job(f"job-{number}")
        annotation = {"metadata": {"annotations": {"example.com/large": "x" * 30_000}}}
        await jobs.patch(namespace, f"job-{number}", annotation, merge=True)
    small = KubeClient(client.connection, max_answer=100_000)
    try:
        keys = await BatchJobs(small).list_keys([namespace], chunk=8)
    finally:
        await small.close()
    assert {key.name for key in keys} == {f"job-{number}" for number in range(9)}
    assert len(keys) == 9


async def test_p25_large_jobs_that_name_a_batch_do_not_hide_who_has_it(
    jobs: BatchJobs, make_job: JobMaker, namespace: str, client: KubeClient
) -> None:
    """Anybody may make them, and one answer does not hold them all."""
    for number in range(13):
        make_job(f"job-{number}", status={"batchName": "batches/one"})
        annotation = {"metadata": {"annotations": {"example.com/large": "x" * 30_000}}}
        await jobs.patch(namespace, f"job-{number}", annotation, merge=True)
    make_job("another", status={"batchName": "batches/two"})
    small = KubeClient(client.connection, max_answer=350_000)
    try:
        listed = await BatchJobs(small).list_by_batch([namespace], "batches/one")
    finally:
        await small.close()
    assert {job["metadata"]["name"] for job in listed} == {f"job-{n}" for n in range(13)}


async def test_keys_of_all_namespaces_include_each(
    jobs: BatchJobs, make_job: JobMaker, namespace: str
) -> None:
    made = make_job("mine")["metadata"]
    mine = JobKey(namespace, "mine", made["uid"], int(made["resourceVersion"]))
    assert mine in await jobs.list_keys(None, chunk=500)


async def test_s12_a_metadata_only_answer_has_neither_spec_nor_status(
    jobs: BatchJobs, make_job: JobMaker, namespace: str
) -> None:
    make_job("mine", status={"state": "Queued"})
    body = {"status": {"state": "Pending"}}
    answer = await jobs.patch_status(namespace, "mine", body, merge=True, metadata_only=True)
    assert answer["kind"] == "PartialObjectMetadata"
    assert not {"spec", "status"} & answer.keys()


async def test_p05_the_probe_passes_where_the_kind_is_served(
    jobs: BatchJobs, namespace: str
) -> None:
    await jobs.probe([namespace])
    await jobs.probe(None)


async def test_a_kind_that_is_not_served_is_not_found(client: KubeClient) -> None:
    with pytest.raises(ObjectNotFound):
        await client.get("apis", "gemini-operator.io", "v1alpha1", "nosuchkinds")


async def test_the_probe_says_that_a_right_is_missing(
    service_account_kubeconfig: Callable[..., Path], namespace: str
) -> None:
    kubeconfig = service_account_kubeconfig([LIST_ONLY], cluster_wide=False)
    client = KubeClient(await connection.load(str(kubeconfig)))
    try:
        await BatchJobs(client).probe([namespace])
        with pytest.raises(Forbidden) as refused:
            await BatchJobs(client).probe(None)
    finally:
        await client.close()
    assert not refused.value.namespace_terminating


async def test_p22_a_terminating_namespace_refuses_new_objects_and_says_so(
    control_plane: ControlPlane,
    jobs: BatchJobs,
    client: KubeClient,
    make_job: JobMaker,
    namespace: str,
) -> None:
    make_job(finalizers=["gemini-operator.io/batch"], status={"state": "Queued"})
    control_plane.api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    path = "api", "v1", "namespaces", namespace, "configmaps"
    with pytest.raises(Forbidden) as refused:
        await client.post(*path, body={"metadata": {"name": "late"}})
    assert refused.value.namespace_terminating
    status = {"status": {"state": "Cancelled"}}
    after = await jobs.patch_status(namespace, "job", status, merge=True)
    assert after["status"]["state"] == "Cancelled"
    try:
        await jobs.patch(namespace, "job", {"metadata": {"finalizers": None}}, merge=True)
    except KubeError as error:
        pytest.fail(f"the finalizer could not be released: {error}")
