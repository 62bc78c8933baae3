"""What an Event with a message that is too long still says."""

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.kube.events import MESSAGE_LIMIT, _message


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.value)
@pytest.mark.parametrize(
    "detail", ["word " * 1000, "ä" * 5000, "🙂" * 5000, "z" * 5000], ids=["words", "2", "4", "one"]
)
def test_an_event_says_what_is_wrong_and_what_to_do_however_long_its_details_are(
    reason: Reason, detail: str
) -> None:
    what, *to_do = reason.explain("\0").split("\0.")
    message = _message(reason.explain(detail))
    assert message.startswith(what.strip())
    assert message.endswith("".join(to_do).strip())
    assert 980 <= len(message.encode()) <= MESSAGE_LIMIT
    assert "�" not in message


@pytest.mark.parametrize("size", [MESSAGE_LIMIT - 1, MESSAGE_LIMIT])
def test_a_message_that_fits_stays_as_it_is(size: int) -> None:
    assert _message("a" * size) == "a" * size


def test_s22_a_message_has_one_line_and_no_control_characters() -> None:
    assert _message("a\n\x1b[31mb\u202ec") == "a b c"
