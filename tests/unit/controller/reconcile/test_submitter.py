"""What of the submitter needs neither Google nor an API server."""

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.callbacks.address import CallbackAddresses
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.job import Job, JobReader
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.throttle import CAP
from gemini_operator.controller.reconcile.submitter import (
    DEFINITE,
    DISPLAY_LIMIT,
    Submitter,
    of_input,
)
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.tokens import read_token, token_of
from gemini_operator.kube.errors import ApiServerUnavailable
from gemini_operator.payload.requests import BatchInput
from tests.callback_keys import KEY
from tests.unit.controller.builders import (
    ATTEMPT,
    MODEL,
    OTHER_UID,
    UID,
    a_job,
    a_snapshot,
    an_attempt,
    reason_of,
)
from tests.unit.controller.clocks import ManualClock
from tests.unit.controller.quotas import GROUP, Harness

REFUSED_RETRY = 60.0
INPUT = BatchInput(inline=[{"key": "a", "request": {"contents": []}}])


def submission(
    addresses: CallbackAddresses | None = None,
    batch_input: BatchInput = INPUT,
    **spec: Any,
) -> Submission:
    unused: Any = None
    submitter = Submitter(
        unused,
        delivery=unused,
        writer=unused,
        quota=unused,
        addresses=addresses or CallbackAddresses(None, None),
        clock=ManualClock(),
        refused_retry=REFUSED_RETRY,
    )
    attempt = Attempt.model_validate(an_attempt())
    return submitter._submission(a_snapshot(spec=spec), attempt, batch_input)


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ({}, "team-a/job"),
        ({"displayName": "Nightly reviews"}, "Nightly reviews"),
        ({"displayName": "x" * 128}, "x" * DISPLAY_LIMIT),
    ],
)
def test_p09_the_display_name_ends_with_the_attempts_token(
    spec: dict[str, Any], shown: str
) -> None:
    name = submission(**spec).display_name
    assert name == f"{shown} [{UID[:8]}-{ATTEMPT}]"
    assert read_token(name) == token_of(UID, ATTEMPT)


def test_p09_user_metadata_carries_uid_and_attempt_beside_the_users_own() -> None:
    sent = submission(userMetadata={"team": "a", "gemini-operator.io/uid": "forged"})
    assert sent.user_metadata == {
        "team": "a",
        "gemini-operator.io/uid": UID,
        "gemini-operator.io/attempt": ATTEMPT,
    }


def test_the_spec_is_sent_as_it_is() -> None:
    sent = submission(type="EmbedContent", priority=-3)
    assert (sent.model, sent.type, sent.priority) == (MODEL, "EmbedContent", -3)
    assert (sent.inline, sent.file_name) == (INPUT.inline, None)


def test_a_file_is_sent_by_its_name() -> None:
    sent = submission(batch_input=BatchInput(file_name="files/x"))
    assert (sent.inline, sent.file_name) == (None, "files/x")


def test_p20_a_callback_is_asked_for_where_there_is_a_public_url(tmp_path: Path) -> None:
    (tmp_path / "key-1").write_text(KEY)
    addresses = CallbackAddresses("https://r.example", KeyDirectory(tmp_path, "key-1"))
    url = submission(addresses).callback_url
    assert url is not None
    assert f"/team-a/job/{UID}/{ATTEMPT}/" in url
    assert submission().callback_url is None


class WithQuota:
    """A submitter behind a quota of one slot, without a Google to send anything to."""

    def __init__(self) -> None:
        self.harness = Harness(limit=1)
        unused: Any = None
        self._submitter = Submitter(
            unused,
            delivery=unused,
            writer=Writer(unused, self.harness.store, JobReader()),
            quota=self.harness.quota,
            addresses=CallbackAddresses(None, None),
            clock=self.harness.clock,
            refused_retry=REFUSED_RETRY,
        )

    async def submit(self, job: Job) -> PatchStatus:
        key, clients = SecretStr("emulator-demo-0000000001"), GeminiClients(GeminiSettings())
        _, written = await self._submitter.submit(a_snapshot(job), 1, ApiKey(key, GROUP, clients))
        assert isinstance(written, PatchStatus)
        return written


@pytest.mark.parametrize("recreated", [False, True])
async def test_p23_an_object_that_went_while_its_key_was_read_is_not_queued(
    recreated: bool,
) -> None:
    quota = WithQuota()
    old = quota.harness.job(quota.harness.put("a/job"))
    quota.harness.store.remove(old.key)
    if recreated:
        new = a_job(namespace="a", name="job", uid=OTHER_UID, resourceVersion="900")
        quota.harness.store.put(new)
    with pytest.raises(Stale):
        await quota.submit(old)
    assert quota.harness.reserve(quota.harness.put("a/another")) is Admission.ADMITTED


async def test_p23_a_job_without_a_slot_says_so_once_and_has_no_timer() -> None:
    quota = WithQuota()
    assert quota.harness.send(quota.harness.put("a/open"))
    waiting = quota.harness.put("a/waiting", 1)
    write = await quota.submit(quota.harness.job(waiting))
    assert (write.status.state, write.seconds) == ("Queued", math.inf)
    assert reason_of(write.status, "Submitted") == ("False", "Queued")
    quota.harness.write(waiting, **write.status.dump())
    again = await quota.submit(quota.harness.job(waiting))
    assert again.status == write.status
    assert again.seconds == math.inf


async def test_p10_a_throttled_job_says_that_the_quota_is_used_up() -> None:
    quota = WithQuota()
    quota.harness.meets_429(quota.harness.put("a/first"))
    write = await quota.submit(quota.harness.job(quota.harness.put("a/second", 1)))
    assert reason_of(write.status, "Submitted") == ("False", "QuotaExceeded")
    assert write.seconds == math.inf


async def test_p10_a_job_whose_key_is_refused_to_another_says_so_in_our_own_words() -> None:
    quota = WithQuota()
    first, second = quota.harness.put("a/first"), quota.harness.put("b/second", 1)
    assert quota.harness.reserve(first) is Admission.ADMITTED
    quota.harness.write_ahead(first)
    quota.harness.quota.refused(GROUP, quota.harness.job(first))
    quota.harness.clear(first)
    write = await quota.submit(quota.harness.job(second))
    assert reason_of(write.status, "Stalled") == ("True", "CredentialsRejected")
    [said] = [c.message for c in write.status.conditions if c.type == "Stalled"]
    assert "for another job with the same key" in said
    assert write.seconds == REFUSED_RETRY
    quota.harness.queue.take()
    quota.harness.clock.advance(CAP)
    assert second in quota.harness.queue.take()
    assert quota.harness.admits(first, second) == [second]


@pytest.mark.parametrize("kept", [False, True])
def test_p23_a_job_that_fails_before_its_write_ahead_releases_its_slot(
    kept: bool,
) -> None:
    """Unless the write-ahead may have been stored, or the next reconcile comes at once."""
    quota = WithQuota()
    first, second = quota.harness.put("a/first"), quota.harness.put("a/second", 1)
    assert quota.harness.admits(first, second) == [first]
    job = quota.harness.job(first)
    error = ApiServerUnavailable(500, "InternalError", "etcd")
    with (
        pytest.raises(ApiServerUnavailable),
        quota._submitter.reserved_slot(job, kept_on=(ApiServerUnavailable,) if kept else (Stale,)),
    ):
        raise error
    assert quota.harness.queue.take() == ([] if kept else [second])


@pytest.mark.parametrize(
    ("kind", "definite"),
    [
        (errors.Rejected, True),
        (errors.NotFound, True),
        (errors.CredentialsRejected, True),
        (errors.PermissionDenied, True),
        (errors.FileMissing, True),
        (errors.Throttled, True),
        (errors.NotSent, True),
        (errors.Ambiguous, False),
        (errors.Unavailable, False),
        (errors.TooLarge, False),
    ],
)
def test_p10_whatever_is_not_surely_refused_is_unknown(
    kind: type[errors.GeminiError], definite: bool
) -> None:
    assert issubclass(kind, DEFINITE) is definite


FILE = BatchInput(file_name="files/abc-123")


@pytest.mark.parametrize(
    ("status", "message", "batch_input", "missing"),
    [
        (404, "Requested entity was not found.", FILE, True),
        (404, "Requested entity was not found.", INPUT, False),
        (404, "models/nope is not found for API version v1beta", FILE, False),
        (400, "Requested entity was not found.", FILE, False),
    ],
)
def test_p10_a_404_that_names_nothing_is_about_the_file(
    status: int, message: str, batch_input: BatchInput, missing: bool
) -> None:
    error = of_input(errors.Rejected(message, status=status), batch_input)
    assert isinstance(error, errors.FileMissing) is missing
    assert (str(error), error.status) == (message, status)


def test_p10_an_unknown_outcome_is_none_of_the_file() -> None:
    error = errors.Ambiguous("no answer", status=404)
    assert of_input(error, FILE) is error
