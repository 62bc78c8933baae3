import pytest

from gemini_emulator.timestamps import rfc3339, rfc3339_seconds


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_750_000_000.25, "2025-06-15T15:06:40.250000000Z"),
        (1_750_000_000.999, "2025-06-15T15:06:40.999000072Z"),
    ],
)
def test_a_moment_has_nine_digits_of_a_second(moment: float, written: str) -> None:
    assert rfc3339(moment) == written


def test_a_payload_has_whole_seconds() -> None:
    assert rfc3339_seconds(1_750_000_000.999) == "2025-06-15T15:06:40Z"
