from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.controller.lifecycle import uploading
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus, Upload
from gemini_operator.controller.memory import Facts
from tests.unit.controller.builders import NOW, UID, a_job, a_snapshot

FROM_OBJECT = {"input": {"object": {"uri": "s3://bucket/in.jsonl"}}}
NAME = f"files/{UID.replace('-', '')}"


@pytest.mark.parametrize(
    ("newest", "others"),
    [
        (f"{NAME}-1", ()),
        (f"{NAME}-2", (f"{NAME}-1",)),
        (f"{NAME}-9", (f"{NAME}-7", f"{NAME}-8")),
        (f"{NAME}-9999999999", (f"{NAME}-9999999997", f"{NAME}-9999999998")),
        ("files/something-else", ()),
    ],
)
def test_p10_a_deletion_looks_for_earlier_files_too(newest: str, others: tuple[str, ...]) -> None:
    job = a_job(spec=FROM_OBJECT, status={"inputFile": {"fileName": newest}})
    assert uploading.names(job) == (newest, *others)


def test_a_job_without_an_upload_has_no_file() -> None:
    assert uploading.names(a_job(spec=FROM_OBJECT)) == ()
    assert uploading.names(a_job(status={"inputFile": {"fileName": f"{NAME}-1"}})) == ()


def decided(*, doubted: bool = False, **file: Any) -> Decision | None:
    facts = Facts(UID)
    facts.file_doubted = doubted
    status = {"inputFile": file} if file else {}
    return uploading.decide(a_snapshot(facts=facts, spec=FROM_OBJECT, status=status))


def whole(hours: float) -> dict[str, Any]:
    """A file that was uploaded and lives so long."""
    expires = (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "fileName": f"{NAME}-1",
        "bytes": 1,
        "records": 1,
        "sha256": "0" * 64,
        "expirationTime": expires,
    }


def named(decision: Decision | None) -> str:
    """The file that a status announces."""
    assert isinstance(decision, PatchStatus)
    assert decision.status.input_file is not None
    assert decision.status.input_file.sha256 is None
    said = find(decision.status.conditions, SUBMITTED)
    assert said is not None
    assert said.reason == "WaitingToUpload"
    return decision.status.input_file.file_name


def test_p10_a_file_is_named_before_it_is_uploaded() -> None:
    assert uploading.decide(a_snapshot()) is None
    assert named(decided()) == f"{NAME}-1"
    assert decided(fileName=f"{NAME}-1") == Upload(f"{NAME}-1")


def test_a_file_is_used_while_it_lives_long_enough() -> None:
    assert decided(**whole(25)) is None
    assert decided(doubted=True, **whole(25)) == Upload(f"{NAME}-1")
    assert named(decided(**whole(23))) == f"{NAME}-2"


def test_a_lost_file_is_uploaded_under_another_name() -> None:
    assert named(uploading.lost(a_snapshot(spec=FROM_OBJECT))) == f"{NAME}-1"
    status = {"inputFile": whole(47)}
    snapshot = a_snapshot(spec=FROM_OBJECT, status=status)
    assert named(uploading.lost(snapshot)) == f"{NAME}-2"


def test_a_job_that_waits_for_its_turn_says_so_once() -> None:
    snapshot = a_snapshot(spec=FROM_OBJECT)
    first = uploading.waiting(snapshot)
    second = uploading.waiting(snapshot.with_status(first.status))
    assert second.status == first.status


def test_progress_needs_a_name() -> None:
    with pytest.raises(AssertionError):
        uploading.progress(a_snapshot(spec=FROM_OBJECT), 1, 1.0)


def test_s7_a_file_shows_whose_it_is() -> None:
    job = a_job(spec=FROM_OBJECT)
    assert uploading.display_name(job) == f"{job.key.namespace}/{job.key.name} [{UID}]"
