"""What a job says that was refused before anything was submitted."""

from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.reconcile.adopter import Adopter
from gemini_operator.controller.reconcile.refusals import before_submission
from gemini_operator.controller.reconcile.uploader import Uploader
from gemini_operator.payload.config_map import DeliveryRefused, OutputRefused
from gemini_operator.payload.objects.errors import (
    BucketMissing,
    InvalidReference,
    InvalidUri,
    NotAllowed,
    ObjectError,
    SourceMissing,
)
from gemini_operator.payload.requests import InputMissing, InvalidInput
from gemini_operator.payload.results import ResultsTooLarge
from tests.unit.controller.builders import a_snapshot, reason_of, submitted

REPLACE = "(kubectl replace --force -f FILE)"
CHANGED_INPUT = {
    "input": {"object": {"uri": "s3://bucket/ä"}},
    "output": {"object": {"uri": "s3://bucket/ä"}},
}


def shown(write: PatchStatus, condition: str) -> str:
    """The reason of a condition, which becomes True a little later if it is `Stalled`."""
    found = reason_of(write.status, condition)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidInput("no"), "InvalidInput"),
        (ResultsTooLarge("no"), "OutputTooLarge"),
        (DeliveryRefused("no"), "DeliveryFailed"),
        (InvalidUri("no"), "DeliveryFailed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_put_right_in_the_job_ends_it_and_names_the_command(
    error: Exception, reason: str
) -> None:
    write = before_submission(a_snapshot(), error)
    assert reason_of(write.status, "Failed") == ("True", reason)
    [event] = write.events
    assert "othing was submitted" in event.note
    assert REPLACE in event.note
    assert "at Google" not in event.note
    assert len(event.note) <= 1024


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputMissing("no"), "InputMissing"),
        (OutputRefused("no"), "OutputRefused"),
        (BucketMissing("no"), "OutputRefused"),
        (InvalidReference("the Secret is wrong"), "OutputRefused"),
        (NotAllowed("no"), "OutputRefused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_can_be_put_right_stalls_the_job(error: Exception, reason: str) -> None:
    write = before_submission(a_snapshot(), error)
    assert shown(write, "Stalled") == reason
    assert reason_of(write.status, "Failed") is None


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (InvalidUri("s3://bucket/a//b has nothing"), True),
        (InvalidReference("Secret a has no key b"), False),
        (SourceMissing("no"), False),
        (NotAllowed("a private address"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_input_ends_its_job_only_if_its_uri_is_wrong(error: ObjectError, ends: bool) -> None:
    def take(*_: Any) -> None:
        raise error

    unused: Any = None
    transfers: Any = SimpleNamespace(take=take)
    uploader = Uploader(unused, unused, unused, transfers, unused)
    status = {"inputFile": {"fileName": "files/a-1"}}
    write = uploader._ended(a_snapshot(spec=CHANGED_INPUT, status=status), unused)
    assert reason_of(write.status, "Failed") == (("True", "InvalidInput") if ends else None)
    assert (reason_of(write.status, "Stalled") is None) is ends
    assert (REPLACE in write.events[0].note) is ends


@pytest.mark.parametrize(
    ("error", "condition", "reason"),
    [
        (InvalidUri("s3://bucket/a//b has nothing"), "Failed", "DeliveryFailed"),
        (DeliveryRefused("no"), "Failed", "DeliveryFailed"),
        (InvalidReference("Secret a has no key b"), "Stalled", "OutputRefused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_an_adoption_ends_if_the_uri_of_its_output_is_wrong(
    error: Exception, condition: str, reason: str
) -> None:
    async def check(*_: Any) -> None:
        raise error

    adopter: Any = SimpleNamespace(_delivery=SimpleNamespace(check=check))
    write = await Adopter._without_output(adopter, a_snapshot())
    assert write is not None
    assert shown(write, condition) == reason
    if condition == "Failed":
        assert write.events[0].note.startswith("Nothing was adopted")
        assert REPLACE in write.events[0].note


def test_a_stored_uri_may_be_older_than_the_rules_of_today() -> None:
    """The object can be read, so that its job can end."""
    job = a_snapshot(spec=CHANGED_INPUT, status=submitted()).job
    assert job.spec.input is not None
    assert job.spec.input.object is not None
    assert job.spec.input.object.uri == "s3://bucket/ä"
