import pytest
from pydantic import SecretStr

from gemini_operator.gemini import api_key

GOOD = SecretStr("emulator-demo-0000000001")


@pytest.mark.parametrize("key", ["x" * 20, "x" * 512, "!" + "~" * 30, GOOD.get_secret_value()])
def test_s04_visible_ascii_of_20_to_512_characters_is_a_key(key: str) -> None:
    api_key.check(SecretStr(key))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "empty"),
        ("x" * 19, "20 to 512"),
        ("x" * 513, "20 to 512"),
        ("x" * 20 + "\n", "line breaks"),
        (" " * 30, "blanks"),
        ("x" * 10 + " " + "x" * 10, "blanks"),
        ("é" * 30, "ASCII"),
        ("auth_tokens/" + "x" * 20, "Live API"),
    ],
)
def test_s04_anything_else_is_refused_without_being_quoted(key: str, said: str) -> None:
    with pytest.raises(api_key.InvalidKey, match=said) as caught:
        api_key.check(SecretStr(key))
    assert isinstance(caught.value, ValueError)
    assert not key.strip() or key.strip() not in str(caught.value)


def test_s11_a_fingerprint_tells_equal_keys_under_one_salt_and_nothing_else() -> None:
    one = api_key.fingerprint(GOOD, "uid-1")
    assert one == api_key.fingerprint(SecretStr(GOOD.get_secret_value()), "uid-1")
    assert one != api_key.fingerprint(GOOD, "uid-2")
    assert one != api_key.fingerprint(SecretStr("emulator-demo-0000000002"), "uid-1")
    assert len(one) == 16
    assert int(one, 16) >= 0
