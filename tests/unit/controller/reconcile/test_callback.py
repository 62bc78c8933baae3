from pathlib import Path

import pytest

from gemini_operator.api.status import Attempt
from gemini_operator.callbacks import address
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.reconcile.callback import CallbackAddresses
from tests.callback_keys import KEY
from tests.unit.controller.builders import ATTEMPT, UID, a_job, an_attempt

PUBLIC_URL = "https://receiver.example/base/"


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    (tmp_path / "key-1").write_text(KEY)
    return KeyDirectory(tmp_path, "key-1")


def test_the_address_names_the_job_and_its_attempt_and_the_receiver_knows_it_again(
    keys: KeyDirectory,
) -> None:
    url = CallbackAddresses(PUBLIC_URL, keys).of(a_job(), Attempt.model_validate(an_attempt()))
    assert url is not None
    assert url.startswith("https://receiver.example/base/v1/callbacks/")
    parsed = address.parse(url.removeprefix("https://receiver.example/base"))
    assert parsed is not None
    target, token = parsed
    assert target == address.Target("geminibatchjobs", "team-a", "job", UID, ATTEMPT)
    assert address.verify(keys.verifying(), target, token)


def test_p20_without_a_public_url_no_callback_is_asked_for(keys: KeyDirectory) -> None:
    attempt = Attempt.model_validate(an_attempt())
    assert CallbackAddresses(None, None).of(a_job(), attempt) is None
    assert CallbackAddresses(None, keys).of(a_job(), attempt) is None
