"""A key, or a namespace, whose calls to Google hang costs its own jobs only."""

import time
from typing import Any

import pytest

from tests.emulator_process import API_KEY, OTHER_PROJECT_KEY
from tests.integration.controller.conftest import NEVER
from tests.operator_process import Operator, inline_job, job
from tests.waiting import eventually

SLOW = 40
DELAY = 8.0
AT_ONCE = 2.0
"""Seconds for a batch of its own; 0.1 to 0.5 where nothing else runs on the machine."""


@pytest.fixture
def schedule() -> str:
    return NEVER


@pytest.fixture
def others(cluster_operator: Operator, second_namespace: str) -> Operator:
    """A tenant with a key of its own."""
    return cluster_operator.elsewhere(second_namespace)


def adopting(name: str) -> dict[str, Any]:
    manifest = job(name, {}, deletionPolicy="Orphan", adopt={"batchName": f"batches/{name}"})
    del manifest["spec"]["input"]
    return manifest


def started(operator: Operator, others: Operator) -> None:
    operator.put_key(API_KEY)
    others.put_key(OTHER_PROJECT_KEY)
    operator.start_controller("--namespaces", f"{operator.namespace},{others.namespace}")
    eventually(operator.controller.ready, timeout=30, what="the controller to be ready")


def seconds_for_a_batch(tenant: Operator) -> float:
    begun = time.monotonic()
    tenant.submitted("quick")
    return time.monotonic() - begun


def test_another_key_gets_its_batch_at_once(cluster_operator: Operator, others: Operator) -> None:
    """Forty jobs whose reads take eight seconds each."""
    operator = cluster_operator
    started(operator, others)
    operator.emulator.fault("batches.get", "delay", count=None, delaySeconds=DELAY)
    operator.apply(*(adopting(f"slow-{number:02}") for number in range(SLOW)))
    eventually(lambda: operator.emulator.requests("batches.get") >= 1, what="the reads to begin")
    assert seconds_for_a_batch(others) < AT_ONCE


@pytest.mark.exhaustive
def test_a_slow_read_holds_up_no_other_adoption(
    cluster_operator: Operator, others: Operator
) -> None:
    operator = cluster_operator
    started(operator, others)
    operator.emulator.fault("batches.get", "hold", count=1)
    operator.apply(adopting("held"))
    operator.emulator.wait_for_held("batches.get")
    operator.apply(adopting("next"))
    operator.wait_condition("next", "Failed", "RemoteNotFound", timeout=10)
    operator.emulator.release()
    operator.wait_condition("held", "Failed", "RemoteNotFound", timeout=20)


@pytest.mark.exhaustive
def test_a_deletion_that_hangs_holds_up_nobody_else(
    cluster_operator: Operator, others: Operator
) -> None:
    operator = cluster_operator
    started(operator, others)
    names = [f"slow-{number:02}" for number in range(20)]
    operator.apply(*map(inline_job, names))
    for name in names:
        operator.wait_condition(name, "Submitted")
    operator.emulator.fault("batches.get", "delay", count=None, delaySeconds=DELAY)
    operator.kubectl("delete", "gbj", "--all", "--wait=false")
    eventually(lambda: operator.emulator.requests("batches.get") >= 1, what="the deletion to begin")
    assert seconds_for_a_batch(others) < AT_ONCE
    operator.emulator.clear_faults()
    eventually(lambda: not operator.batches_of(names[0]), timeout=30, what="the batches to go")
