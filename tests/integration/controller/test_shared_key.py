"""Namespaces that share an API key: the trouble of one job is no trouble of the others (P10, P23)."""

from typing import Any

import pytest

from tests.emulator_process import API_KEY
from tests.integration.controller.conftest import SLOW, queued
from tests.operator_process import Operator, inline_job, job
from tests.waiting import eventually

SECOND_KEY = API_KEY.removesuffix("1") + "2"
"""Another key of the same project: each can read what the other has created."""

LIMIT = 3
LIMITED = ("--max-open-batches-per-key", str(LIMIT), "--relist-interval", "1")


class Neighbours:
    """One operator for two namespaces, whose Secrets hold one key until a test says otherwise."""

    def __init__(self, operator: Operator, other: str) -> None:
        self.first, self.second = operator, operator.elsewhere(other)
        self.emulator = operator.emulator

    def start(self, *arguments: str, first: str = API_KEY, second: str = API_KEY) -> None:
        self.first.start_receiver()
        self.first.put_key(first)
        self.second.put_key(second)
        self.start_controller(*arguments)

    def start_controller(self, *arguments: str) -> None:
        watched = f"{self.first.namespace},{self.second.namespace}"
        self.first.start_controller("--namespaces", watched, *arguments)

    def restart(self, *arguments: str) -> None:
        self.first.controller.kill()
        self.start_controller(*arguments)

    def creates(self) -> int:
        return self.emulator.requests("batches.create")

    def refuses(self, code: int, status: str, message: str, **more: Any) -> None:
        """Google answers creates with this, once unless `count` says more."""
        error = {"code": code, "status": status, "message": message, **more.pop("error", {})}
        body = {"error": error}
        self.emulator.fault("batches.create", "status", status=code, body=body, **more)


@pytest.fixture
def neighbours(cluster_operator: Operator, second_namespace: str) -> Neighbours:
    return Neighbours(cluster_operator, second_namespace)


def wait_queued(tenant: Operator, *names: str, reason: str = "Queued") -> None:
    for name in names:
        eventually(lambda n=name: queued(tenant, n, reason), what=f"{name} to be {reason}")  # type: ignore[misc]


def told(tenant: Operator, name: str) -> str:
    """Everything that the object and its Events say."""
    path = f"/apis/events.k8s.io/v1/namespaces/{tenant.namespace}/events"
    events = tenant.control_plane.api.request("GET", path)["items"]
    notes = [event["note"] for event in events if event["regarding"]["name"] == name]
    return f"{tenant.status(name)} {notes}"


NO_ACCESS = "You do not have permission to access"
IAM = {
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "IAM_PERMISSION_DENIED",
            "domain": "iam.googleapis.com",
        }
    ]
}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            (403, "PERMISSION_DENIED", f"{NO_ACCESS} the File of-bad-1 or it may not exist."),
            "InputMissing",
        ),
        pytest.param(
            (404, "NOT_FOUND", "File files/of-bad-1 is not found."),
            "InputMissing",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            (400, "FAILED_PRECONDITION", "The File of-bad-1 is not in an ACTIVE state."),
            "InputMissing",
            marks=pytest.mark.exhaustive,
        ),
        ((403, "PERMISSION_DENIED", f"{NO_ACCESS} tunedModels/of-bad-1."), "CredentialsRejected"),
        pytest.param(
            (403, "PERMISSION_DENIED", "No access to of-bad-1."),
            "CredentialsRejected",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            (400, "FAILED_PRECONDITION", "of-bad-1 is not ready."),
            "CredentialsRejected",
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=["file", "file 404", "file not active", "tuned model", "unknown", "precondition"],
)
def test_p10_what_one_job_may_not_do_is_no_other_jobs_trouble(
    neighbours: Neighbours, answer: tuple[int, str, str], reason: str
) -> None:
    neighbours.start()
    neighbours.refuses(*answer, count=2)
    neighbours.first.apply(inline_job("bad"))
    condition = neighbours.first.wait_problem("bad", reason)
    assert answer[2] in condition["message"]
    neighbours.first.apply(inline_job("good"))
    neighbours.second.apply(inline_job("good"))
    # The answer that is left over may meet any of them, which recovers too.
    for tenant, name in [
        *((neighbours.first, "good"), (neighbours.second, "good"), (neighbours.first, "bad"))
    ]:
        tenant.wait_complete(name, timeout=60)
        assert tenant.condition(name, "Stalled") == {}


@pytest.mark.exhaustive
def test_p10_a_file_that_is_missing_stalls_its_job_alone(neighbours: Neighbours) -> None:
    """Google is asked again and again for the file, and nobody else waits for that."""
    neighbours.start()
    neighbours.first.apply(job("bad", {"fileName": "files/of-bad-1"}))
    condition = neighbours.first.wait_problem("bad", "InputMissing")
    assert "files/of-bad-1" in condition["message"]
    tried = neighbours.creates()
    eventually(lambda: neighbours.creates() >= tried + 2, timeout=60, what="further tries")
    for tenant in (neighbours.first, neighbours.second):
        tenant.apply(inline_job("good"))
        tenant.wait_complete("good")
        assert "of-bad" not in told(tenant, "good")
        assert tenant.events_of("good")[0] == "Submitted"
    assert neighbours.first.condition("bad", "Stalled")["reason"] == "InputMissing"


REFUSALS = [
    (400, "INVALID_ARGUMENT", "API key expired. Renew that of owner-project."),
    (401, "UNAUTHENTICATED", "Invalid credentials of owner-project."),
    (403, "PERMISSION_DENIED", "Your API key of owner-project was reported as leaked."),
    (400, "FAILED_PRECONDITION", "Enable billing for owner-project."),
]


@pytest.mark.parametrize(
    "answer",
    [REFUSALS[0], *(pytest.param(each, marks=pytest.mark.exhaustive) for each in REFUSALS[1:])],
    ids=[f"{r[0]} {r[1]}" for r in REFUSALS],
)
def test_p10_a_refused_key_is_told_in_our_own_words_and_tried_by_each_namespace_in_turn(
    neighbours: Neighbours, answer: tuple[int, str, str]
) -> None:
    neighbours.start()
    neighbours.refuses(*answer, count=2)
    neighbours.first.apply(inline_job("one"))
    condition = neighbours.first.wait_condition("one", "Stalled", "CredentialsRejected")
    assert answer[2] in condition["message"]
    neighbours.first.apply(inline_job("two"))
    neighbours.second.apply(inline_job("other"))
    condition = neighbours.second.wait_condition("other", "Stalled", "CredentialsRejected")
    assert "for another job with the same key" in condition["message"]
    assert "owner-project" not in told(neighbours.second, "other")

    eventually(lambda: neighbours.creates() == 2, timeout=30, what="the second try")
    eventually(
        lambda: answer[2] in neighbours.second.condition("other", "Stalled")["message"],
        what="the second try to be the other namespace's",
    )
    assert "owner-project" not in told(neighbours.first, "two")
    for tenant, name in [
        *((neighbours.first, "one"), (neighbours.first, "two"), (neighbours.second, "other"))
    ]:
        tenant.wait_complete(name, timeout=60)
        assert tenant.condition(name, "Stalled") == {}


OVERLOADED = (429, "RESOURCE_EXHAUSTED", "Over the token tier.")


@SLOW
@pytest.mark.parametrize("many", [pytest.param(1, marks=pytest.mark.exhaustive), 12])
def test_p10_after_a_429_the_next_try_belongs_to_another_namespace(
    neighbours: Neighbours, many: int
) -> None:
    neighbours.start()
    neighbours.refuses(*OVERLOADED, count=many, headers={"Retry-After": "8"})
    names = [f"large-{n:02}" for n in range(many)]
    neighbours.first.apply(*(inline_job(name) for name in names))
    wait_queued(neighbours.first, *names, reason="QuotaExceeded")
    neighbours.second.apply(inline_job("small"))
    wait_queued(neighbours.second, "small", reason="QuotaExceeded")
    if neighbours.creates() < many:
        # Who came later has not been tried: the line was closed already.
        neighbours.emulator.clear_faults()
    batches = eventually(neighbours.first.batches, timeout=30, what="a batch")
    assert batches[0]["displayName"].startswith(f"{neighbours.second.namespace}/small ")
    for name in names:
        neighbours.first.wait_condition(name, "Submitted")


@pytest.mark.exhaustive
@SLOW
def test_p10_twelve_429s_at_once_are_no_minutes_of_waiting(neighbours: Neighbours) -> None:
    neighbours.start()
    neighbours.refuses(*OVERLOADED, count=None)
    names = [f"large-{n:02}" for n in range(12)]
    neighbours.first.apply(*(inline_job(name) for name in names))
    wait_queued(neighbours.first, *names, reason="QuotaExceeded")
    neighbours.second.apply(inline_job("small"))
    eventually(lambda: OVERLOADED[2] in told(neighbours.second, "small"), what="its own try")


def open_of(tenant: Operator) -> int:
    return sum(b["displayName"].startswith(f"{tenant.namespace}/") for b in tenant.batches())


@pytest.mark.exhaustive
@SLOW
@pytest.mark.parametrize("killed", [False, True], ids=["one life", "killed between"])
def test_p23_a_secret_changed_to_a_shared_key_takes_no_places_of_it(
    neighbours: Neighbours, killed: bool
) -> None:
    neighbours.start(*LIMITED, first=SECOND_KEY)
    for n in range(LIMIT):
        neighbours.first.submitted(f"open-{n}")
    neighbours.first.put_key(API_KEY)
    if killed:
        neighbours.restart(*LIMITED)
    for n in range(LIMIT):
        neighbours.second.submitted(f"job-{n}")
    neighbours.first.apply(inline_job("more"))
    wait_queued(neighbours.first, "more")
    neighbours.emulator.job(neighbours.first.status("open-0")["batchName"], "succeed")
    neighbours.first.wait_complete("open-0")
    assert queued(neighbours.first, "more"), "that was no place of this key"
    neighbours.emulator.job(neighbours.second.status("job-0")["batchName"], "succeed")
    neighbours.first.wait_condition("more", "Submitted")


@SLOW
@pytest.mark.parametrize(
    ("back", "killed"),
    [
        pytest.param(False, False, id="changed away"),
        pytest.param(True, True, id="changed away and back, killed between"),
        pytest.param(False, True, id="changed away, killed", marks=pytest.mark.exhaustive),
        pytest.param(True, False, id="changed away and back", marks=pytest.mark.exhaustive),
    ],
)
def test_p23_no_change_of_a_secret_opens_more_batches_than_a_key_may_have(
    neighbours: Neighbours, killed: bool, back: bool
) -> None:
    neighbours.start(*LIMITED)
    for n in range(LIMIT):
        neighbours.first.submitted(f"open-{n}")
    neighbours.first.put_key(SECOND_KEY)
    for n in range(LIMIT):
        neighbours.first.submitted(f"other-{n}")
    if killed:
        neighbours.restart(*LIMITED)
    if back:
        neighbours.first.put_key(API_KEY)
    neighbours.second.apply(inline_job("waits"))
    wait_queued(neighbours.second, "waits")
    neighbours.first.apply(inline_job("waits-too"))
    wait_queued(neighbours.first, "waits-too")
    assert open_of(neighbours.first) == 2 * LIMIT
    neighbours.emulator.job(neighbours.first.status("open-0")["batchName"], "succeed")
    neighbours.second.wait_condition("waits", "Submitted")
    assert neighbours.creates() == 2 * LIMIT + 1
    assert queued(neighbours.first, "waits-too")
