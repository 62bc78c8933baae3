from pathlib import Path

import pytest

from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import CallbackAddresses, Target
from gemini_operator.callbacks.keys import KeyDirectory
from tests.callback_keys import KEY

PUBLIC_URL = "https://receiver.example/base/"
TARGET = Target(
    "geminibatchjobs", "team-a", "job", "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01", "00000000000000a1"
)


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    (tmp_path / "key-1").write_text(KEY)
    return KeyDirectory(tmp_path, "key-1")


def test_the_address_names_the_job_and_its_attempt_and_the_receiver_knows_it_again(
    keys: KeyDirectory,
) -> None:
    url = CallbackAddresses(PUBLIC_URL, keys).of(TARGET)
    assert url is not None
    assert url.startswith("https://receiver.example/base/v1/callbacks/")
    parsed = address.parse(url.removeprefix("https://receiver.example/base"))
    assert parsed is not None
    target, token = parsed
    assert target == TARGET
    assert address.verify(keys.verifying(), target, token)


def test_p20_without_a_public_url_no_callback_is_asked_for(keys: KeyDirectory) -> None:
    assert CallbackAddresses(None, None).of(TARGET) is None
    assert CallbackAddresses(None, keys).of(TARGET) is None
