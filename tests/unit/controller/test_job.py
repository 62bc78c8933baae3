import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gemini_operator.api import group
from gemini_operator.api.v1alpha1.input import INLINE_BYTES
from gemini_operator.controller.job import Key, KeyRef, from_object
from gemini_operator.kube import decoding
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
    assert (job.deleting, job.has_finalizer, job.finished) == (False, False, False)
    assert job.status.attempt is None


def test_s10_inline_requests_are_not_kept_in_memory() -> None:
    request = {"contents": [{"parts": [{"text": SECRET_TEXT}]}]}
    inline = [{"key": key, "request": request} for key in ("a", "b", "c")]
    job = from_object(an_object(input={"inline": inline}))
    assert job.spec.input is not None
    assert job.spec.input.inline is not None
    assert [(item.key, item.request) for item in job.spec.input.inline] == [("a", {})]
    assert SECRET_TEXT not in repr(job)


def inline_of(size: int) -> dict[str, Any]:
    """Inline requests of `size` bytes as compact JSON, nearly all of it deep inside."""
    empty = [{"key": "a", "request": {"contents": [""]}}]
    padding = size - len(json.dumps(empty, separators=(",", ":")))
    return {"inline": [{"key": "a", "request": {"contents": ["x" * padding]}}]}


def watched(body: dict[str, Any]) -> dict[str, Any]:
    """The object as a watch gives it."""
    line = json.dumps({"type": "ADDED", "object": body}, ensure_ascii=False)
    event = decoding.parse(line.encode(), decoding.LINE_LEVELS)
    return dict(event["object"])


def test_inline_requests_of_exactly_200_kib_are_let_through() -> None:
    body = an_object(input=inline_of(INLINE_BYTES))
    assert from_object(body).input_problem is None
    assert from_object(watched(body), shortened=True).input_problem is None


def test_inline_requests_beyond_200_kib_are_refused_with_a_way_out() -> None:
    problem = from_object(an_object(input=inline_of(INLINE_BYTES + 1))).input_problem
    assert problem is not None
    assert "more than 200 KiB" in problem
    assert "input.configMapKeyRef" in problem


def test_what_is_far_too_large_is_seen_without_its_content() -> None:
    """Before anything is written: each write of 1.4 MB costs the API server a second."""
    body = an_object(input=inline_of(INLINE_BYTES + 100))
    assert from_object(watched(body), shortened=True) == from_object(body)


def test_the_size_is_counted_in_bytes_not_in_characters() -> None:
    half = {"inline": [{"key": "a", "request": {"t": "ä" * (INLINE_BYTES // 2)}}]}
    assert from_object(an_object(input=half)).input_problem is not None


@pytest.mark.parametrize("written", ["<", "\u2028", "ä", "&", "\x7f"])
def test_what_the_api_server_escapes_is_not_counted_as_it_writes_it(written: str) -> None:
    """Go writes `<` in six bytes."""
    text = written * (INLINE_BYTES // len(written.encode()) - 100)
    body = an_object(input={"inline": [{"key": "a", "request": {"contents": [text]}}]})
    line = json.dumps({"type": "ADDED", "object": body}, ensure_ascii=False)
    escaped = "".join(f"\\u{ord(c):04x}" for c in written)
    event = decoding.parse(line.replace(written, escaped).encode(), decoding.LINE_LEVELS)
    assert from_object(event["object"], shortened=True).input_problem is None


def test_a_request_that_looks_like_what_was_left_out_is_no_size() -> None:
    body = an_object(input={"inline": [{"key": "a", "request": {"contents": [10**9]}}]})
    assert from_object(body).input_problem is None
    assert from_object(watched(body), shortened=True).input_problem is None


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
    ("job", "deleting", "has_finalizer", "is_finished"),
    [
        (a_job(), False, True, False),
        (a_job(has_finalizer=False), False, False, False),
        (a_job(deleting=True), True, True, False),
        (a_job(status=finished()), False, True, True),
    ],
)
def test_what_a_job_says_of_itself(
    job: Any, deleting: bool, has_finalizer: bool, is_finished: bool
) -> None:
    assert (job.deleting, job.has_finalizer, job.finished) == (deleting, has_finalizer, is_finished)


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
    assert a_job(spec=spec).api_key == ref


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
