"""Several controllers, one Lease: one works, and another takes over when it is gone (rule P6)."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.forwarder import Forwarder
from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, Process, inline_job
from tests.waiting import eventually

ELECT = "--leader-elect"
SHORT = (
    ELECT,
    *("--lease-duration", "5", "--lease-renew-deadline", "4", "--lease-retry-period", "0.5"),
)
"""For claims that are the same for every duration."""

Candidates = Callable[..., Process]


@pytest.fixture
def candidate(operator: Operator, tmp_path: Path) -> Iterator[Candidates]:
    """`candidate("name", *args)`: one more controller, started; `kubeconfig` names another one."""
    with ExitStack() as stack:

        def start(name: str, *args: str, kubeconfig: Path | None = None) -> Process:
            other = ("--kubeconfig", str(kubeconfig)) if kubeconfig else ()
            process = Process("controller", tmp_path / f"{name}.log", *operator.controller.args)
            stack.callback(_end, process)
            process.start("--public-url", operator.receiver.url, *args, *other)
            return process

        operator.start_receiver()
        operator.put_key("emulator-demo-0000000001")
        yield start


def _end(process: Process) -> None:
    if process.running():
        process.send(signal.SIGCONT)
        process.kill()
    sys.stdout.write(f"--- {process.log.name}\n{process.text()[-4000:]}")


def lease(operator: Operator) -> Any:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{operator.namespace}/leases/gemini-operator"
    return operator.control_plane.api.request("GET", path)["spec"]


def leads(process: Process) -> bool:
    return "gemini_operator_leader 1.0" in process.metrics()


def begins_to_lead(process: Process, timeout: float = 30) -> None:
    eventually(lambda: leads(process), timeout=timeout, what="the controller to lead")


def two(candidate: Candidates, *args: str) -> tuple[Process, Process]:
    """The leader, and another one that stands by and is ready."""
    leader = candidate("leader", *args)
    begins_to_lead(leader)
    standby = candidate("standby", *args)
    eventually(standby.ready, what="the standby to be ready")
    return leader, standby


def worked(process: Process) -> bool:
    """Whether it has passed over any job."""
    return "gemini_operator_reconcile_total{" in process.metrics()


@pytest.mark.parametrize(
    ("election", "duration"),
    [
        pytest.param(SHORT, 5, id="short"),
        pytest.param((ELECT,), 15, id="by default", marks=pytest.mark.exhaustive),
    ],
)
def test_p06_a_killed_leader_is_replaced_when_its_lease_has_expired(
    operator: Operator, candidate: Candidates, election: tuple[str, ...], duration: int
) -> None:
    leader, standby = two(candidate, *election)
    operator.apply(inline_job("before"))
    operator.wait_complete("before")
    first = lease(operator)
    leader.kill()
    killed = time.monotonic()
    operator.apply(inline_job("after"))
    begins_to_lead(standby)
    took = time.monotonic() - killed
    assert duration * 2 / 3 < took < duration + 5, "not before it has expired, and soon after"
    second = lease(operator)
    assert first["leaseDurationSeconds"] == duration
    assert second["holderIdentity"] not in ("", first["holderIdentity"])
    assert second["leaseTransitions"] == first["leaseTransitions"] + 1
    assert second["acquireTime"] > first["renewTime"]
    operator.wait_complete("after")
    assert len(operator.batches()) == 2


def test_p06_a_leader_that_stops_is_replaced_within_3_seconds(
    operator: Operator, candidate: Candidates
) -> None:
    leader, standby = two(candidate, ELECT)
    operator.apply(inline_job("before"))
    operator.wait_complete("before")
    first = lease(operator)
    leader.send(signal.SIGTERM)
    told = time.monotonic()
    begins_to_lead(standby)
    took = time.monotonic() - told
    assert took < 3
    assert leader.wait() == 0
    second = lease(operator)
    assert second["holderIdentity"] not in ("", first["holderIdentity"])
    assert second["leaseTransitions"] == first["leaseTransitions"] + 1
    operator.apply(inline_job("after"))
    operator.wait_complete("after")
    assert len(operator.batches()) == 2


def test_p06_only_one_of_several_works(operator: Operator, candidate: Candidates) -> None:
    leader, standby = two(candidate, ELECT)
    names = [f"job-{number}" for number in range(8)]
    operator.apply(*(inline_job(name) for name in names))
    for name in names:
        operator.wait_complete(name)
    assert len(operator.batches()) == operator.emulator.requests("batches.create") == len(names)
    assert worked(leader)
    assert not worked(standby)
    assert standby.ready()


def test_p06_a_standby_that_stops_disturbs_nobody(
    operator: Operator, candidate: Candidates
) -> None:
    leader, standby = two(candidate, ELECT)
    before = lease(operator)
    assert standby.stop() == 0
    eventually(lambda: lease(operator)["renewTime"] > before["renewTime"])
    assert lease(operator)["holderIdentity"] == before["holderIdentity"]
    assert leads(leader)


@SLOW
@pytest.mark.exhaustive
def test_p06_a_leader_that_was_stopped_beyond_its_lease_sends_nothing_and_ends(
    operator: Operator, candidate: Candidates
) -> None:
    """It is stopped in the middle of a deletion, when what it would send next is a cancel."""
    leader, standby = two(candidate, *SHORT)
    operator.submitted("job")
    operator.emulator.fault("batches.get", "hold")
    operator.kubectl("delete", "gbj", "job", "--wait=false")
    operator.emulator.wait_for_held("batches.get")
    leader.send(signal.SIGSTOP)
    operator.emulator.release()
    begins_to_lead(standby)
    eventually(lambda: not operator.exists("job"), timeout=30, what="the deletion")
    assert operator.batches() == []
    before = sent(operator)
    holder = lease(operator)["holderIdentity"]
    leader.send(signal.SIGCONT)
    assert leader.wait() == 1
    assert sent(operator) == before
    assert "the Lease is lost" in leader.text()
    assert lease(operator)["holderIdentity"] == holder
    assert leads(standby)


def sent(operator: Operator) -> dict[str, int]:
    """How often Google was asked to change something."""
    routes = "batches.create", "batches.cancel", "batches.delete", "files.delete"
    return {route: operator.emulator.requests(route) for route in routes}


def test_p06_a_leader_whose_api_server_hangs_is_gone_before_another_leads(
    operator: Operator, candidate: Candidates
) -> None:
    own = Path(operator.controller.args[operator.controller.args.index("--kubeconfig") + 1])
    with Forwarder.to(operator.control_plane.server) as road:
        leader = candidate("leader", *SHORT, kubeconfig=road.kubeconfig(own))
        begins_to_lead(leader)
        standby = candidate("standby", *SHORT)
        eventually(standby.ready, what="the standby to be ready")
        road.block()
        assert leader.wait() == 1
        assert not leads(standby)
        assert "the Lease is lost" in leader.text()
    begins_to_lead(standby)
    operator.apply(inline_job("job"))
    operator.wait_complete("job")


@pytest.mark.exhaustive
def test_p06_a_lease_is_kept_while_passes_end_and_given_back_when_none_acts(
    operator: Operator, candidate: Candidates
) -> None:
    """A create that nobody answers holds up the end until the drain is cut off."""
    leader, standby = two(candidate, *SHORT, "--create-timeout", "60", "--submit-grace", "120")
    holder = lease(operator)["holderIdentity"]
    operator.emulator.fault("batches.create", "hold", when="after")
    operator.apply(inline_job("job"))
    operator.emulator.wait_for_held("batches.create")
    leader.send(signal.SIGTERM)
    eventually(lambda: kept_until_cut_off(operator, holder, leader, standby), timeout=30)
    begins_to_lead(standby, timeout=3)
    assert leader.wait() == 0
    operator.emulator.release(answer=False)
    operator.wait_complete("job", timeout=60)
    assert operator.emulator.requests("batches.create") == 1
    assert len(operator.batches()) == 1


def kept_until_cut_off(operator: Operator, holder: str, leader: Process, standby: Process) -> bool:
    """Whether the drain has been cut off; `holder` must have kept the Lease until then."""
    seen = lease(operator).get("holderIdentity"), leads(standby)
    cut_off = "reconciles were cut off" in leader.text()
    if not cut_off and seen != (holder, False):
        pytest.fail(f"the Lease was not kept while passes went on: {seen}")
    return cut_off
