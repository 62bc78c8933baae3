"""Google's list shows a new batch late: within the grace it is found, beyond it a person decides."""

from collections.abc import Iterator

import pytest

from tests.integration.controller.conftest import NEVER
from tests.operator_process import Operator, generate, inline_job
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("schedule", [NEVER])

SHORT_GRACE = ("--create-timeout", "1", "--submit-grace", "2", "--sweep-interval", "1")
FOR_EVER = 3600


@pytest.fixture
def started(operator: Operator) -> Iterator[Operator]:
    operator.start(*SHORT_GRACE)
    yield operator
    operator.emulator.clear_faults()


def test_p11_a_batch_that_is_listed_within_the_grace_is_the_jobs(operator: Operator) -> None:
    operator.start("--create-timeout", "3", "--submit-grace", "6")
    operator.emulator.fault("batches.list", "lag", delaySeconds=3)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    attempt = eventually(lambda: operator.status("job").get("attempt"))
    operator.wait_condition("job", "Submitted")
    status = operator.status("job")
    assert status["attempt"]["id"] == attempt["id"]
    assert "supersededAttempts" not in status
    assert [batch["name"] for batch in operator.batches()] == [status["batchName"]]
    assert operator.emulator.requests("batches.list") > 1


def hidden_from_us(operator: Operator) -> str:
    """A job of whose four attempts each has a batch that no list shows; the last one's id."""
    operator.emulator.fault("batches.list", "lag", delaySeconds=FOR_EVER)
    operator.emulator.fault("batches.create", "drop", when="after", count=None)
    operator.apply(inline_job("job"))
    condition = operator.wait_condition("job", "Stalled", "AmbiguousSubmission", timeout=60)
    assert "gemini-operator.io/resolve-submission" in condition["message"]
    status = operator.status("job")
    assert len(status["supersededAttempts"]) == 3
    assert len(operator.batches()) == 4
    return str(status["attempt"]["id"])


def reported(operator: Operator) -> int:
    attempts = operator.status("job").get("supersededAttempts") or ()
    return sum(attempt.get("reason") == "DuplicateCancelled" for attempt in attempts)


def ends_with_one_batch(operator: Operator, batch: str) -> None:
    """The list is true again: the others are found, cancelled, deleted and told."""
    assert operator.condition("job", "Stalled") == {}
    operator.emulator.clear_faults()
    eventually(lambda: [b["name"] for b in operator.batches()] == [batch], timeout=30)
    eventually(lambda: reported(operator) == len(operator.status("job")["supersededAttempts"]))
    operator.emulator.job(batch, "succeed")
    operator.wait_complete("job")


def test_p13_beyond_the_grace_a_person_names_the_batch_to_keep(started: Operator) -> None:
    attempt = hidden_from_us(started)
    kept = next(b["name"] for b in started.batches() if b["displayName"].endswith(f"{attempt}]"))
    started.annotate("job", resolve_submission=kept)
    started.wait_condition("job", "Submitted")
    assert started.status("job")["batchName"] == kept
    ends_with_one_batch(started, kept)


@pytest.mark.exhaustive
def test_p13_beyond_the_grace_a_person_has_the_job_submitted_again(started: Operator) -> None:
    attempt = hidden_from_us(started)
    started.emulator.clear_faults()
    started.emulator.fault("batches.list", "lag", delaySeconds=FOR_EVER)
    started.annotate("job", resolve_submission=f"Resubmit:{attempt}")
    started.wait_condition("job", "Submitted")
    status = started.status("job")
    assert status["attempt"]["id"] != attempt
    assert attempt in [earlier["id"] for earlier in status["supersededAttempts"]]
    ends_with_one_batch(started, status["batchName"])


def twice(operator: Operator) -> tuple[str, str]:
    """A job whose token two batches carry, since somebody has copied it; the copy, and the id."""
    operator.emulator.fault("batches.list", "status", status=503, count=None)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    first = eventually(operator.batches)[0]
    copy = copied(operator, first["displayName"])
    operator.emulator.clear_faults()
    condition = operator.wait_condition("job", "Stalled", "AmbiguousSubmission")
    attempt = str(operator.status("job")["attempt"]["id"])
    for known in (first["name"], copy, attempt, "resolve-submission"):
        assert known in condition["message"]
    return copy, attempt


def copied(operator: Operator, display_name: str) -> str:
    requests = [{"request": generate("Say hello."), "metadata": {"key": "greeting"}}]
    return operator.emulator.create_batch(display_name, requests)


def test_p13_of_two_batches_with_one_token_a_person_names_the_jobs(started: Operator) -> None:
    copy, _ = twice(started)
    started.annotate("job", resolve_submission=copy)
    started.wait_condition("job", "Submitted")
    assert started.status("job")["batchName"] == copy
    assert started.condition("job", "Stalled") == {}
    started.emulator.job(copy, "succeed")
    started.wait_complete("job")
    started.kubectl("delete", "gbj", "job", "--timeout=30s")
    assert copy not in [batch["name"] for batch in started.batches()]


@pytest.mark.exhaustive
def test_p13_of_two_batches_with_one_token_a_person_wants_neither(started: Operator) -> None:
    _, attempt = twice(started)
    started.annotate("job", resolve_submission=f"Resubmit:{attempt}")
    started.wait_condition("job", "Submitted")
    ends_with_one_batch(started, started.status("job")["batchName"])
