"""What of the submitter needs neither Google nor an API server."""

from pathlib import Path
from typing import Any

import pytest

from gemini_operator.api.status import Attempt
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.callback import CallbackAddresses
from gemini_operator.controller.submitter import DEFINITE, DISPLAY_LIMIT, Submitter
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.tokens import read_token, token_of
from gemini_operator.payload.requests import BatchInput
from tests.unit.controller.builders import ATTEMPT, MODEL, UID, a_view, an_attempt
from tests.unit.controller.clocks import ManualClock

INPUT = BatchInput(inline=[{"key": "a", "request": {"contents": []}}])


def submission(
    addresses: CallbackAddresses | None = None,
    batch_input: BatchInput = INPUT,
    **spec: Any,
) -> Submission:
    submitter = Submitter(
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        addresses or CallbackAddresses(None, None),
        ManualClock(),
        refused_retry=60.0,
    )
    attempt = Attempt.model_validate(an_attempt())
    return submitter._submission(a_view(spec=spec), attempt, batch_input)


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
    (tmp_path / "key-1").write_text("ab" * 32)
    addresses = CallbackAddresses("https://r.example", KeyDirectory(tmp_path, "key-1"))
    url = submission(addresses).callback_url
    assert url is not None
    assert f"/team-a/job/{UID}/{ATTEMPT}/" in url
    assert submission().callback_url is None


@pytest.mark.parametrize(
    ("kind", "definite"),
    [
        (errors.Rejected, True),
        (errors.NotFound, True),
        (errors.CredentialsRejected, True),
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
