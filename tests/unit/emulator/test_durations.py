import pytest

from gemini_emulator.durations import duration, named_durations


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("24h", 86400)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "s", "-1s", "1 s", "1d", "１s"])  # noqa: RUF001 - a digit of another script must not pass
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example"):
        duration(text)


def test_names_left_out_keep_their_default() -> None:
    assert named_durations("b=2s", {"a": 1.0, "b": 5.0}) == {"a": 1.0, "b": 2.0}
    assert named_durations("", {"a": 1.0}) == {"a": 1.0}
    assert named_durations(" a = 3s , ", {"a": 1.0}) == {"a": 3.0}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'c' is unknown; known are a, b"):
        named_durations("c=1s", {"a": 1.0, "b": 1.0})
