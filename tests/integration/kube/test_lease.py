"""Candidates on the real API server; their clock is a test's, so nothing waits for a Lease."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gemini_operator.kube import connection
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ApiServerUnavailable, Conflict, KubeError
from gemini_operator.kube.lease import Election, LeaseTaken, Terms, new_identity
from local.control_plane import ControlPlane
from tests.forwarder import Forwarder
from tests.unit.controller.clocks import ManualClock
from tests.waiting import eventually_async

NAME = "elected"
DURATION = 15
RIGHTS = [
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    }
]

Candidates = Callable[..., Election]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def candidate(client: KubeClient, namespace: str, clock: ManualClock) -> Candidates:
    """`candidate("name")`, of one Lease in the test's namespace."""

    def make(identity: str, *, through: KubeClient = client, timeout: float = 10.0) -> Election:
        terms = Terms(namespace, NAME, DURATION, timeout)
        return Election(through, terms, clock, identity=identity)

    return make


@pytest.fixture
def read(control_plane: ControlPlane, namespace: str) -> Callable[[], Any]:
    """The Lease's spec as it is stored."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
    return lambda: control_plane.api.request("GET", path)["spec"]


@pytest.fixture
async def road(control_plane: ControlPlane) -> AsyncIterator[tuple[Forwarder, KubeClient]]:
    """A way to the API server that can be blocked, and a client that takes it."""
    with Forwarder.to(control_plane.server) as forwarder:
        known = await connection.load(str(control_plane.kubeconfig))
        client = KubeClient(forwarder.instead_of(known))
        yield forwarder, client
        await client.close()


async def test_p06_the_first_one_takes_the_lease_and_the_second_stands_by(
    candidate: Candidates, read: Callable[[], Any]
) -> None:
    first, second = candidate("first"), candidate("second")
    assert await first.acquire()
    assert not await second.acquire()
    assert second.holder == "first"
    spec = read()
    assert spec["holderIdentity"] == "first"
    assert (spec["leaseDurationSeconds"], spec["leaseTransitions"]) == (DURATION, 0)
    assert spec["acquireTime"] == spec["renewTime"]


async def test_p06_least_rights_suffice(
    namespace: str, service_account_kubeconfig: Callable[..., Any], clock: ManualClock
) -> None:
    path = service_account_kubeconfig(RIGHTS, cluster_wide=False)
    known = await connection.load(str(path))
    client = KubeClient(known)
    election = Election(client, Terms(known.namespace, NAME, DURATION, 10.0), clock)
    assert known.namespace == namespace
    assert await election.acquire()
    await election.renew()
    await election.release()
    await client.close()


async def test_p06_a_lease_that_is_renewed_is_never_taken(
    candidate: Candidates, clock: ManualClock, read: Callable[[], Any]
) -> None:
    first, second = candidate("first"), candidate("second")
    assert await first.acquire()
    acquired = read()
    for _ in range(5):
        clock.advance(10)
        await first.renew()
        assert not await second.acquire()
    spec = read()
    assert spec["acquireTime"] == acquired["acquireTime"]
    assert spec["renewTime"] > acquired["renewTime"]
    assert spec["leaseTransitions"] == 0


async def test_p06_an_expired_lease_is_taken_and_its_holder_finds_out(
    candidate: Candidates, clock: ManualClock, read: Callable[[], Any]
) -> None:
    first, second = candidate("first"), candidate("second")
    assert await first.acquire()
    assert not await second.acquire()
    clock.advance(DURATION - 0.1)
    assert not await second.acquire()
    clock.advance(0.1)
    assert await second.acquire()
    assert (read()["holderIdentity"], read()["leaseTransitions"]) == ("second", 1)
    with pytest.raises(Conflict):
        await first.renew()
    with pytest.raises(LeaseTaken, match="second"):
        await first.renew()
    await first.release()
    assert read()["holderIdentity"] == "second"


async def test_p06_a_newcomer_waits_for_a_whole_duration_whatever_the_lease_says(
    candidate: Candidates, clock: ManualClock
) -> None:
    """The holder's clock may be wrong, so its times say nothing to somebody who has just come."""
    assert await candidate("first").acquire()
    clock.advance(3600)
    newcomer = candidate("second")
    assert not await newcomer.acquire()
    clock.advance(DURATION)
    assert await newcomer.acquire()


async def test_p06_a_released_lease_is_taken_at_once(
    candidate: Candidates, read: Callable[[], Any]
) -> None:
    first, second = candidate("first"), candidate("second")
    assert await first.acquire()
    assert not await second.acquire()
    await first.release()
    spec = read()
    assert "holderIdentity" not in spec
    assert spec["leaseDurationSeconds"] == 1
    assert await second.acquire()
    assert read()["leaseTransitions"] == 1
    assert read()["leaseDurationSeconds"] == DURATION


async def test_p06_of_two_at_the_same_time_one_gets_it(
    candidate: Candidates, clock: ManualClock, read: Callable[[], Any]
) -> None:
    many = [candidate(f"number-{number}") for number in range(8)]
    for _ in range(2):  # first to create it, then to take it over
        tried = await asyncio.gather(*(one.acquire() for one in many), return_exceptions=True)
        winners = [one for one, outcome in zip(many, tried, strict=True) if outcome is True]
        assert len(winners) == 1
        assert read()["holderIdentity"] == winners[0].identity
        assert all(isinstance(outcome, bool | KubeError) for outcome in tried)
        await asyncio.gather(*(one.acquire() for one in many if one is not winners[0]))
        many.remove(winners[0])
        clock.advance(DURATION)


async def test_p06_somebody_elses_write_is_a_failed_renewal_and_the_next_succeeds(
    candidate: Candidates, client: KubeClient, namespace: str, read: Callable[[], Any]
) -> None:
    leader = candidate("leader")
    assert await leader.acquire()
    path = "apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases", NAME
    await client.patch(*path, body={"metadata": {"labels": {"a": "b"}}}, merge=True)
    with pytest.raises(Conflict):
        await leader.renew()
    await leader.renew()
    assert read()["holderIdentity"] == "leader"
    assert (await client.get(*path))["metadata"]["labels"] == {"a": "b"}


async def test_p06_a_person_may_take_the_lease_away(
    candidate: Candidates, client: KubeClient, namespace: str
) -> None:
    leader = candidate("leader")
    assert await leader.acquire()
    path = "apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases", NAME
    await client.patch(*path, body={"spec": {"holderIdentity": "nobody"}}, merge=True)
    with pytest.raises(Conflict):
        await leader.renew()
    with pytest.raises(LeaseTaken):
        await leader.renew()


async def test_p06_a_lease_that_was_deleted_is_not_free_before_it_would_have_expired(
    candidate: Candidates, client: KubeClient, namespace: str, clock: ManualClock
) -> None:
    leader, standby = candidate("leader"), candidate("standby")
    assert await leader.acquire()
    assert not await standby.acquire()
    path = "apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases", NAME
    await client.delete(*path)
    assert not await standby.acquire()
    with pytest.raises(Conflict):
        await leader.renew()
    await leader.renew()
    assert not await standby.acquire()
    await client.delete(*path)
    clock.advance(DURATION)
    assert await standby.acquire()


async def test_p06_a_hanging_api_server_is_a_failed_try_within_the_timeout(
    candidate: Candidates, road: tuple[Forwarder, KubeClient]
) -> None:
    forwarder, client = road
    leader = candidate("leader", through=client, timeout=1.0)
    assert await leader.acquire()
    forwarder.block()
    for call in (leader.renew, leader.acquire, leader.release):
        with pytest.raises(ApiServerUnavailable, match="in time"):
            await call()
    forwarder.unblock()
    patient = candidate("leader", through=client)
    await patient.renew()


async def test_p06_a_broken_connection_is_a_failed_renewal(
    candidate: Candidates, road: tuple[Forwarder, KubeClient]
) -> None:
    forwarder, client = road
    leader = candidate("leader", through=client)
    assert await leader.acquire()
    forwarder.close()
    with pytest.raises(ApiServerUnavailable):
        await leader.renew()


async def test_p06_a_claim_whose_answer_was_lost_is_found_again(
    candidate: Candidates, road: tuple[Forwarder, KubeClient], read: Callable[[], Any]
) -> None:
    """Nobody else may have it then, so it must not stay with somebody who does not know."""
    forwarder, client = road
    lucky = candidate("lucky", through=client, timeout=1.0)
    await client.get("version")  # the connection stands
    forwarder.block(answers_only=True)
    with pytest.raises(ApiServerUnavailable):
        await lucky.acquire()
    forwarder.unblock()
    assert await lucky.acquire()
    assert (read()["holderIdentity"], read()["leaseTransitions"]) == ("lucky", 0)


async def test_p06_a_renewal_that_arrives_late_does_not_undo_the_release(
    candidate: Candidates,
    road: tuple[Forwarder, KubeClient],
    clock: ManualClock,
    read: Callable[[], Any],
) -> None:
    forwarder, client = road
    leader = candidate("leader", through=client)
    assert await leader.acquire()
    forwarder.block(answers_only=True)
    before = read()["renewTime"]
    clock.advance(2)
    renewal = asyncio.create_task(leader.renew())
    await eventually_async(lambda: read()["renewTime"] != before, what="the renewal to arrive")
    renewal.cancel()
    await asyncio.gather(renewal, return_exceptions=True)
    forwarder.unblock()
    await leader.release()
    assert "holderIdentity" not in read()


async def test_p06_who_never_tried_releases_nothing(
    candidate: Candidates, read: Callable[[], Any]
) -> None:
    assert await candidate("same").acquire()
    await candidate("same").release()
    assert read()["holderIdentity"] == "same"


async def test_p06_whoever_released_may_come_back(
    candidate: Candidates, read: Callable[[], Any]
) -> None:
    one = candidate("one")
    assert await one.acquire()
    await one.release()
    assert await one.acquire()
    assert (read()["holderIdentity"], read()["leaseTransitions"]) == ("one", 1)


async def test_every_process_has_an_identity_of_its_own() -> None:
    first, second = new_identity(), new_identity()
    assert first != second
    assert first.rpartition("_")[0] == second.rpartition("_")[0] != ""
