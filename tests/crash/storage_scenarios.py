"""The scenarios of a job whose input and output are in object storage, and their steps."""

from typing import Any

from tests.crash.job import JobUnderTest
from tests.crash.scenarios import Scenario
from tests.crash.steps import (
    Step,
    deleted,
    ends,
    patched,
    submitted,
    submitted_or_killed,
    suspended,
)
from tests.crash.storage import s3_of
from tests.object_servers import S3Server
from tests.operator_process import job as manifest_of
from tests.stored_jobs import (
    check_input,
    check_output,
    files_of,
    object_at,
    outputs_of,
    put_object,
    requests,
)

LINES = 17
"""Of a MiB each, and so are their results: both have three parts of at most 8 MiB."""

INPUT = requests(LINES)


def applied(**spec: Any) -> Step:
    """`kubectl apply` of a job that reads its requests from, and writes its results to, S3."""

    def step(job: JobUnderTest) -> None:
        path = f"in/{job.name}.jsonl"
        put_object(_s3(job), path, INPUT)
        source, output = object_at(path), object_at("out")
        job.apply_manifest(manifest_of(job.name, source, output=output, **spec))

    return step


def uploaded(job: JobUnderTest) -> None:
    """Google has the input once, whole, and the batch was made of it."""
    submitted(job)
    check_input(job.environment.operator, job.name, INPUT)


def delivered(job: JobUnderTest) -> None:
    """Complete: one object with the hash and the count of the status, one file, one batch."""
    job.wait_condition("Complete")
    status = job.status()
    assert (status["state"], job.condition("Failed")) == ("Succeeded", {}), f"status {status}"
    assert job.kept() == [status["batchName"]], f"batches {job.batches()}"
    check_input(job.environment.operator, job.name, INPUT)
    check_output(job.environment.operator, _s3(job), job.name, LINES)


def cleaned_up(job: JobUnderTest) -> None:
    """`kubectl delete`: nothing is left at Google, and the results stay."""
    operator = job.environment.operator
    outputs = outputs_of(operator, _s3(job), job.name)
    deleted(job)
    assert files_of(operator, job.name) == [], "an uploaded file is left"
    assert outputs_of(operator, _s3(job), job.name) == outputs, "the results are gone"


def _s3(job: JobUnderTest) -> S3Server:
    return s3_of(job.environment)


OF_A_TRANSFER = (
    Scenario("copied in and out", (applied(), uploaded, ends("succeed"), delivered, cleaned_up)),
    Scenario("deleted while it is copied in", (applied(), submitted_or_killed, cleaned_up)),
    Scenario(
        "suspended while it is copied in",
        (applied(), submitted_or_killed, patched(suspend=True), suspended),
        after=(cleaned_up,),
    ),
)

# An object stays until the old leader has woken up. What it does then must change no results.
OF_A_LEADER_WITH_A_TRANSFER = (
    Scenario(
        "copied in and out",
        (applied(), uploaded, ends("succeed"), delivered),
        after=(delivered, cleaned_up),
    ),
)
