"""What the controller's log says of a job: each change once, with its reason."""

import json
from typing import Any

from tests.emulator_process import API_KEY
from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, Process, inline_job
from tests.waiting import eventually

SHOWN = ("reason", "state", "by")


def records(process: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.text().splitlines() if line.startswith("{")]


def story(operator: Operator, name: str) -> list[tuple[str, ...]]:
    """What was said of a job, with the particulars that do not differ from run to run."""
    return [
        (line["event"], *(line[each] for each in SHOWN if line.get(each)))
        for line in records(operator.controller)
        if line.get("name") == name and line["level"] in ("info", "warning")
    ]


def test_a_life_from_a_missing_secret_to_the_end_by_ttl(operator: Operator) -> None:
    operator.start_receiver()
    operator.start_controller()
    output = {"configMap": {"name": "results"}}
    operator.apply(inline_job("job", output=output, ttlSecondsAfterFinished=1))
    operator.wait_problem("job", "CredentialsMissing")
    operator.put_key(API_KEY)
    eventually(lambda: ("a job is gone",) in story(operator, "job"), timeout=40)
    told = story(operator, "job")
    assert told.count(("a job waits", "CredentialsMissing")) == 1
    for line in (
        ("a job has recovered", "CredentialsMissing"),
        ("a job was submitted",),
        ("a job has ended", "Succeeded", "Succeeded"),
        ("a job is being deleted", "ttlSecondsAfterFinished"),
        ("a batch was deleted at Google",),
    ):
        assert told.count(line) == 1, told
    assert told[-1] == ("a job is gone",)


@SLOW
def test_a_cancelled_job_and_a_deleted_one(operator: Operator) -> None:
    operator.start()
    operator.submitted("cancelled")
    operator.submitted("deleted")
    operator.set("cancelled", shutdown="Cancel")
    operator.wait_condition("cancelled", "Failed", "Cancelled")
    operator.kubectl("delete", "gbj", "deleted", "--timeout=30s")
    end = ("a job has ended", "Cancelled", "Cancelled")
    eventually(lambda: end in story(operator, "cancelled"))
    told = story(operator, "cancelled")
    assert told.count(("a job is being cancelled", "spec.shutdown")) == 1, told
    eventually(lambda: ("a job is gone",) in story(operator, "deleted"))
    told = story(operator, "deleted")
    assert told.count(("a job is being deleted", "a user or the namespace")) == 1, told
    assert told.count(("a batch was deleted at Google",)) == 1, told


def test_the_first_line_says_what_the_process_works_with(operator: Operator) -> None:
    operator.start("--public-url", "https://receiver.example.com")
    started = records(operator.controller)[0]
    assert started["event"] == "the controller starts"
    assert started["version"]
    assert started["gemini"] == operator.emulator.url
    assert started["namespaces"] == [operator.namespace]
    assert started["public_url"] == "https://receiver.example.com"
    started = records(operator.receiver)[0]
    assert started["event"] == "the receiver starts"
    assert started["version"]
