from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gemini_operator.api import conditions
from gemini_operator.api.conditions import Condition, find, is_true, with_condition
from gemini_operator.api.reasons import Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
TYPES = (
    conditions.SUBMITTED,
    conditions.COMPLETE,
    conditions.FAILED,
    conditions.SUSPENDED,
    conditions.STALLED,
)


def stalled(status: bool = True, now: datetime = NOW) -> list[Condition]:
    return with_condition(
        (), conditions.STALLED, status, Reason.CREDENTIALS_MISSING, generation=1, now=now
    )


def test_a_new_condition_carries_everything() -> None:
    [condition] = with_condition(
        (),
        conditions.FAILED,
        True,
        Reason.INVALID_INPUT,
        "Line 3 is no JSON.",
        generation=7,
        now=NOW,
    )

    assert condition.model_dump(mode="json", by_alias=True) == {
        "type": "Failed",
        "status": "True",
        "reason": "InvalidInput",
        "message": "Line 3 is no JSON.",
        "observedGeneration": 7,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def test_the_reason_speaks_when_the_caller_does_not() -> None:
    assert stalled()[0].message == Reason.CREDENTIALS_MISSING.message


def test_the_transition_time_stays_while_the_status_does() -> None:
    [again] = with_condition(
        stalled(),
        conditions.STALLED,
        True,
        Reason.CREDENTIALS_REJECTED,
        "another message",
        generation=2,
        now=LATER,
    )

    assert again.last_transition_time == NOW
    assert (again.reason, again.message, again.observed_generation) == (
        "CredentialsRejected",
        "another message",
        2,
    )


def test_the_transition_time_moves_with_the_status() -> None:
    [healed] = with_condition(
        stalled(), conditions.STALLED, False, Reason.RESUMED, generation=1, now=LATER
    )

    assert (healed.status, healed.last_transition_time) == ("False", LATER)


def test_a_message_is_cut_to_what_the_schema_holds() -> None:
    [condition] = with_condition(
        (), conditions.FAILED, True, Reason.INTERNAL, "m" * 100_000, generation=1, now=NOW
    )

    assert condition.message == "m" * 32768


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.booleans()), max_size=20))
def test_types_are_unique_and_their_order_is_that_of_their_first_appearance(
    writes: list[tuple[str, bool]],
) -> None:
    found: list[Condition] = []
    for kind, status in writes:
        before = list(found)
        changed = with_condition(found, kind, status, Reason.RESUMED, generation=1, now=NOW)
        assert found == before
        found = changed

    assert [condition.type for condition in found] == list(
        dict.fromkeys(kind for kind, _ in writes)
    )
    assert {condition.type: condition.status for condition in found} == {
        kind: str(status) for kind, status in writes
    }


def test_the_same_write_twice_changes_nothing() -> None:
    once = stalled()

    assert (
        with_condition(
            once, conditions.STALLED, True, Reason.CREDENTIALS_MISSING, generation=1, now=LATER
        )
        == once
    )


def test_conditions_are_found_by_type() -> None:
    assert find(stalled(), conditions.STALLED) == stalled()[0]
    assert find(stalled(), conditions.FAILED) is None
    assert is_true(stalled(), conditions.STALLED)
    assert not is_true(stalled(status=False), conditions.STALLED)
    assert not is_true((), conditions.STALLED)


def test_a_condition_can_be_taken_away() -> None:
    both = with_condition(
        stalled(), conditions.SUSPENDED, True, Reason.SUSPENDED, generation=1, now=NOW
    )

    left = conditions.without_condition(both, conditions.STALLED)

    assert [condition.type for condition in left] == ["Suspended"]
    assert conditions.without_condition(left, conditions.STALLED) == left


@pytest.mark.parametrize(
    "fault", [{"status": "true"}, {"reason": ""}, {"reason": "two words"}, {"type": ""}]
)
def test_a_condition_keeps_to_the_grammar_of_kubernetes(fault: dict[str, str]) -> None:
    good = stalled()[0].model_dump(by_alias=True)

    with pytest.raises(ValidationError):
        Condition.model_validate({**good, **fault})
