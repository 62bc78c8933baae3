"""Conditions: how a job says, to programs and to people, where it stands.

`Complete` and `Failed` exclude each other and stay. The list keeps its order and never holds a
type twice, as `x-kubernetes-list-type: map` asks.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.model import Model, Time, bounded
from gemini_operator.api.reasons import Reason

SUBMITTED: Final = ConditionType.SUBMITTED.value
COMPLETE: Final = ConditionType.COMPLETE.value
FAILED: Final = ConditionType.FAILED.value
SUSPENDED: Final = ConditionType.SUSPENDED.value
RECONCILING: Final = ConditionType.RECONCILING.value
STALLED: Final = ConditionType.STALLED.value

MESSAGE_LIMIT: Final = 32768
"""Characters in a message; the bound that `metav1.Condition` has."""


class Condition(Model):
    """One aspect of the job's state, in the shape of `metav1.Condition`."""

    type: Annotated[str, bounded(316, r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$")]
    """type is the aspect: Submitted, Complete, Failed, Suspended, Reconciling or Stalled."""

    status: Literal["True", "False", "Unknown"]
    """status is True, False or Unknown."""

    reason: Annotated[str, bounded(1024, r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """reason is one CamelCase word for programs that says why the condition has its status."""

    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)]
    """message is for people: what happened and what to do. It may be empty."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """observedGeneration is the metadata.generation that the condition is based on."""

    last_transition_time: Time
    """lastTransitionTime is when the status last changed; a new message does not move it."""


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """Give the condition of that type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def find_reason(conditions: Iterable[Condition], kind: str) -> str | None:
    """Give the reason of the condition of that type, or None."""
    found = find(conditions, kind)
    return None if found is None else found.reason


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    """Tell whether the condition of that type is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    status: bool,
    reason: Reason,
    message: str | None = None,
    *,
    generation: int,
    now: datetime,
) -> list[Condition]:
    """Set one condition and keep the others, in their order.

    `message` defaults to the reason's own and is cut to what the schema holds.
    `lastTransitionTime` is `now` only where the status is new or another one than before.
    """
    old = find(conditions, kind)
    value: Literal["True", "False"] = "True" if status else "False"
    new = Condition(
        type=kind,
        status=value,
        reason=reason.value,
        message=(reason.message if message is None else message)[:MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == value else now,
    )
    if old is None:
        return [*conditions, new]
    return [new if condition.type == kind else condition for condition in conditions]


def without_condition(conditions: Iterable[Condition], kind: str) -> list[Condition]:
    """Take one condition away and keep the others, in their order."""
    return [condition for condition in conditions if condition.type != kind]
