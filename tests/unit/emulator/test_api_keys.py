import pytest

from gemini_emulator.api_keys import project_of_key
from gemini_emulator.errors import ApiError


def test_two_keys_of_one_project_differ_behind_its_name() -> None:
    assert project_of_key("emulator-demo-0000000001") == project_of_key("emulator-demo-0000000002")
    assert project_of_key("emulator-demo-0000000001") == "demo"
    assert project_of_key("emulator-other-000000001") == "other"


def test_a_key_without_a_project_is_one_of_its_own() -> None:
    first, second = (
        project_of_key("emulator-00000000000001"),
        project_of_key("emulator-00000000000002"),
    )
    assert first != second
    assert "00000000000001" not in first


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a.b", "x" * 41, ""])
def test_a_project_is_never_more_than_a_name(name: str) -> None:
    """It becomes the name of a folder."""
    assert project_of_key(f"emulator-{name}-0000000000001").startswith("key-")


@pytest.mark.parametrize(
    ("key", "code", "reason"),
    [
        (None, 403, None),
        ("", 403, None),
        ("emulator-1234567890", 400, "API_KEY_INVALID"),
        ("AIzaSy-looks-real-but-is-not", 400, "API_KEY_INVALID"),
        ("xemulator-demo-0000000001", 400, "API_KEY_INVALID"),
        ("emulator-demo-000000000\n", 400, "API_KEY_INVALID"),
        ("emulator-unauthenticated-1", 401, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("emulator-forbidden-0000001", 403, "SERVICE_DISABLED"),
    ],
)
def test_s24_only_keys_of_the_emulator_are_accepted(
    key: str | None, code: int, reason: str | None
) -> None:
    with pytest.raises(ApiError) as caught:
        project_of_key(key)
    error = caught.value.body()["error"]
    assert error["code"] == code
    assert [detail["reason"] for detail in error.get("details", [])] == ([reason] if reason else [])
    assert not key or key not in str(error)
