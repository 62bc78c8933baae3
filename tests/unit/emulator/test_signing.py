from pathlib import Path
from typing import Any

import pytest

from gemini_emulator.signing import Message, SigningKeys
from tests.integration.emulator.verification import claims, v1a_keys

MESSAGE = Message("msg_1", 1_750_000_000, b'{"a": "b"}', "https://h/x")
HEADERS = {"webhook-id": MESSAGE.id, "webhook-timestamp": str(MESSAGE.timestamp)}


def signed_by(signature: str, jwks: Any, body: bytes = MESSAGE.body) -> list[int]:
    return v1a_keys(signature, HEADERS, body, jwks)


def test_v1a_signs_id_timestamp_and_body(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path, "v1a")
    signature = keys.signature(MESSAGE)
    assert signed_by(signature, keys.jwks()) == [2]
    assert signed_by(signature, keys.jwks(), MESSAGE.body + b"\n") == []
    moved = {**HEADERS, "webhook-timestamp": "1750000001"}
    assert v1a_keys(signature, moved, MESSAGE.body, keys.jwks()) == []


@pytest.mark.parametrize(("mode", "kinds"), [("v1a", 3), ("jwt", 4), ("both", 4)])
def test_the_key_set_holds_three_ed25519_keys_and_an_rsa_key_for_tokens(
    tmp_path: Path, mode: Any, kinds: int
) -> None:
    jwks = SigningKeys(tmp_path, mode).jwks()["keys"]
    assert [key["kty"] for key in jwks] == ["OKP", "OKP", "OKP", "RSA"][:kinds]
    assert ["kid" in key for key in jwks] == [False, False, False, True][:kinds]


def test_a_token_names_the_address_and_the_event(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path, "jwt")
    found = claims(keys.signature(MESSAGE), keys.jwks())
    assert found["aud"] == MESSAGE.uri
    assert found["jti"] == MESSAGE.id
    assert found["iat"] == MESSAGE.timestamp
    assert found["exp"] == MESSAGE.timestamp + 300


def test_both_signatures_stand_in_one_header(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path, "both")
    first, second = keys.signature(MESSAGE).split(" ")
    assert signed_by(first, keys.jwks()) == [2]
    assert claims(second, keys.jwks())["jti"] == MESSAGE.id


@pytest.mark.parametrize("mode", ["v1a", "jwt", "both"])
def test_keys_are_the_same_after_a_restart(tmp_path: Path, mode: Any) -> None:
    before = SigningKeys(tmp_path, mode).jwks()
    assert SigningKeys(tmp_path, mode).jwks() == before


def test_a_rotation_keeps_two_of_three_and_changes_the_token_key(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path, "both")
    before = keys.jwks()["keys"]
    keys.rotate()
    after = keys.jwks()["keys"]
    assert after[:2] == before[1:3]
    assert after[2] != before[2]
    assert after[3]["kid"] != before[3]["kid"]
    assert signed_by(keys.signature(MESSAGE).split(" ")[0], {"keys": after}) == [2]
    assert SigningKeys(tmp_path, "both").jwks()["keys"] == after
