"""The API server is away for a while, or has forgotten what the watch last saw: nothing restarts."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.forwarder import Forwarder
from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually


@SLOW
@pytest.mark.timeout(240)
def test_an_api_server_that_is_away_for_a_while_costs_neither_a_batch_nor_a_restart(
    operator: Operator, outage: float
) -> None:
    operator.start("--sweep-interval", "5")
    ended, running = operator.submitted("ended"), operator.submitted("running")
    controller, receiver = operator.controller.pid, operator.receiver.pid
    operator.control_plane.stop_apiserver(kill=True)
    operator.emulator.job(ended, "succeed")
    time.sleep(outage)
    operator.control_plane.start_apiserver()
    operator.apply(inline_job("new"))
    operator.wait_complete("ended", timeout=60)
    operator.wait_condition("new", "Submitted", timeout=60)
    for batch in (running, operator.status("new")["batchName"]):
        operator.emulator.job(batch, "succeed")
    operator.wait_complete("running", timeout=60)
    operator.wait_complete("new", timeout=60)
    assert len(operator.batches()) == operator.emulator.requests("batches.create") == 3
    assert operator.controller.running()
    assert operator.receiver.running()
    assert (operator.controller.pid, operator.receiver.pid) == (controller, receiver)


def test_an_object_that_was_replaced_during_a_reconcile_gets_its_own(operator: Operator) -> None:
    """The events of the old object come late, while its reconcile waits for an answer."""
    with Forwarder.to(operator.control_plane.server) as road:
        path = operator.controller.args.index("--kubeconfig") + 1
        kubeconfig = road.kubeconfig(Path(operator.controller.args[path]))
        operator.controller.args[path] = str(kubeconfig)
        operator.start()
        for number in range(10):
            name = f"job-{number}"
            operator.apply(inline_job(name, suspend=True))
            operator.wait_condition(name, "Suspended")
            road.block(answers_only=True)
            # One answer to an event each time: the reconcile that it causes then waits for its own.
            operator.set(name, suspend=False)
            operator.kubectl("delete", "gbj", name)
            operator.apply(inline_job(name))
            road.unblock()
        for number in range(10):
            operator.wait_condition(f"job-{number}", "Submitted")
        operator.controller.stop()


def expired(operator: Operator, version: str) -> bool:
    """Whether a watch from that resource version ends at once with 410 Gone."""
    query = f"watch=1&resourceVersion={version}&timeoutSeconds=1"
    said = operator.kubectl("get", "--raw", f"{operator.path()}?{query}")
    return bool(said) and json.loads(said.splitlines()[0])["object"].get("code") == 410


@SLOW
def test_a_watch_that_was_forgotten_starts_again_and_misses_nothing(operator: Operator) -> None:
    """What was changed, created and deleted meanwhile is seen, though no event tells of it."""
    operator.start("--max-open-batches-per-key", "2")
    changed, deleted = operator.submitted("changed"), operator.submitted("deleted")
    version = operator.get("changed")["metadata"]["resourceVersion"]
    pid = operator.controller.pid
    operator.controller.send(signal.SIGSTOP)
    operator.set("changed", shutdown="Cancel")
    operator.kubectl("patch", "gbj", "deleted", "--type=merge", "-p", NO_FINALIZERS)
    operator.kubectl("delete", "gbj", "deleted")
    operator.apply(inline_job("created"))
    operator.control_plane.stop_apiserver(kill=True)
    operator.control_plane.start_apiserver()
    assert expired(operator, version)
    operator.controller.send(signal.SIGCONT)
    operator.wait_condition("changed", "Failed", "Cancelled", timeout=60)
    operator.wait_condition("created", "Submitted", timeout=60)
    assert operator.controller.running()
    assert operator.controller.pid == pid
    states = {batch["name"]: batch["state"] for batch in operator.batches()}
    assert states[changed] == "BATCH_STATE_CANCELLED"
    assert states[deleted] == "BATCH_STATE_PENDING", "an administrator has given it up"
    assert len(states) == 3
    freed(operator)


def freed(operator: Operator) -> None:
    """The deleted object holds no place of the two: one more job gets the other one."""
    operator.apply(inline_job("last"))
    eventually(lambda: operator.condition("last", "Submitted").get("status") == "True", timeout=30)


NO_FINALIZERS = '{"metadata":{"finalizers":null}}'
