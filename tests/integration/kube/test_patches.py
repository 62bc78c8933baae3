"""Every row of protocol A, against the API server whose behaviour it claims."""

import asyncio
from typing import Any

import pytest

from gemini_operator.kube import patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.errors import Conflict, Invalid, ObjectNotFound
from tests.integration.kube.conftest import JobMaker

FINALIZER = "gemini-operator.io/batch"
FOREIGN = "example.com/other"
ATTEMPT = "0123456789abcdef"
NAMED = {"attempt/batchName": "batches/1", "batchName": "batches/1"}
OTHER_ATTEMPT = "fedcba9876543210"
OTHER_UID = "00000000-0000-4000-8000-000000000000"
EVENT = {
    "id": "event-1",
    "type": "batch.succeeded",
    "attempt": ATTEMPT,
    "remoteName": "batches/one",
    "time": "2026-05-04T12:00:00Z",
}


def attempt(identifier: str = ATTEMPT) -> dict[str, Any]:
    return {"id": identifier, "number": 1, "startTime": "2026-05-04T12:00:00Z"}


def key(job: dict[str, Any]) -> tuple[str, str]:
    return job["metadata"]["namespace"], job["metadata"]["name"]


def version(job: dict[str, Any]) -> str:
    return str(job["metadata"]["resourceVersion"])


async def test_a_finalizer_joins_a_foreign_one(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job(finalizers=[FOREIGN])
    body = patches.add_finalizer(job["metadata"], FINALIZER)
    after = await jobs.patch(*key(job), body, merge=True)
    assert after["metadata"]["finalizers"] == [FOREIGN, FINALIZER]


async def test_a_finalizer_can_be_the_first(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job()
    body = patches.add_finalizer(job["metadata"], FINALIZER)
    after = await jobs.patch(*key(job), body, merge=True)
    assert after["metadata"]["finalizers"] == [FINALIZER]


async def test_why_not_otherwise_a_merged_item_drops_foreign_finalizers(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(finalizers=[FOREIGN])
    naive = {"metadata": {"finalizers": [FINALIZER]}}
    after = await jobs.patch(*key(job), naive, merge=True)
    assert after["metadata"]["finalizers"] == [FINALIZER]


async def test_why_not_otherwise_a_json_add_to_an_absent_list_is_422(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job()
    naive = [{"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER}]
    with pytest.raises(Invalid):
        await jobs.patch(*key(job), naive, merge=False)


async def test_a_finalizer_is_not_added_over_an_unseen_change(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job()
    await jobs.patch(*key(job), {"metadata": {"finalizers": [FOREIGN]}}, merge=True)
    with pytest.raises(Conflict):
        await jobs.patch(*key(job), patches.add_finalizer(job["metadata"], FINALIZER), merge=True)


async def test_a_finalizer_is_removed_from_between_foreign_ones(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(finalizers=[FOREIGN, FINALIZER, "example.com/third"])
    body = patches.remove_finalizer(job["metadata"], FINALIZER)
    after = await jobs.patch(*key(job), body, merge=False)
    assert after["metadata"]["finalizers"] == [FOREIGN, "example.com/third"]


async def test_a_finalizer_that_moved_is_not_removed_blindly(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(finalizers=[FINALIZER])
    moved = {"metadata": {"finalizers": [FOREIGN, FINALIZER]}}
    await jobs.patch(*key(job), moved, merge=True)
    with pytest.raises(Invalid) as refused:
        await jobs.patch(
            *key(job), patches.remove_finalizer(job["metadata"], FINALIZER), merge=False
        )
    assert not refused.value.has_causes


async def test_a_finalizer_of_a_recreated_object_is_not_removed(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(finalizers=[FINALIZER])
    stale = {**job["metadata"], "uid": OTHER_UID}
    with pytest.raises(Invalid):
        await jobs.patch(*key(job), patches.remove_finalizer(stale, FINALIZER), merge=False)


async def test_removing_the_last_finalizer_of_a_deleted_job_ends_it(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(finalizers=[FINALIZER])
    await jobs.delete(*key(job), job["metadata"]["uid"])
    await jobs.patch(*key(job), patches.remove_finalizer(job["metadata"], FINALIZER), merge=False)
    with pytest.raises(ObjectNotFound):
        await jobs.get(*key(job))


async def test_p07_a_write_ahead_is_stored_and_clears_what_is_absent(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    old = {"batchName": "batches/old", "geminiState": "BATCH_STATE_FAILED", "attempt": attempt()}
    old["attempt"] = {**attempt(), "batchName": "batches/old"}
    job = make_job(status=old)
    new = {"state": "Submitting", "attempt": attempt(OTHER_ATTEMPT)}
    body = patches.status_patch(job["status"], new, version(job))
    after = await jobs.patch_status(*key(job), body, merge=True)
    assert after["status"] == new


async def test_a_status_write_on_a_stale_version_is_a_conflict(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"state": "Queued"})
    first = patches.status_patch(job["status"], {"state": "Pending"}, version(job))
    await jobs.patch_status(*key(job), first, merge=True)
    second = patches.status_patch(job["status"], {"state": "Running"}, version(job))
    with pytest.raises(Conflict):
        await jobs.patch_status(*key(job), second, merge=True)


async def test_a_status_write_to_a_recreated_job_is_a_conflict(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"state": "Queued"})
    await jobs.delete(*key(job), job["metadata"]["uid"])
    make_job(status={"state": "Queued"})
    body = patches.status_patch(job["status"], {"state": "Pending"}, version(job))
    with pytest.raises(Conflict):
        await jobs.patch_status(*key(job), body, merge=True)


async def test_why_not_otherwise_a_uid_in_a_merge_patch_is_ignored(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"state": "Queued"})
    naive = {"metadata": {"uid": OTHER_UID}, "status": {"state": "Pending"}}
    after = await jobs.patch_status(*key(job), naive, merge=True)
    assert after["status"]["state"] == "Pending"


async def test_the_controller_does_not_touch_an_event_recorded_before_its_write(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"state": "Pending", "attempt": attempt(), "lastEvent": EVENT})
    new = {"state": "Running", "attempt": attempt()}
    body = patches.status_patch(job["status"], new, version(job))
    after = await jobs.patch_status(*key(job), body, merge=True)
    assert after["status"] == {**new, "lastEvent": EVENT}


async def test_a_batch_name_lands_whatever_the_receiver_writes_meanwhile(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    async def record(job: dict[str, Any], number: int) -> None:
        event = {**EVENT, "id": f"event-{number}"}
        body = patches.record_event(job["metadata"]["uid"], ATTEMPT, event)
        await jobs.patch_status(*key(job), body, merge=False)

    async def name(job: dict[str, Any]) -> None:
        body = patches.name_batch(job["metadata"]["uid"], ATTEMPT, NAMED)
        await jobs.patch_status(*key(job), body, merge=False)

    for number in range(5):
        job = make_job(f"job-{number}", status={"attempt": attempt()})
        records = [record(job, number) for number in range(10)]
        await asyncio.gather(*records[:5], name(job), *records[5:])
        status = (await jobs.get(*key(job)))["status"]
        assert status["batchName"] == status["attempt"]["batchName"] == "batches/1"
        assert status["lastEvent"]["id"].startswith("event-")


async def test_p14_a_batch_name_that_comes_late_changes_nothing(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    """A leader that was suspended after its create must not reopen what another one has ended."""
    job = make_job(status={"attempt": attempt()})
    body = patches.name_batch(job["metadata"]["uid"], ATTEMPT, {**NAMED, "state": "Pending"})
    named = await jobs.patch_status(*key(job), body, merge=False)
    ended = {**named["status"], "state": "Succeeded"}
    patch = patches.status_patch(named["status"], ended, version(named))
    await jobs.patch_status(*key(job), patch, merge=True)
    with pytest.raises(Invalid) as refused:
        await jobs.patch_status(*key(job), body, merge=False)
    assert not refused.value.has_causes
    assert (await jobs.get(*key(job)))["status"]["state"] == "Succeeded"


@pytest.mark.parametrize(
    ("uid", "identifier"), [(OTHER_UID, ATTEMPT), (None, OTHER_ATTEMPT)], ids=["uid", "attempt"]
)
async def test_p14_a_batch_name_for_another_object_or_attempt_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker, uid: str | None, identifier: str
) -> None:
    job = make_job(status={"attempt": attempt()})
    body = patches.name_batch(uid or job["metadata"]["uid"], identifier, {"batchName": "batches/1"})
    with pytest.raises(Invalid) as refused:
        await jobs.patch_status(*key(job), body, merge=False)
    assert not refused.value.has_causes
    assert (await jobs.get(*key(job)))["status"] == job["status"]


async def test_an_event_is_recorded_where_deletion_and_end_are_missing_paths(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"attempt": attempt()})
    body = patches.record_event(job["metadata"]["uid"], ATTEMPT, EVENT)
    after = await jobs.patch_status(*key(job), body, merge=False)
    assert after["status"] == {"attempt": attempt(), "lastEvent": EVENT}


async def test_p19_the_same_event_again_writes_nothing(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job(status={"attempt": attempt()})
    body = patches.record_event(job["metadata"]["uid"], ATTEMPT, EVENT)
    first = await jobs.patch_status(*key(job), body, merge=False)
    second = await jobs.patch_status(*key(job), body, merge=False)
    assert version(first) == version(second)


async def refused_event(
    jobs: BatchJobs, job: dict[str, Any], uid: str = "", identifier: str = ATTEMPT
) -> Invalid:
    body = patches.record_event(uid or job["metadata"]["uid"], identifier, EVENT)
    with pytest.raises(Invalid) as refused:
        await jobs.patch_status(*key(job), body, merge=False)
    return refused.value


async def test_s14_an_event_for_another_uid_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"attempt": attempt()})
    assert not (await refused_event(jobs, job, uid=OTHER_UID)).has_causes


async def test_s14_an_event_for_a_superseded_attempt_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"attempt": attempt()})
    assert not (await refused_event(jobs, job, identifier=OTHER_ATTEMPT)).has_causes


async def test_s14_an_event_for_a_finished_job_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    ended = {"attempt": attempt(), "completionTime": "2026-05-04T12:30:00Z"}
    assert not (await refused_event(jobs, make_job(status=ended))).has_causes


async def test_s14_an_event_for_a_job_that_is_being_deleted_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status={"attempt": attempt()}, finalizers=[FINALIZER])
    await jobs.delete(*key(job), job["metadata"]["uid"])
    assert not (await refused_event(jobs, job)).has_causes


async def test_s14_an_event_before_any_attempt_is_refused_without_causes(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    assert not (await refused_event(jobs, make_job())).has_causes


async def test_an_event_for_a_job_that_is_gone_is_not_found(
    jobs: BatchJobs, namespace: str
) -> None:
    body = patches.record_event(OTHER_UID, ATTEMPT, EVENT)
    with pytest.raises(ObjectNotFound):
        await jobs.patch_status(namespace, "gone", body, merge=False)


async def test_s13_a_schema_refusal_has_causes(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job(status={"attempt": attempt()})
    odd = {**EVENT, "id": 7}
    body = patches.record_event(job["metadata"]["uid"], ATTEMPT, odd)
    with pytest.raises(Invalid) as refused:
        await jobs.patch_status(*key(job), body, merge=False)
    assert refused.value.has_causes


async def test_a_delete_with_another_uid_is_a_conflict(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job()
    with pytest.raises(Conflict):
        await jobs.delete(*key(job), OTHER_UID)
    assert (await jobs.get(*key(job)))["metadata"]["uid"] == job["metadata"]["uid"]


async def test_a_delete_with_the_right_uid_deletes(jobs: BatchJobs, make_job: JobMaker) -> None:
    job = make_job()
    await jobs.delete(*key(job), job["metadata"]["uid"])
    with pytest.raises(ObjectNotFound):
        await jobs.get(*key(job))
