"""What a user and Google do to a job, and what must come of it whatever is killed meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.crash.job import TEXTS, JobUnderTest
from tests.waiting import eventually

Step = Callable[[JobUnderTest], None]


def applied(**spec: Any) -> Step:
    """`kubectl apply`; `spec` is more than the usual."""
    return lambda job: job.apply(**spec)


def patched(**spec: Any) -> Step:
    """The user changes the spec."""
    return lambda job: job.patch(**spec)


def submitted(job: JobUnderTest) -> None:
    """The job has its batch, and there is no other."""
    job.wait_condition("Submitted")
    _one_kept(job)


def submitted_or_killed(job: JobUnderTest) -> None:
    """As far as it comes: who was killed is not started again yet."""

    def so_far() -> bool:
        return job.environment.routes.sprung or job.condition("Submitted").get("status") == "True"

    eventually(so_far, timeout=job.patience, what=f"{job.name}: submitted or killed")


def ends(action: str) -> Step:
    """Google ends the batch: succeed, fail, expire or cancel."""

    def step(job: JobUnderTest) -> None:
        job.environment.google.job(job.status()["batchName"], action)

    return step


def completed(job: JobUnderTest) -> None:
    """Complete, with the right results of the only batch there is."""
    job.wait_condition("Complete")
    status = job.status()
    assert (status["state"], job.condition("Failed")) == ("Succeeded", {}), f"status {status}"
    lines = job.delivered()
    assert [line["key"] for line in lines] == list(TEXTS), f"results {lines}"
    assert status["output"]["records"] == len(lines), f"status {status}"
    said = {line["response"]["candidates"][0]["content"]["parts"][0]["text"] for line in lines}
    assert len(said) == len(lines), f"results {lines}"
    _one_kept(job)


def failed(reason: str, failures: int = 0) -> Step:
    """Failed for that reason, after so many ends that Google caused, and nothing is kept."""

    def step(job: JobUnderTest) -> None:
        job.wait_condition("Failed", reason)
        status = job.status()
        assert job.condition("Complete") == {}, f"status {status}"
        assert status.get("failures", 0) == failures, f"status {status}"
        assert job.kept() == [], f"batches {job.batches()}"

    return step


def older_than(seconds: float) -> Step:
    """So much time has passed since the first attempt."""

    def step(job: JobUnderTest) -> None:
        start = datetime.fromisoformat(job.status()["startTime"])
        job.wait("time", lambda: (datetime.now(UTC) - start).total_seconds() > seconds)

    return step


def suspended(job: JobUnderTest) -> None:
    """Suspended, and nothing runs."""
    job.wait_condition("Suspended", "Suspended")
    assert job.kept() == [], f"batches {job.batches()}"


def waits_for_another_try(job: JobUnderTest) -> None:
    """The failure is counted once, and the batch is on record."""
    job.wait("a retry", lambda: job.condition("Submitted").get("reason") == "Retrying")
    status = job.status()
    assert status["failures"] == 1, f"status {status}"
    assert [a["reason"] for a in status["supersededAttempts"]] == ["RemoteFailed"], (
        f"status {status}"
    )


def adopting(job: JobUnderTest) -> None:
    """A job takes over a batch that somebody else has submitted, and that has ended."""
    batch = job.submit_by_hand()
    job.environment.google.job(batch, "succeed")
    job.apply_adopting(batch)


def deleted(job: JobUnderTest) -> None:
    """`kubectl delete`: the object goes, and nothing is left at Google."""
    job.delete()
    gone(job)


def gone(job: JobUnderTest) -> None:
    """No object, nothing at Google."""
    job.wait("the end of the object", lambda: not job.exists())
    job.wait("nothing at Google", lambda: not job.batches())


def _one_kept(job: JobUnderTest) -> None:
    name = job.status()["batchName"]
    assert job.kept() == [name], f"{name} and {job.batches()}"


def receiver_started(job: JobUnderTest) -> None:
    """A new receiver process: it fetches Google's keys before anybody asks."""
    receiver = job.environment.operator.receiver
    receiver.kill()
    logged = len(receiver.text())
    job.environment.start_receiver()
    job.wait("the keys", lambda: "verification keys fetched" in receiver.text()[logged:])


def keys_rotated(job: JobUnderTest) -> None:
    """Google signs with a new key, so the next callback makes the receiver fetch the keys again."""
    job.environment.google.control("POST", "keys/rotate")
