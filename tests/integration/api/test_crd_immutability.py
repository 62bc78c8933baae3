"""What of a job may change after its creation, and what may not."""

import re
from typing import Any, NamedTuple

import pytest

from gemini_operator.api.v1alpha1.spec import IMMUTABLE, Spec
from local.errors import LocalError
from tests.integration.api.jobs import Jobs, Json, minimal

ADOPT = {"input": None, "adopt": {"batchName": "batches/a"}, "deletionPolicy": "Orphan"}
FIXED = minimal(deletionPolicy="Orphan")


class Change(NamedTuple):
    before: Json
    after: Json


def field_of(name: str) -> str:
    """The member of the spec that a case is about: the first word of its name."""
    return re.split("[ ,]", name, maxsplit=1)[0]


def fixed(**members: Any) -> Json:
    return minimal(**{"deletionPolicy": "Orphan", **members})


def inline(*items: tuple[str, Any]) -> Json:
    return {"inline": [{"key": key, "request": request} for key, request in items]}


def every_way(name: str, value: Any, other: Any) -> dict[str, Change]:
    """A member that has no default: added, removed and changed."""
    return {
        f"{name} added": Change(FIXED, fixed(**{name: value})),
        f"{name} removed": Change(fixed(**{name: value}), FIXED),
        f"{name} changed": Change(fixed(**{name: value}), fixed(**{name: other})),
    }


def beside_a_default(name: str, default: Any, value: Any) -> dict[str, Change]:
    """A member that has a default: to add it is to leave the default, to remove it to return."""
    return {
        f"{name} added": Change(FIXED, fixed(**{name: value})),
        f"{name} removed": Change(fixed(**{name: value}), FIXED),
        f"{name} changed": Change(fixed(**{name: value}), fixed(**{name: default})),
    }


INPUTS = {
    "input added": Change(minimal(**ADOPT), minimal(**{**ADOPT, "input": {"fileName": "files/a"}})),
    "input removed": Change(FIXED, fixed(input=None)),
    "input changed": Change(FIXED, fixed(input={"fileName": "files/other"})),
    "input of another kind": Change(FIXED, fixed(input=inline(("a", {})))),
    "input swapped for adopt": Change(FIXED, minimal(**ADOPT)),
    "input, a request more": Change(
        fixed(input=inline(("a", {}))), fixed(input=inline(("a", {}), ("b", {})))
    ),
    "input, a request less": Change(
        fixed(input=inline(("a", {}), ("b", {}))), fixed(input=inline(("a", {})))
    ),
    "input, in another order": Change(
        fixed(input=inline(("a", {}), ("b", {}))), fixed(input=inline(("b", {}), ("a", {})))
    ),
    "input, deep in a request": Change(
        fixed(input=inline(("a", {"contents": [{"parts": [{"text": "one"}]}]}))),
        fixed(input=inline(("a", {"contents": [{"parts": [{"text": "two"}]}]}))),
    ),
    "input, a key of its ConfigMap": Change(
        fixed(input={"configMapKeyRef": {"name": "a", "key": "a"}}),
        fixed(input={"configMapKeyRef": {"name": "a", "key": "b"}}),
    ),
    "input, credentials added": Change(
        fixed(input={"object": {"uri": "s3://bucket/a"}}),
        fixed(input={"object": {"uri": "s3://bucket/a", "credentialsSecretRef": {"name": "a"}}}),
    ),
}
NESTED = {
    "output of another kind": Change(
        fixed(output={"configMap": {"name": "a"}}), fixed(output={"object": {"uri": "s3://bucket"}})
    ),
    "apiKeySecretRef, another key": Change(
        fixed(apiKeySecretRef={"name": "a", "key": "a"}),
        fixed(apiKeySecretRef={"name": "a", "key": "b"}),
    ),
    "userMetadata, a key more": Change(
        fixed(userMetadata={"a": "1"}), fixed(userMetadata={"a": "1", "b": "2"})
    ),
    "userMetadata, emptied": Change(fixed(userMetadata={"a": "1"}), fixed(userMetadata={})),
    "adopt added": Change(FIXED, fixed(adopt={"batchName": "batches/a"})),
    "adopt removed": Change(minimal(**ADOPT), minimal(**{**ADOPT, "adopt": None})),
    "adopt changed": Change(
        minimal(**ADOPT), minimal(**{**ADOPT, "adopt": {"batchName": "batches/b"}})
    ),
    "adopt, previousUID added": Change(
        minimal(**ADOPT),
        minimal(
            **{
                **ADOPT,
                "adopt": {
                    "batchName": "batches/a",
                    "previousUID": "01234567-89ab-cdef-0123-456789abcdef",
                },
            }
        ),
    ),
}
FORBIDDEN = {
    "model changed": Change(FIXED, fixed(model="gemini-2.5-pro")),
    "model, its prefix added": Change(FIXED, fixed(model="models/gemini-2.5-flash")),
    "model removed": Change(FIXED, fixed(model=None)),
    **beside_a_default("type", "GenerateContent", "EmbedContent"),
    **beside_a_default("priority", 0, 5),
    **INPUTS,
    **every_way("output", {"configMap": {"name": "a"}}, {"configMap": {"name": "b"}}),
    **every_way("apiKeySecretRef", {"name": "a", "key": "a"}, {"name": "b", "key": "a"}),
    **every_way("displayName", "One", "Two"),
    **every_way("userMetadata", {"a": "1"}, {"a": "2"}),
    **NESTED,
}
DELIVERED = {"output": {"configMap": {"name": "results"}}}
ALLOWED: dict[str, tuple[Json, ...]] = {
    "suspend": (minimal(), minimal(suspend=True), minimal(suspend=False), minimal()),
    "activeDeadlineSeconds": (
        minimal(),
        minimal(activeDeadlineSeconds=60),
        minimal(activeDeadlineSeconds=30),
        minimal(),
    ),
    "backoffLimit": (minimal(), minimal(backoffLimit=3), minimal(backoffLimit=1), minimal()),
    "ttlSecondsAfterFinished": (
        minimal(**DELIVERED),
        minimal(**DELIVERED, ttlSecondsAfterFinished=60),
        minimal(**DELIVERED, ttlSecondsAfterFinished=0),
        minimal(**DELIVERED),
    ),
    "deletionPolicy": (
        minimal(),
        minimal(deletionPolicy="Orphan"),
        minimal(deletionPolicy="Delete"),
        minimal(),
    ),
    "shutdown": (minimal(), minimal(shutdown="Cancel"), minimal(shutdown="Cancel")),
}


def test_every_field_is_either_tried_as_immutable_or_as_mutable() -> None:
    fields = {field.alias for field in Spec.model_fields.values()}
    forbidden = {field_of(name) for name in FORBIDDEN}

    assert set(IMMUTABLE) == forbidden
    assert fields == forbidden | set(ALLOWED)
    assert not forbidden & set(ALLOWED)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_an_immutable_field_keeps_its_value(jobs: Jobs, name: str) -> None:
    change = FORBIDDEN[name]

    refusal = jobs.change_refusal(change.before, change.after)

    assert f"spec.{field_of(name)}" in refusal
    if name != "model removed":
        assert "after creation" in refusal


@pytest.mark.parametrize("name", ALLOWED)
def test_a_mutable_field_may_be_added_changed_and_removed(jobs: Jobs, name: str) -> None:
    first, *steps = ALLOWED[name]
    job = jobs.create(first)
    for step in steps:
        job = jobs.replace(job, step)
        assert job["spec"].get(name) == step.get(name, jobs.accepted(first).get(name))


def test_shutdown_cannot_be_taken_back(jobs: Jobs) -> None:
    refusal = jobs.change_refusal(minimal(shutdown="Cancel"), minimal())

    assert "spec.shutdown: Invalid value: shutdown cannot be unset" in refusal


def test_adoption_rules_hold_for_later_changes(jobs: Jobs) -> None:
    job = jobs.create(minimal(**ADOPT))

    for field, spec in {
        "suspend": minimal(**ADOPT, suspend=True),
        "backoffLimit": minimal(**ADOPT, backoffLimit=1),
        "deletionPolicy": minimal(**{**ADOPT, "deletionPolicy": None}),
    }.items():
        with pytest.raises(LocalError, match=f"spec.{field}"):
            jobs.replace(job, spec)


def test_an_unchanged_job_may_be_sent_again(jobs: Jobs) -> None:
    spec = fixed(
        input=inline(("a", {"x": [1, None]}), ("b", {})),
        output={"configMap": {"name": "a"}},
        apiKeySecretRef={"name": "a", "key": "a"},
        displayName="One",
        userMetadata={"a": "1"},
        priority=-3,
        type="EmbedContent",
    )
    # The first write of any kind stores the status' default too.
    job = jobs.replace_status(jobs.create(spec), {"state": "Queued"})

    assert (
        jobs.replace(job, spec)["metadata"]["resourceVersion"]
        == (job["metadata"]["resourceVersion"])
    )
