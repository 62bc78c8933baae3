from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.controller import job_counts
from gemini_operator.controller.job import Job
from tests.unit.controller.builders import a_job


def stalled(reason: str, status: str = "True") -> dict[str, Any]:
    time = "2026-11-03T09:00:00Z"
    return {
        "state": "Queued",
        "conditions": [
            {
                "type": "Stalled",
                "status": status,
                "reason": reason,
                "message": "",
                "lastTransitionTime": time,
            }
        ],
    }


def count(metric: str, **labels: str) -> float | None:
    return metrics.CONTROLLER.get_sample_value(metric, labels)


def job(status: dict[str, Any]) -> Job:
    return a_job(status=status)


def test_every_word_is_there_even_if_no_job_has_it() -> None:
    job_counts.publish([])
    for state in job_counts.STATES:
        assert count("gemini_operator_jobs", state=state) == 0
    for reason in job_counts.REASONS:
        assert count("gemini_operator_jobs_stalled", reason=reason) == 0


def test_jobs_are_counted_by_state_and_stalled_ones_by_reason() -> None:
    missing = Reason.CREDENTIALS_MISSING.value
    jobs = [
        *(job({}), job({"state": "Running"}), job({"state": "Running"})),
        *(job({"state": "OfALaterVersion"}), job(stalled(missing))),
        *(job(stalled("OfALaterVersion")), job(stalled(missing, "False"))),
    ]
    job_counts.publish(jobs)
    states = {each: count("gemini_operator_jobs", state=each) for each in job_counts.STATES}
    assert {state: number for state, number in states.items() if number} == {
        "New": 1,
        "Running": 2,
        "Queued": 3,
        "Other": 1,
    }
    assert count("gemini_operator_jobs_stalled", reason=missing) == 1
    assert count("gemini_operator_jobs_stalled", reason="Other") == 1


def test_a_job_that_is_gone_is_no_longer_counted() -> None:
    job_counts.publish([job({"state": "Running"})])
    job_counts.publish([])
    assert count("gemini_operator_jobs", state="Running") == 0


@pytest.mark.parametrize("reason", ["CredentialsMissing", "AmbiguousSubmission", "SchemaOutdated"])
def test_what_stalls_a_job_is_a_label(reason: str) -> None:
    assert reason in job_counts.REASONS
