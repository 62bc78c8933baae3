from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import unsupported
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RequeueAfter
from tests.unit.controller.builders import (
    a_condition,
    a_job,
    a_snapshot,
    reason_of,
    submitted,
    written,
)

OBJECT = {"uri": "s3://bucket/requests.jsonl"}
UNSUPPORTED = [
    ("spec.input.object", {"input": {"object": OBJECT}}),
    ("spec.output.object", {"output": {"object": {"uri": "s3://bucket"}}}),
]
SUPPORTED = [
    {},
    {"suspend": True, "backoffLimit": 2, "activeDeadlineSeconds": 60},
    {"shutdown": "Cancel", "ttlSecondsAfterFinished": 0, "deletionPolicy": "Orphan"},
    {"input": None, "adopt": {"batchName": "batches/x"}},
    {"type": "EmbedContent", "priority": -3, "displayName": "x", "userMetadata": {"a": "b"}},
    {"deletionPolicy": "Orphan", "apiKeySecretRef": {"name": "key", "key": "key"}},
    {"output": {"configMap": {"name": "results"}}},
    {"input": {"configMapKeyRef": {"name": "requests", "key": "jsonl"}}},
    {"input": {"fileName": "files/x"}},
]


@pytest.mark.parametrize(("field", "spec"), UNSUPPORTED, ids=[name for name, _ in UNSUPPORTED])
def test_a_field_that_is_not_honoured_yet_is_refused_in_plain_words(
    field: str, spec: dict[str, Any]
) -> None:
    decision = unsupported.decide(a_snapshot(spec=spec))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.NOT_SUPPORTED_YET)
    assert field in status.conditions[-1].message
    assert status.state == "Queued"
    assert isinstance(decision, PatchStatus)
    assert decision.events[0].warning
    assert unsupported.decide(a_snapshot(spec=spec, status=status.dump())) == RequeueAfter()


@pytest.mark.parametrize("spec", SUPPORTED)
def test_what_is_honoured_is_let_through(spec: dict[str, Any]) -> None:
    assert unsupported.unsupported(a_job(spec=spec).spec) == []
    assert unsupported.decide(a_snapshot(spec=spec)) is None


def test_all_fields_that_are_not_honoured_are_named_at_once() -> None:
    spec = {"input": {"object": OBJECT}, "output": {"object": {"uri": "s3://bucket"}}}
    status = written(unsupported.decide(a_snapshot(spec=spec)))
    assert "spec.input.object, spec.output.object" in status.conditions[-1].message


def test_a_batch_that_is_already_open_is_still_followed() -> None:
    """An earlier version may have submitted it."""
    spec = {"input": {"object": OBJECT}}
    status = written(unsupported.decide(a_snapshot(spec=spec, status=submitted())))
    assert status.state == "Running"
    assert unsupported.decide(a_snapshot(spec=spec, status=status.dump())) is None


def test_taking_the_field_back_heals_the_job() -> None:
    stalled = a_condition("Stalled", "True", "NotSupportedYet")
    decision = unsupported.decide(a_snapshot(status={"conditions": [stalled]}))
    assert reason_of(written(decision), "Stalled") is None
    assert isinstance(decision, PatchStatus)
    assert decision.seconds is None, "and the job goes on at once"


@pytest.mark.parametrize(
    "condition",
    [
        a_condition("Stalled", "True", "CredentialsMissing"),
        a_condition("Stalled", "False", "NotSupportedYet"),
    ],
)
def test_what_others_have_said_is_left_to_them(condition: dict[str, Any]) -> None:
    assert unsupported.decide(a_snapshot(status={"conditions": [condition]})) is None
