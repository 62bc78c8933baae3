import re

import pytest

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.group import RESOLVE_SUBMISSION
from gemini_operator.api.reasons import Reason


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_camel_case_word_named_like_its_constant(reason: Reason) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+", reason)
    assert reason.name == re.sub(r"(?<!^)(?=[A-Z])", "_", reason).upper()
    assert str(reason) == reason.value


@pytest.mark.parametrize("reason", Reason)
def test_a_message_is_one_or_more_sentences(reason: Reason) -> None:
    assert re.match(r"[A-Z]|spec\.", reason.message)
    assert reason.message.endswith(".")
    assert "  " not in reason.message
    assert reason.message.isascii()
    assert len(reason.message) < 400


@pytest.mark.parametrize(
    "reason",
    [each for each in Reason if {ConditionType.FAILED, ConditionType.STALLED} & {*each.conditions}],
)
def test_a_message_about_a_fault_says_what_to_do(reason: Reason) -> None:
    assert re.search(
        r"\b([Cc]reate|Fix|Put|Restore|annotate|report|Delete|set|download|apply)\b",
        reason.message,
    )


def test_reasons_have_messages_of_their_own() -> None:
    assert len({reason.message for reason in Reason}) == len(Reason)


@pytest.mark.parametrize(
    ("particulars", "sentence"),
    [
        ("The Secret x does not exist.", "The Secret x does not exist."),
        ("the Secret x does not exist", "The Secret x does not exist."),
        ("batches.create: Google answered 403", "batches.create: Google answered 403."),
        ("s3://bucket/a does not exist.", "s3://bucket/a does not exist."),
        ("Google said no..", "Google said no."),
        ("Google said...", "Google said..."),
        (ValueError("Why?"), "Why?"),
    ],
)
def test_particulars_come_between_what_is_wrong_and_what_to_do(
    particulars: object, sentence: str
) -> None:
    told = Reason.INVALID_INPUT.explain(particulars)
    what, to_do = Reason.INVALID_INPUT.message.split(" Fix ")
    assert told == f"{what} {sentence} Fix {to_do}"


def test_without_particulars_the_message_is_said() -> None:
    assert Reason.SUCCEEDED.explain() == Reason.SUCCEEDED.message
    assert Reason.INVALID_INPUT.explain("") == Reason.INVALID_INPUT.message


def test_a_reason_is_found_by_its_value() -> None:
    found = Reason("CompletedWithFailures")
    assert found is Reason.COMPLETED_WITH_FAILURES


def test_the_way_out_of_an_ambiguous_submission_is_spelled_out() -> None:
    assert RESOLVE_SUBMISSION in Reason.AMBIGUOUS_SUBMISSION.message
    assert "Resubmit:<attempt id>" in Reason.AMBIGUOUS_SUBMISSION.message
