from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import InputFile
from gemini_operator.controller.lifecycle import deletion, policies, uploading
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    DeleteRemote,
    PatchStatus,
    Submit,
    Upload,
)
from gemini_operator.controller.lifecycle.status import HEALED_BY_AN_ANSWER, stalled
from gemini_operator.controller.memory import Facts
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    NOW,
    UID,
    a_condition,
    a_job,
    a_snapshot,
    finished,
    reason_of,
    submitted,
    time,
    written,
)

SPEC = {"input": {"object": {"uri": "s3://bucket/in.jsonl"}}}
NAME = f"files/{UID.replace('-', '')}"
FIRST, SECOND = f"{NAME}-1", f"{NAME}-2"
SHA = "0" * 64
HALF = {"state": "Uploading", "inputFile": {"fileName": FIRST, "bytes": 5}}


def a_file(hours: float | None = 48.0, name: str = FIRST, **members: Any) -> dict[str, Any]:
    """A file that was uploaded, and lives for so many hours more."""
    lives = {} if hours is None else {"expirationTime": time(NOW + timedelta(hours=hours))}
    return {"fileName": name, "bytes": 9, "records": 1, "sha256": SHA, **lives, **members}


def with_file(file: dict[str, Any] | None, facts: Facts | None = None, **of_job: Any) -> Any:
    status = {} if file is None else {"inputFile": file}
    return a_snapshot(spec=SPEC, status=status, facts=facts or Facts(UID), **of_job)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"input": {"fileName": "files/a"}},
        {"input": {"configMapKeyRef": {"name": "a", "key": "b"}}},
    ],
    ids=["inline", "file", "ConfigMap"],
)
def test_only_objects_are_uploaded(spec: dict[str, Any]) -> None:
    snapshot = a_snapshot(spec=spec, status={})
    assert uploading.decide(snapshot) is None
    assert uploading.names(snapshot.job) == ()


def test_p10_the_name_is_on_record_before_there_is_a_file() -> None:
    status = written(uploading.decide(with_file(None)))
    assert status.input_file == InputFile(file_name=FIRST)
    assert status.state == "Queued"
    assert reason_of(status, "Submitted") == ("False", Reason.WAITING_TO_UPLOAD)
    # A file id has at most 40 characters.
    assert len(FIRST.removeprefix("files/")) <= 40
    assert uploading.decide(with_file({"fileName": FIRST})) == Upload(FIRST)
    assert uploading.decide(with_file({"fileName": FIRST, "bytes": 5})) == Upload(FIRST)


def test_p10_the_upload_comes_after_the_finalizer_and_before_the_submission() -> None:
    assert policies.decide(with_file(None, has_finalizer=False), None) == AddFinalizer()
    assert policies.decide(with_file({"fileName": FIRST}), None) == Upload(FIRST)
    assert policies.decide(with_file(a_file()), None) == Submit(1)


@pytest.mark.parametrize(
    ("spec", "state"),
    [({"suspend": True}, "Suspended"), ({"shutdown": "Cancel"}, "Cancelled")],
)
def test_nothing_is_uploaded_for_a_job_that_is_not_to_run(spec: dict[str, Any], state: str) -> None:
    snapshot = a_snapshot(spec={**SPEC, **spec}, status={"inputFile": {"fileName": FIRST}})
    assert written(policies.decide(snapshot, None)).state == state


@pytest.mark.parametrize("hours", [None, 48, 24.1])
def test_a_file_that_lives_long_enough_is_used(hours: float | None) -> None:
    assert uploading.decide(with_file(a_file(hours))) is None


@pytest.mark.parametrize("hours", [23.9, 0, -1])
def test_a_file_that_expires_is_uploaded_again_under_another_name(hours: float) -> None:
    status = written(uploading.decide(with_file(a_file(hours))))
    assert status.input_file == InputFile(file_name=SECOND)
    again = written(uploading.decide(with_file(a_file(hours, SECOND))))
    assert again.input_file == InputFile(file_name=f"{NAME}-3")


@pytest.mark.parametrize("hours", [23, -30])
def test_files_that_all_expire_soon_are_not_uploaded_for_ever(hours: float) -> None:
    snapshot = with_file({"fileName": FIRST})
    for _ in range(3):
        file = InputFile.model_validate(a_file(hours, snapshot.status.input_file.file_name))
        snapshot = snapshot.with_status(written(uploading.uploaded(snapshot, file)))
        again = uploading.decide(snapshot)
        if again is None:
            break
        snapshot = snapshot.with_status(written(again))
    assert again is None
    assert snapshot.status.input_file.file_name == SECOND


def test_a_file_that_its_batch_has_is_left_alone() -> None:
    """What is submitted may not need it any more; nobody documents it."""
    snapshot = a_snapshot(spec=SPEC, status=submitted(inputFile=a_file(-1)))
    assert uploading.decide(snapshot) is None


def test_a_file_that_google_did_not_find_is_looked_for() -> None:
    facts = Facts(UID, file_doubted=True)
    snapshot = with_file(a_file(), facts)
    assert uploading.decide(snapshot) == Upload(FIRST)
    assert written(uploading.lost(snapshot)).input_file == InputFile(file_name=SECOND)


@pytest.mark.parametrize("hours", [1, 47], ids=["expires", "lives"])
@pytest.mark.parametrize(
    "name", ["files/abc", "files/abc-2", f"{NAME}-0", f"{NAME}-02", f"{NAME}-x", f"{NAME}-{10**80}"]
)
def test_s07_a_file_that_is_not_the_jobs_is_not_used(name: str, hours: float) -> None:
    """Others may be able to write the status."""
    status = written(uploading.decide(with_file(a_file(hours, name))))
    assert status.input_file == InputFile(file_name=FIRST)


def test_a_name_from_elsewhere_is_counted_from_the_start() -> None:
    """Others may be able to write the status."""
    assert written(uploading.lost(with_file(None))).input_file == InputFile(file_name=FIRST)


def test_names_that_google_refuses_as_taken_are_passed_over_a_few_times() -> None:
    snapshot, names = with_file({"fileName": FIRST}), [FIRST]
    while (another := uploading.name_taken(snapshot)) is not None:
        snapshot = snapshot.with_status(written(another))
        names.append(snapshot.status.input_file.file_name)
    assert names == [FIRST, SECOND, SECOND[:-1] + "3", SECOND[:-1] + "4"]


def test_progress_shows_what_google_has() -> None:
    write = uploading.progress(with_file({"fileName": FIRST}), 2**20, None, 10.0)
    assert write.status.state == "Uploading"
    assert write.status.input_file == InputFile(file_name=FIRST, bytes=2**20)
    assert reason_of(write.status, "Submitted") == ("False", Reason.UPLOADING)
    assert write.seconds == 10.0
    with pytest.raises(AssertionError):
        uploading.progress(with_file(None), 1, None, 10.0)


@pytest.mark.parametrize(
    ("moved", "total", "shown"),
    [
        (120 * 2**20 + 5, 2047 * 2**20 - 3, "Copied 120 of 2047 MiB."),
        (0, 5, "Copied 0 of 1 MiB."),
        (2**23, None, "Copied 8 MiB."),
    ],
)
def test_progress_says_how_far_it_is(moved: int, total: int | None, shown: str) -> None:
    write = uploading.progress(with_file({"fileName": FIRST}), moved, total, 10.0)
    [submitted] = write.status.conditions
    assert submitted.message == f"{Reason.UPLOADING.message} {shown}"


def with_problem(reason: str, submitted: str | None = None, **of_status: Any) -> Any:
    conditions = [
        a_condition("Submitted", "False", submitted or reason),
        a_condition("Stalled", "False", reason, message="What is missing."),
    ]
    status = {"inputFile": {"fileName": FIRST}, "conditions": conditions, **of_status}
    return a_snapshot(spec=SPEC, status=status)


@pytest.mark.parametrize("reason", ["InputMissing", "InputRefused", "RemoteUnavailable"])
def test_a_try_of_what_was_missing_is_no_news_until_google_has_some_of_it(reason: str) -> None:
    assert not uploading.is_news(with_problem(reason), 0)
    assert uploading.is_news(with_problem(reason), 1)
    throttled = {"conditions": [a_condition("Submitted", "False", "QuotaExceeded")]}
    assert not uploading.is_news(a_snapshot(spec=SPEC, status=throttled), 0)
    assert uploading.is_news(with_file({"fileName": FIRST}), 0)


@pytest.mark.parametrize("reason", ["InputMissing", "InputRefused", "RemoteUnavailable"])
def test_what_is_missing_is_said_while_the_job_waits_for_its_turn(reason: str) -> None:
    for said in ("WaitingToUpload", "Uploading", reason):
        write = uploading.waiting(with_problem(reason, said))
        assert reason_of(write.status, "Submitted") == ("False", reason)
        assert reason_of(write.status, "Stalled") == ("False", reason)
    assert write.status == with_problem(reason).status.model_copy(
        update={"state": "Queued", "observed_generation": write.status.observed_generation}
    )


@pytest.mark.parametrize("reason", sorted(uploading.BEFORE_A_COPY))
def test_what_is_over_before_a_copy_is_not_said_while_the_job_waits(reason: str) -> None:
    write = uploading.waiting(with_problem(reason))
    assert reason_of(write.status, "Submitted") == ("False", Reason.WAITING_TO_UPLOAD)
    assert reason_of(write.status, "Stalled") is None


@pytest.mark.parametrize("said", ["WaitingToUpload", "Uploading", "InputMissing"])
def test_submitted_says_what_keeps_an_input_from_being_copied(said: str) -> None:
    snapshot = with_problem("InputMissing", said, state="Uploading")
    write = stalled(snapshot, Reason.OUTPUT_REFUSED, "No bucket.")
    assert reason_of(write.status, "Submitted") == ("False", Reason.OUTPUT_REFUSED)
    assert reason_of(write.status, "Stalled") == ("False", Reason.OUTPUT_REFUSED)
    assert write.status.state == "Queued"


def test_a_problem_ends_what_is_said_of_a_copy_and_keeps_a_whole_file() -> None:
    condition = a_condition("Submitted", "False", "Uploading")
    half = a_snapshot(spec=SPEC, status={**HALF, "conditions": [condition]})
    assert stalled(half, Reason.REMOTE_UNAVAILABLE, "").status.input_file == InputFile(
        file_name=FIRST
    )
    whole = a_snapshot(spec=SPEC, status={"inputFile": a_file(), "conditions": [condition]})
    assert stalled(whole, Reason.INTERNAL, "").status.input_file == InputFile.model_validate(
        a_file()
    )


@pytest.mark.parametrize(
    ("spec", "state"), [({"suspend": True}, "Suspended"), ({"shutdown": "Cancel"}, "Cancelled")]
)
def test_a_copy_that_a_person_stops_shows_nothing_as_copied(
    spec: dict[str, Any], state: str
) -> None:
    for status, file in [(HALF, {"fileName": FIRST}), ({"inputFile": a_file()}, a_file())]:
        after = written(policies.decide(a_snapshot(spec={**SPEC, **spec}, status=status), None))
        assert (after.state, after.input_file) == (state, InputFile.model_validate(file))


@pytest.mark.parametrize("said", ["Queued", "Uploaded", "QuotaExceeded"])
def test_a_problem_leaves_what_else_submitted_says(said: str) -> None:
    status = {
        "inputFile": a_file(),
        "conditions": [a_condition("Submitted", "False", said)],
    }
    write = stalled(a_snapshot(spec=SPEC, status=status), Reason.CREDENTIALS_MISSING, "")
    assert reason_of(write.status, "Submitted") == ("False", said)


def test_a_job_that_waits_for_its_turn_says_so_once() -> None:
    first = uploading.waiting(with_file({"fileName": FIRST}))
    assert first.seconds == float("inf")
    assert reason_of(first.status, "Submitted") == ("False", Reason.WAITING_TO_UPLOAD)
    again = uploading.waiting(a_snapshot(spec=SPEC, status=first.status.dump()))
    assert again.status == first.status


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Resumed", Reason.WAITING_TO_UPLOAD),
        ("QuotaExceeded", Reason.QUOTA_EXCEEDED),
        ("InputMissing", Reason.INPUT_MISSING),
    ],
)
def test_a_job_that_rests_says_what_it_waits_for(said: str, shown: Reason) -> None:
    status = {
        "inputFile": {"fileName": FIRST},
        "conditions": [a_condition("Submitted", "False", said)],
    }
    write = uploading.resting(a_snapshot(spec=SPEC, status=status), 60.0)
    assert reason_of(write.status, "Submitted") == ("False", shown)
    assert write.seconds == 60.0


def test_a_job_that_waits_again_after_a_restart_shows_nothing_as_copied() -> None:
    condition = a_condition("Submitted", "False", "Uploading")
    half = a_snapshot(spec=SPEC, status={**HALF, "conditions": [condition]})
    write = uploading.waiting(half)
    assert (write.status.state, write.status.input_file) == ("Queued", InputFile(file_name=FIRST))


@pytest.mark.parametrize("reason", sorted(HEALED_BY_AN_ANSWER))
def test_an_upload_ends_the_trouble_before_it(reason: str) -> None:
    trouble = a_condition("Stalled", "False", reason)
    snapshot = a_snapshot(
        spec=SPEC, status={"inputFile": {"fileName": FIRST}, "conditions": [trouble]}
    )
    file = InputFile.model_validate(a_file())
    write = uploading.uploaded(snapshot, file)
    assert isinstance(write, PatchStatus)
    assert write.status.input_file == file
    assert (write.status.state, write.seconds) == ("Queued", None)
    assert reason_of(write.status, "Submitted") == ("False", Reason.UPLOADED)
    assert reason_of(write.status, "Stalled") is None


@pytest.mark.parametrize(
    ("newest", "others"),
    [
        (FIRST, ()),
        (SECOND, (FIRST,)),
        (f"{NAME}-9", (f"{NAME}-7", f"{NAME}-8")),
        (f"{NAME}-9999999999", (f"{NAME}-9999999997", f"{NAME}-9999999998")),
        ("files/something-else", ()),
    ],
)
def test_p10_a_deletion_looks_for_earlier_files_too(newest: str, others: tuple[str, ...]) -> None:
    job = a_job(spec=SPEC, status={"inputFile": {"fileName": newest}})
    assert uploading.names(job) == (newest, *others)


@pytest.mark.parametrize("status", [{}, submitted(), finished()], ids=["waits", "runs", "over"])
def test_a_deletion_takes_the_file_too(status: dict[str, Any]) -> None:
    snapshot = a_snapshot(spec=SPEC, status={**status, "inputFile": a_file()}, deleting=True)
    decision = deletion.decide(snapshot)
    assert isinstance(decision, DeleteRemote)
    assert decision.files == (FIRST,)


def test_s07_the_display_name_tells_whose_a_file_is() -> None:
    job = a_job(spec=SPEC)
    assert uploading.display_name(job) == f"{job.key.namespace}/{job.key.name} [{UID}]"


@pytest.mark.parametrize("reason", [Reason.INPUT_MISSING, Reason.INPUT_REFUSED])
def test_an_input_that_cannot_be_read_is_not_being_copied(reason: Reason) -> None:
    snapshot = a_snapshot(
        spec=SPEC, status={"state": "Uploading", "inputFile": {"fileName": FIRST, "bytes": 5}}
    )
    write = uploading.unread(snapshot, reason, "There is no such object.")
    assert write.status.state == "Queued"
    assert reason_of(write.status, "Submitted") == ("False", reason)
    # It is stalled after five minutes.
    assert reason_of(write.status, "Stalled") == ("False", reason)
    assert [event.reason for event in write.events] == [reason]
    again = uploading.unread(
        a_snapshot(spec=SPEC, status=write.status.dump()), reason, "There is no such object."
    )
    assert (again.status, again.events) == (write.status, ())


def test_a_throttled_upload_waits_like_a_throttled_create() -> None:
    known = [
        a_condition("Submitted", "False", "Uploading"),
        a_condition("Stalled", "False", "RemoteUnavailable"),
    ]
    error = errors.Throttled("files.upload: Google answered 429", retry_after=90.0)
    snapshot = a_snapshot(spec=SPEC, status={**HALF, "conditions": known})
    write = uploading.throttled(snapshot, error, 90.0)
    assert (write.status.state, write.seconds) == ("Queued", 90.0)
    assert write.status.input_file == InputFile(file_name=FIRST)
    assert reason_of(write.status, "Submitted") == ("False", Reason.QUOTA_EXCEEDED)
    assert reason_of(write.status, "Stalled") is None
    [event] = write.events
    assert (event.reason, str(error) in event.note) == (Reason.QUOTA_EXCEEDED, True)
    again = uploading.throttled(
        a_snapshot(spec=SPEC, status=write.status.dump()), errors.Throttled("others"), 5.0
    )
    assert (again.status, again.events) == (write.status, ())


def test_an_upload_for_which_google_has_no_room_says_what_makes_room() -> None:
    known = [a_condition("Submitted", "False", "QuotaExceeded")]
    snapshot = a_snapshot(spec=SPEC, status={**HALF, "state": "Queued", "conditions": known})
    write = uploading.throttled(snapshot, errors.StorageFull("files.upload: 429"), 90.0)
    assert (write.status.state, write.seconds) == ("Queued", 90.0)
    assert reason_of(write.status, "Submitted") == ("False", Reason.FILE_STORAGE_FULL)
    [event] = write.events
    assert event.note.startswith("Google has no room for the input")
    assert "files.upload: 429" in event.note
    assert not uploading.is_news(a_snapshot(spec=SPEC, status=write.status.dump()), 0)


def test_a_whole_file_keeps_its_size_while_google_throttles_the_look_at_it() -> None:
    write = uploading.throttled(with_file(a_file()), errors.Throttled("429"), 5.0)
    assert write.status.input_file == InputFile.model_validate(a_file())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.CredentialsRejected("files.upload: Google answered 401"), "rejected the Gemini"),
        (errors.PermissionDenied("files.upload: Google answered 403"), "does not permit"),
    ],
)
def test_an_upload_that_google_refuses_the_key_stalls_the_job(
    error: errors.CredentialsRejected, words: str
) -> None:
    write = uploading.refused(a_snapshot(spec=SPEC, status=HALF), error)
    assert (write.status.state, write.retry) == ("Queued", True)
    assert write.status.input_file == InputFile(file_name=FIRST)
    assert reason_of(write.status, "Submitted") == ("False", Reason.CREDENTIALS_REJECTED)
    assert reason_of(write.status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert words in write.events[0].note
    assert str(error) in write.events[0].note
