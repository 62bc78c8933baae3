"""What the API server stores of what it is sent."""

from datetime import UTC, datetime

import pytest

from gemini_operator.api import conditions
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.api.v1alpha1.status import (
    Attempt,
    InputFile,
    OutputStatus,
    Requests,
    Status,
    SupersededAttempt,
)
from local.errors import LocalError
from tests.integration.api.jobs import Jobs, minimal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4


def full_status() -> Status:
    """Every member that the controller writes, with the largest values where there are bounds."""
    attempt = Attempt(
        id="0123456789abcdef",
        number=2,
        start_time=NOW,
        batch_name="batches/" + "b" * 128,
        api_key_fingerprint="f" * 64,
    )
    return Status(
        state="PartiallySucceeded",
        reason="CompletedWithFailures",
        conditions=conditions.with_condition(
            (),
            conditions.COMPLETE,
            True,
            Reason.COMPLETED_WITH_FAILURES,
            "m" * conditions.MESSAGE_LIMIT,
            generation=1,
            now=NOW,
        ),
        observed_generation=1,
        attempt=attempt,
        superseded_attempts=[
            SupersededAttempt(
                id="f" * 16, number=1, start_time=NOW, reason=Reason.DUPLICATE_CANCELLED
            )
        ],
        batch_name="batches/" + "b" * 128,
        gemini_state="S" * 64,
        requests=Requests(total=2**63 - 1, succeeded=0, failed=1, pending=2),
        start_time=NOW,
        completion_time=NOW,
        failures=3,
        input_file=InputFile(file_name="files/a-1", bytes=1, records=1, sha256=DIGEST),
        output=OutputStatus(
            file_name="files/out",
            batch_name="batches/b",
            uri="s3://bucket/a",
            config_map="results",
            bytes=2**40,
            records=25,
            sha256=DIGEST,
        ),
        observed_event_id="e" * 256,
        observed_request="r" * 256,
    )


def test_defaults_are_filled_in(jobs: Jobs) -> None:
    assert jobs.create(minimal())["spec"] == {
        **minimal(),
        "type": "GenerateContent",
        "priority": 0,
        "suspend": False,
        "backoffLimit": 0,
    }


def test_a_new_job_says_that_nobody_has_observed_it(jobs: Jobs) -> None:
    """kstatus would take it for one that is done."""
    assert jobs.create(minimal())["status"] == {"observedGeneration": -1}


def test_unknown_members_are_dropped(jobs: Jobs) -> None:
    spec = minimal(
        temperature=1,
        input={
            "configMapKeyRef": {"name": "a", "key": "b", "namespace": "other", "optional": True}
        },
    )

    stored = jobs.create(spec)["spec"]

    assert "temperature" not in stored
    assert stored["input"] == {"configMapKeyRef": {"name": "a", "key": "b"}}


@pytest.mark.row(102)
@pytest.mark.parametrize("member", ["webhookConfig", "callbackURL", "uris", "publicURL"])
def test_a_job_cannot_choose_its_callback_address(jobs: Jobs, member: str) -> None:
    """It could point Google at another job's address. kubectl refuses the member, too."""
    stored = jobs.create(minimal(**{member: "https://gemini-callbacks.example.com/"}))["spec"]
    assert stored == jobs.accepted(minimal())


def test_a_request_is_stored_as_it_was_written(jobs: Jobs) -> None:
    request = {
        "contents": [{"role": "user", "parts": [{"text": "Grüße \u0000 😀"}, {"inlineData": {}}]}],
        "generationConfig": {"temperature": 0.25, "seed": 2**53 + 1, "stopSequences": []},
        "safetySettings": None,
        "tools": [
            None,
            {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]},
        ],
        "kind": "not a Kubernetes kind",
        "metadata": {"name": "../x", "labels": {"a/b/c": "d"}},
    }

    stored = jobs.create(minimal(input={"inline": [{"key": "a", "request": request}]}))

    assert stored["spec"]["input"]["inline"] == [{"key": "a", "request": request}]


def test_the_order_of_inline_requests_is_kept(jobs: Jobs) -> None:
    keys = [f"k{number * 7 % 50}" for number in range(50)]
    spec = minimal(input={"inline": [{"key": key, "request": {}} for key in keys]})

    assert [item["key"] for item in jobs.create(spec)["spec"]["input"]["inline"]] == keys


def test_the_largest_input_leaves_the_rules_affordable(jobs: Jobs) -> None:
    """1000 requests, a megabyte together: every update still compares them with what they were."""
    text = {"contents": [{"parts": [{"text": "word " * 200}]}], "deep": [[[{"a": 1}]]]}
    items = [{"key": f"{number:0256}", "request": text} for number in range(1000)]
    job = jobs.create(minimal(input={"inline": items}))

    updated = jobs.replace(job, {**job["spec"], "suspend": True})
    reported = jobs.replace_status(updated, {"state": "Suspended"})

    assert reported["spec"]["input"]["inline"] == items


def test_a_stored_spec_can_be_read_back(jobs: Jobs) -> None:
    stored = jobs.create(minimal(userMetadata={"a": "b"}, backoffLimit=2, displayName="Nightly"))

    spec = Spec.model_validate(stored["spec"])

    assert (spec.model, spec.backoff_limit, spec.display_name) == ("gemini-2.5-flash", 2, "Nightly")
    assert spec.model_dump(by_alias=True, exclude_none=True) == stored["spec"]


def test_the_status_can_only_be_written_through_its_subresource(jobs: Jobs) -> None:
    job = jobs.create(minimal())

    ignored = jobs.replace({**job, "status": {"state": "Succeeded"}}, job["spec"])
    assert ignored["status"] == {"observedGeneration": -1}

    written = jobs.replace_status(
        {**ignored, "spec": minimal(suspend=True)}, {"state": "Succeeded"}
    )
    assert written["status"] == {"state": "Succeeded"}
    assert written["spec"]["suspend"] is False


def test_everything_the_controller_writes_is_accepted_and_read_back(jobs: Jobs) -> None:
    status = full_status()

    stored = jobs.replace_status(jobs.create(minimal()), status.dump())["status"]

    assert stored == status.dump()
    assert Status.model_validate(stored) == status
    assert set(stored) == {field.alias for field in Status.model_fields.values()} - {"lastEvent"}


@pytest.mark.parametrize(
    ("field", "status"),
    {
        "status.geminiState": {"geminiState": "S" * 65},
        "status.state": {"state": "S" * 65},
        "status.batchName": {"batchName": "batches/../files/x"},
        "status.attempt.id": {
            "attempt": {"id": "0123", "number": 1, "startTime": "2026-01-01T00:00:00Z"}
        },
        "status.startTime": {"startTime": "yesterday"},
        "status.failures": {"failures": -1},
        "status.requests.total": {
            "requests": {"total": 1e20, "succeeded": 0, "failed": 0, "pending": 0}
        },
        "status.inputFile.fileName": {"inputFile": {"fileName": "files/../x"}},
        "status.output.configMap": {"output": {"configMap": "../x"}},
        "status.lastEvent.id": {"lastEvent": {"id": "i" * 257, "attempt": "0" * 16}},
        "status.observedEventID": {"observedEventID": "i" * 257},
        "status.supersededAttempts": {
            "supersededAttempts": [
                {"id": "0" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z"}
            ]
            * 9
        },
    }.items(),
    ids=str,
)
def test_a_status_that_breaks_the_grammar_is_refused(
    jobs: Jobs, field: str, status: dict[str, object]
) -> None:
    job = jobs.create(minimal())

    with pytest.raises(LocalError) as refused:
        jobs.replace_status(job, status)

    assert f"{field}:" in str(refused.value)


def test_a_condition_can_be_there_once_only(jobs: Jobs) -> None:
    condition = full_status().dump()["conditions"][0]

    with pytest.raises(LocalError, match="Duplicate value"):
        jobs.replace_status(jobs.create(minimal()), {"conditions": [condition, condition]})
