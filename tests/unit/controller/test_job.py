from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gemini_operator.api import group
from gemini_operator.controller.job import Key, KeyRef, from_object
from tests.unit.controller.builders import (
    INLINE,
    MODEL,
    UID,
    a_job,
    finished,
    submitted,
)

SECRET_TEXT = "what a tenant asks the model"


def an_object(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "team-a",
            "name": "job",
            "uid": UID,
            "resourceVersion": "100",
            "creationTimestamp": "2026-01-01T11:55:00Z",
        },
        "spec": {"model": MODEL, "input": INLINE, **spec},
    }


def test_a_new_object_needs_nothing_but_what_the_api_server_sets() -> None:
    job = from_object(an_object())
    assert job.key == Key("team-a", "job")
    assert job.created == datetime(2026, 1, 1, 11, 55, tzinfo=UTC)
    assert (job.generation, job.finalizers, job.annotations) == (0, (), {})
    assert (job.deleting, job.held, job.finished) == (False, False, False)
    assert job.status.attempt is None


def test_s10_inline_requests_are_not_kept_in_memory() -> None:
    request = {"contents": [{"parts": [{"text": SECRET_TEXT}]}]}
    inline = [{"key": key, "request": request} for key in ("a", "b", "c")]
    job = from_object(an_object(input={"inline": inline}))
    assert job.spec.input is not None
    assert job.spec.input.inline is not None
    assert [(item.key, item.request) for item in job.spec.input.inline] == [("a", {})]
    assert SECRET_TEXT not in repr(job)


def test_s10_foreign_annotations_are_not_kept_and_our_own_are_cut() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": SECRET_TEXT,
        group.RESOLVE_SUBMISSION: "x" * 100_000,
    }
    job = a_job(annotations=annotations)
    assert job.annotations == {group.RESOLVE_SUBMISSION: "x" * 256}


def test_the_stored_status_is_kept_as_it_is_for_the_next_patch() -> None:
    """With members of a later version, too."""
    status = submitted(somethingNew={"a": 1})
    job = a_job(status=status)
    assert job.stored_status == status
    assert job.status.batch_name == "batches/one"


@pytest.mark.parametrize(
    ("job", "deleting", "held", "is_finished"),
    [
        (a_job(), False, True, False),
        (a_job(held=False), False, False, False),
        (a_job(deleting=True), True, True, False),
        (a_job(status=finished()), False, True, True),
    ],
)
def test_what_a_job_says_of_itself(job: Any, deleting: bool, held: bool, is_finished: bool) -> None:
    assert (job.deleting, job.held, job.finished) == (deleting, held, is_finished)


@pytest.mark.parametrize(
    ("spec", "ref"),
    [
        ({}, KeyRef("team-a", "gemini-api-key", "api-key")),
        (
            {"apiKeySecretRef": {"name": "mine", "key": "token"}},
            KeyRef("team-a", "mine", "token"),
        ),
    ],
    ids=["default", "its own"],
)
def test_s05_the_api_key_is_always_looked_for_in_the_jobs_own_namespace(
    spec: dict[str, Any], ref: KeyRef
) -> None:
    assert a_job(spec=spec).api_key(("gemini-api-key", "api-key")) == ref


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"model": "../files/x"}, id="a model that is a path"),
        pytest.param({"input": {"inline": []}}, id="no requests"),
        pytest.param({"input": {"inline": None}}, id="null requests"),
        pytest.param({"input": {"inline": [{}]}}, id="a request without a key"),
        pytest.param({"input": {"fileName": "files/../x"}}, id="a file that is a path"),
        pytest.param({"model": None}, id="no model"),
    ],
)
def test_s03_an_object_that_does_not_fit_the_schema_is_not_worked_on(
    spec: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        from_object(an_object(**spec))
