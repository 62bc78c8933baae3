"""Whatever one object contains costs only that object (docs/security.md)."""

import json
from typing import Any

import pytest

from tests.integration import custom_resource_definition as crd
from tests.operator_process import GROUP, Operator, inline_job
from tests.waiting import eventually

EARLY, LATE = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"
LAST = "9999-12-31T23:59:59Z"
ATTEMPT = {"id": "0" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z"}
CONDITION = {
    "type": "Submitted",
    "status": "True",
    "reason": "Submitted",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}

# 1.4 MB of empty objects: what costs the API server most, byte by byte.
MANY: dict[str, list[dict[str, Any]]] = {"contents": [{} for _ in range(450_000)]}
LARGE = {
    "spec": {"model": "gemini-2.5-flash", "input": {"inline": [{"key": "a", "request": MANY}]}}
}

DEPTHS = (65, 500, 1_200, 9_000)

# Statuses that the API server takes with the CRD as it is.
TIMES: dict[str, dict[str, Any]] = {
    "start-early": {"startTime": EARLY},
    "start-late": {"startTime": LATE},
    "attempt-early": {"attempt": {**ATTEMPT, "startTime": EARLY}},
    "attempt-last": {"attempt": {**ATTEMPT, "startTime": LAST}},
    "completion-late": {"completionTime": LATE},
    "transition-early": {"conditions": [{**CONDITION, "lastTransitionTime": EARLY}]},
    "transition-last": {"conditions": [{**CONDITION, "lastTransitionTime": LAST}]},
}

# What only an older CRD has let in.
LEFTOVERS: dict[str, dict[str, Any]] = {
    "requests-a-word": {"status": {"requests": "three"}},
    "attempt-no-time": {"status": {"attempt": {**ATTEMPT, "startTime": "yesterday"}}},
    "attempt-a-word": {"status": {"attempt": "first"}},
    "attempt-a-list": {"status": {"attempt": [ATTEMPT]}},
    "conditions-words": {"status": {"conditions": ["Submitted"]}},
    "conditions-a-map": {"status": {"conditions": {"Submitted": True}}},
    "failures-huge": {"status": {"failures": 2**62}},
    "failures-fraction": {"status": {"failures": 1.5}},
    "batch-a-path": {"status": {"batchName": "../../secrets/x"}},
    "superseded-many": {"status": {"supersededAttempts": [ATTEMPT] * 50}},
    "spec-model-number": {"spec": {"model": 7}},
    "spec-model-path": {"spec": {"model": "../x"}},
    "spec-inline-word": {"spec": {"input": {"inline": "all"}}},
    "spec-inline-null": {"spec": {"input": {"inline": [None]}}},
    "spec-request-word": {"spec": {"input": {"inline": [{"key": "a", "request": "hi"}]}}},
    "spec-input-list": {"spec": {"input": ["inline"]}},
    "spec-adopt-word": {"spec": {"input": None, "adopt": "batches/x"}},
    "spec-deadline-huge": {"spec": {"activeDeadlineSeconds": 2**62}},
    "spec-unicode": {"spec": {"displayName": "\u2028\x00\ud83d\ude00" * 300}},
    "spec-empty": {"spec": {"model": None, "input": None}},
}
# Unusual, and no reason not to be submitted.
HARMLESS = {"event-late": {"lastEvent": {"id": "e", "attempt": "0" * 16, "time": LAST}}}

# What is wrong with them is replaced by the condition that says so; how soon that is seen varies.
MENDED_BY_BEING_TOLD = ("conditions-words", "conditions-a-map")


def create(operator: Operator, manifest: str) -> None:
    operator.kubectl("create", "-f", "-", stdin=manifest)


def deep(name: str, levels: int) -> str:
    """As text: Python cannot write it."""
    nested = '{"a":' * levels + "1" + "}" * levels
    manifest = json.dumps(inline_job(name, {"greeting": "REQUEST"}))
    request = json.dumps({"contents": [{"parts": [{"text": "REQUEST"}], "role": "user"}]})
    assert request in manifest
    return manifest.replace(request, nested)


def set_status(operator: Operator, name: str, status: dict[str, Any]) -> None:
    arguments = ("patch", "gbj", name, "--subresource=status", "--type=merge")
    operator.kubectl(*arguments, "-p", json.dumps({"status": status}))


def put(operator: Operator, manifest: dict[str, Any], status: dict[str, Any] | None) -> None:
    """Create an object that has this status from the beginning; quicker than kubectl."""
    api, name = operator.control_plane.api, manifest["metadata"]["name"]
    body = api.request("POST", operator.path(), manifest)
    if status is not None:
        api.request("PUT", f"{operator.path(name=name)}/status", {**body, "status": status})


def poison(operator: Operator) -> list[str]:
    """One object of each kind; answers with their names."""
    for levels in DEPTHS:
        create(operator, deep(f"deep-{levels}", levels))
    for name, status in {**TIMES, **HARMLESS}.items():
        put(operator, inline_job(name), status)
    with crd.changed(operator.control_plane, crd.anything):
        for name, members in LEFTOVERS.items():
            body = inline_job(name)
            body["spec"] |= members.get("spec", {})
            put(operator, body, members.get("status"))
    return [*(f"deep-{levels}" for levels in DEPTHS), *TIMES, *LEFTOVERS]


def told(operator: Operator) -> dict[str, str]:
    """`Failed InvalidInput` or `Stalled Internal` by job, with a sentence behind it."""
    columns = "NAME:.metadata.name,CONDITIONS:.status.conditions"
    found = {}
    listed = operator.kubectl("get", "gbj", "-o", f"custom-columns={columns}", "--no-headers")
    for line in listed.splitlines():
        name, _, conditions = line.partition(" ")
        for kind, reason in (("Failed", "InvalidInput"), ("Stalled", "Internal")):
            if f"type:{kind}" in conditions and f"reason:{reason}" in conditions:
                found[name] = f"{kind} {reason}"
    return found


def complete(operator: Operator) -> set[str]:
    path = '{range .items[?(@.status.state=="Succeeded")]}{.metadata.name}{"\\n"}{end}'
    return set(operator.kubectl("get", "gbj", "-o", f"jsonpath={path}").split())


def with_event(operator: Operator) -> set[str]:
    """The jobs with an Event that says that they cannot be read."""
    path = '{range .items[?(@.reason=="Internal")]}{.regarding.name}{"\\n"}{end}'
    return set(operator.kubectl("get", "events.events.k8s.io", "-o", f"jsonpath={path}").split())


def unreadable(operator: Operator) -> float:
    name = "gemini_operator_unreadable_jobs "
    lines = operator.controller.metrics().splitlines()
    return float(next(line for line in lines if line.startswith(name)).removeprefix(name))


@pytest.fixture
def poisoned(operator: Operator) -> list[str]:
    return poison(operator)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("jobs", [20, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_a_start_among_poisonous_objects_serves_all_others(
    operator: Operator, poisoned: list[str], jobs: int
) -> None:
    """Ready within 10 seconds, every good job completes, each bad one says what is wrong with it."""
    good = [f"good-{number:03}" for number in range(jobs)]
    operator.apply(*map(inline_job, good))
    operator.start()
    eventually(operator.controller.ready, timeout=10, what="the controller to be ready")
    eventually(
        lambda: set(good) <= complete(operator), timeout=90, interval=1, what="the good jobs"
    )

    def untold() -> set[str]:
        """Of those whose spec breaks today's rules no status is taken: they have their Event."""
        return set(poisoned) - told(operator).keys() - with_event(operator)

    def all_told() -> bool:
        assert untold() == set()
        return True

    eventually(all_told, timeout=30, interval=1, what="nobody to be left without word")
    said = told(operator)
    assert {said[f"deep-{levels}"] for levels in DEPTHS} == {"Failed InvalidInput"}
    assert {said[name] for name in TIMES} == {"Stalled Internal"}
    assert unreadable(operator) >= len(TIMES)
    sentence = operator.condition("start-early", "Stalled")["message"]
    assert "startTime" in sentence
    readable = jobs + len(HARMLESS) + len(MENDED_BY_BEING_TOLD)
    assert operator.emulator.requests("batches.create") <= readable


@pytest.mark.parametrize(
    ("size", "jobs"), [(2, 5), pytest.param(8, 20, marks=pytest.mark.exhaustive)]
)
def test_objects_as_large_as_the_api_server_takes_are_ended_in_one_write_each(
    operator: Operator, size: int, jobs: int
) -> None:
    """A write to one of them costs the API server a second, and it answers nobody meanwhile."""
    large = [f"large-{number}" for number in range(size)]
    good = [f"good-{number:02}" for number in range(jobs)]
    for name in large:
        put(operator, inline_job(name) | LARGE, None)
    operator.apply(*map(inline_job, good))
    operator.start()
    for name in good:
        operator.wait_complete(name, timeout=30)
    for name in large:
        failed = operator.wait_condition(name, "Failed", "InvalidInput", timeout=30)
        assert "configMapKeyRef" in failed["message"]
        metadata = operator.get(name)["metadata"]
        assert "finalizers" not in metadata
        written = [by for by in metadata["managedFields"] if by.get("subresource") == "status"]
        assert len(written) == 1
    operator.kubectl("delete", "gbj", "--all", "--wait=false")


@pytest.mark.exhaustive
def test_poisonous_objects_that_arrive_later_end_nothing(operator: Operator, name: str) -> None:
    operator.start()
    for levels in DEPTHS:
        create(operator, deep(f"deep-{levels}", levels))
    for bad, status in TIMES.items():
        operator.apply(inline_job(bad, suspend=True))
        set_status(operator, bad, status)
    operator.apply(inline_job(name))
    operator.wait_complete(name)
    bad_ones = {*(f"deep-{levels}" for levels in DEPTHS), *TIMES}
    eventually(lambda: bad_ones <= told(operator).keys(), timeout=30, what="all to be told")
    assert operator.controller.running()
    assert operator.controller.ready()


def test_an_unreadable_object_that_is_mended_goes_on(operator: Operator, name: str) -> None:
    operator.start()
    operator.apply(inline_job(name, suspend=True))
    operator.wait_condition(name, "Suspended")
    set_status(operator, name, {"startTime": EARLY})
    operator.wait_condition(name, "Stalled", "Internal")
    set_status(operator, name, {"startTime": None})
    operator.set(name, suspend=False)
    operator.wait_complete(name)
    assert not operator.condition(name, "Stalled")
    assert unreadable(operator) == 0


def test_an_unreadable_object_goes_only_when_a_person_gives_up_its_batch(
    operator: Operator, name: str
) -> None:
    operator.start()
    operator.submitted(name)
    operator.wait_complete(name)
    set_status(operator, name, {"startTime": LATE})
    operator.wait_condition(name, "Stalled", "Internal")
    operator.kubectl("delete", "gbj", name, "--wait=false")
    operator.wait_condition(name, "Stalled", "Internal")
    assert f"{GROUP}/batch" in operator.get(name)["metadata"]["finalizers"]
    operator.annotate(name, force_delete="true")
    eventually(lambda: not operator.exists(name), what="the object to go")
    eventually(lambda: "BatchLeftBehind" in operator.events_of(name), what="the Event")
