"""A CRD older than the operator: the API server drops silently what it does not know (P7)."""

import json
from collections.abc import Callable, Iterator

import pytest

from local.control_plane import ControlPlane
from tests.integration import custom_resource_definition as crd
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

PROBE = {"attempt": {"id": "0" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z"}}
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
FINALIZER = json.dumps({"metadata": {"finalizers": ["example.com/kept"]}})
NO_FINALIZER = json.dumps({"metadata": {"finalizers": None}})
APPLY = "kubectl apply --server-side --force-conflicts -f crds/"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=".".join(path), marks=[] if short else pytest.mark.exhaustive)
        for path, short in {
            ("status", "attempt"): True,
            ("status", "attempt", "batchName"): False,
            ("status", "attempt", "apiKeyFingerprint"): False,
            ("status", "supersededAttempts"): False,
            ("status", "failures"): False,
            ("status", "batchName"): False,
        }.items()
    ],
)
def test_p07_nothing_is_sent_until_the_crd_keeps_what_is_written(
    operator: Operator, control_plane: ControlPlane, path: tuple[str, ...]
) -> None:
    """And the job, the process' readiness and the log say what to do."""
    with crd.changed(control_plane, crd.without(*path)):
        operator.start()
        operator.apply(inline_job("job"))
        stalled = operator.wait_problem("job", "SchemaOutdated")
        assert APPLY in stalled["message"]
        assert ".".join(path) in stalled["message"]
        assert APPLY in operator.controller.readiness()
        assert operator.emulator.requests("batches.create") == 0
    operator.wait_complete("job", timeout=50)
    assert not operator.condition("job", "Stalled")
    assert operator.emulator.requests("batches.create") == 1
    eventually(operator.controller.ready, what="the controller to be ready")


@pytest.mark.parametrize(
    ("path", "creates"),
    [
        pytest.param(("status", "attempt"), 0, id="attempt", marks=pytest.mark.exhaustive),
        pytest.param(("status", "attempt", "id"), 0, id="attempt.id"),
        pytest.param(("status", "supersededAttempts"), 1, id="superseded"),
    ],
)
def test_p07_a_crd_that_is_made_older_under_a_running_operator(
    operator: Operator, control_plane: ControlPlane, path: tuple[str, ...], creates: int
) -> None:
    """The comparison at the start has seen nothing: the answer to each write has to show it."""
    operator.start()
    eventually(operator.controller.ready, timeout=30, what="the controller to be ready")
    with crd.changed(control_plane, crd.without(*path)):
        operator.apply(inline_job("job"))
        if creates == 0:
            operator.wait_problem("job", "SchemaOutdated")
            eventually(
                lambda: APPLY in operator.controller.readiness(),
                timeout=30,
                what="readyz to say so",
            )
        else:
            operator.wait_complete("job")
        assert operator.emulator.requests("batches.create") == creates
    operator.wait_complete("job", timeout=50)
    assert operator.emulator.requests("batches.create") == 1


def test_p07_an_attempt_without_an_answer_that_an_older_crd_drops_is_not_made_again(
    operator: Operator, control_plane: ControlPlane
) -> None:
    """Its batch exists at Google, and nothing but the rest of the status speaks of it."""
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.emulator.fault("batches.list", "status", count=None)
    operator.start()
    operator.apply(inline_job("job"))
    eventually(lambda: operator.status("job").get("attempt"), what="the write-ahead")
    eventually(lambda: operator.batches_of("job"), what="the batch at Google")
    operator.controller.kill()
    with crd.changed(control_plane, crd.without("status", "attempt")):
        operator.kubectl("label", "gbj", "job", "example.com/touched=yes")
    assert "attempt" not in operator.status("job")
    operator.emulator.clear_faults()
    operator.start_controller()
    operator.wait_condition("job", "Stalled", "AmbiguousSubmission")
    assert operator.emulator.requests("batches.create") == 1


@pytest.mark.exhaustive
def test_p25_a_claim_that_is_not_kept_takes_no_batch(
    operator: Operator, control_plane: ControlPlane
) -> None:
    operator.start("--sweep-interval", "1")
    batch = operator.submitted("first", deletionPolicy="Orphan")
    uid = operator.get("first")["metadata"]["uid"]
    operator.kubectl("delete", "gbj", "first", "--timeout=20s")
    heir = inline_job("heir", deletionPolicy="Orphan")
    del heir["spec"]["input"]
    heir["spec"]["adopt"] = {"batchName": batch, "previousUID": uid}
    with crd.changed(control_plane, crd.without("status", "batchName")):
        operator.apply(heir)
        operator.wait_problem("heir", "SchemaOutdated")
        assert "attempt" not in operator.status("heir")
    operator.wait_condition("heir", "Submitted", "Adopted", timeout=50)


DROPPED = {
    "attempt": (
        "geminibatchjobs/status",
        'has(object.status.attempt) ? [JSONPatch{op: "remove", path: "/status/attempt"}] : []',
    ),
    "attempt.id": (
        "geminibatchjobs/status",
        (
            "has(object.status.attempt) ? [JSONPatch{"
            'op: "replace", path: "/status/attempt/id", value: "ffffffffffffffff"}] : []'
        ),
    ),
    "finalizer": (
        "geminibatchjobs",
        (
            "has(object.metadata.finalizers) ? [JSONPatch{"
            'op: "remove", path: "/metadata/finalizers"}] : []'
        ),
    ),
}


@pytest.fixture
def policy(
    request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str
) -> Iterator[Callable[[], None]]:
    """A policy that changes what is written, in the test's namespace; call it to end it."""
    resource, expression = DROPPED[request.param]
    rule = {
        "apiGroups": ["gemini-operator.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": [resource],
    }
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [rule]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": f"{namespace}-drop",
        "matchResources": {"namespaceSelector": selector},
    }
    kinds = {"mutatingadmissionpolicies": spec, "mutatingadmissionpolicybindings": binding}
    for kind, body in kinds.items():
        manifest = {"metadata": {"name": f"{namespace}-drop"}, "spec": body}
        control_plane.api.request("POST", f"{ADMISSION}/{kind}", manifest)

    def end() -> None:
        for kind in reversed(kinds):
            path = f"{ADMISSION}/{kind}/{namespace}-drop"
            if control_plane.api.answers(path):
                control_plane.api.request("DELETE", path)

    yield end
    end()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param("attempt.id", "status.attempt.id"),
        pytest.param("attempt", "status.attempt", marks=pytest.mark.exhaustive),
        pytest.param("finalizer", "metadata.finalizers", marks=pytest.mark.exhaustive),
    ],
    indirect=["policy"],
)
def test_p07_a_policy_that_changes_what_is_written_sends_nothing(
    operator: Operator, policy: Callable[[], None], said: str
) -> None:
    """The schema is current, and the write is not kept all the same."""
    operator.apply(inline_job("probe", suspend=True))

    def changes() -> bool:
        operator.patch_status("probe", [{"op": "add", "path": "/status", "value": PROBE}])
        operator.kubectl("patch", "gbj", "probe", "--type=merge", "-p", FINALIZER)
        kept = operator.get("probe")
        same = kept.get("status", {}).get("attempt") == PROBE["attempt"]
        return not (same and kept["metadata"].get("finalizers"))

    eventually(changes, timeout=30, what="the policy to take effect")
    operator.kubectl("patch", "gbj", "probe", "--type=merge", "-p", NO_FINALIZER)
    operator.kubectl("delete", "gbj", "probe", "--wait=false")
    operator.start()
    operator.apply(inline_job("job"))
    stalled = operator.wait_problem("job", "SchemaOutdated")
    assert said in stalled["message"]
    assert operator.emulator.requests("batches.create") == 0
    policy()
    operator.wait_complete("job", timeout=55)
    assert operator.emulator.requests("batches.create") == 1
