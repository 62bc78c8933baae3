"""An API server that does not serve the status of jobs has not said that any job is gone."""

import copy
from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest

from gemini_operator.callbacks.address import Target
from local import binaries, cluster
from local.control_plane import ControlPlane
from tests.integration.receiver.conftest import (
    JOBS,
    RUNNING,
    SPEC,
    Job,
    Receiver,
    receiver_account,
    requests,
    surroundings,
)
from tests.waiting import eventually

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD = f"{CRDS}/geminibatchjobs.gemini-operator.io"
REFUSED = 'gemini_operator_receiver_refused_writes_total{result="not_served"}'


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own, whose CRD may come and go; at first it has none."""
    with ControlPlane(tmp_path_factory.mktemp("plane"), binaries.present()) as found:
        yield found


@pytest.fixture(scope="module")
def running(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    directory = tmp_path_factory.mktemp("receiver")
    account = receiver_account(plane.api, "default")
    kubeconfig = account.write_kubeconfig(plane.api, directory / "kubeconfig", seconds=3600)
    with surroundings(plane, directory) as around:
        receiver = around.receiver(kubeconfig)
        receiver.start()
        yield receiver


@pytest.fixture
def receiver(running: Receiver) -> Receiver:
    running.begin_test()
    return running


@pytest.fixture
def job(plane: ControlPlane, receiver: Receiver) -> Job:
    """In a cluster with the CRD as it should be."""
    cluster.apply_crds(plane)
    eventually(lambda: to_a_missing_job(receiver) == 200, timeout=30, what="the kind to be served")
    name = f"job-{token_hex(4)}"
    manifest = {
        "apiVersion": "gemini-operator.io/v1alpha1",
        "kind": "GeminiBatchJob",
        "metadata": {"name": name},
        "spec": SPEC,
    }
    plane.api.request("POST", JOBS.format("default"), manifest)
    made = Job(plane.api, "default", name)
    made.put_status(RUNNING)
    receiver.begin_test()
    return made


def to_a_missing_job(receiver: Receiver) -> int:
    """Each try has an address of its own, as the writes of one are limited."""
    target = Target("geminibatchjobs", "default", "gone", str(uuid4()), token_hex(8))
    return receiver.deliver(target).status


def without_status(crd: dict[str, Any]) -> None:
    del crd["spec"]["versions"][0]["subresources"]


def with_another_version(crd: dict[str, Any]) -> None:
    """And without the one that the receiver speaks."""
    served = crd["spec"]["versions"][0]
    crd["spec"]["versions"].append({**copy.deepcopy(served), "name": "v1beta1", "storage": False})
    served["served"] = False


def assert_kept_for_later(receiver: Receiver, target: Target) -> None:
    answer = receiver.deliver(target)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert receiver.metric(REFUSED) >= 1
    assert receiver.metric(requests("not_served")) >= 1
    assert "check the CRD" in receiver.logged("error")[-1]["event"]


def test_without_the_crd_nothing_is_acknowledged(plane: ControlPlane, receiver: Receiver) -> None:
    assert not plane.api.answers(CRD)
    target = Target("geminibatchjobs", "default", "job", str(uuid4()), token_hex(8))
    assert_kept_for_later(receiver, target)


@pytest.mark.parametrize("change", [without_status, with_another_version])
def test_a_crd_without_the_status_of_jobs_acknowledges_nothing(
    plane: ControlPlane, receiver: Receiver, job: Job, change: Callable[[dict[str, Any]], None]
) -> None:
    target = job.target()
    crd = plane.api.request("GET", CRD)
    change(crd)
    plane.api.request("PUT", CRD, crd)
    eventually(
        lambda: to_a_missing_job(receiver) == 503, timeout=30, what="the change to take effect"
    )
    assert_kept_for_later(receiver, target)
    cluster.apply_crds(plane)
    eventually(lambda: to_a_missing_job(receiver) == 200, timeout=30, what="the CRD to be back")
    assert receiver.deliver(target).status == 200
    assert job.last_event is not None


def test_after_the_crd_was_deleted_nothing_is_acknowledged(
    plane: ControlPlane, receiver: Receiver, job: Job
) -> None:
    target = job.target()
    plane.api.request("DELETE", CRD)
    eventually(lambda: to_a_missing_job(receiver) == 503, timeout=30, what="the kind to be gone")
    assert_kept_for_later(receiver, target)
