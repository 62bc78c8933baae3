"""Steps that every history has: an edit, a kill, an outage and a callback that comes twice."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.histories.state_machine import ANY

LAST = 16
"""The last drawn step that a planned step may follow. Its second part may follow a later one."""

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class PlannedStep:
    """
    One planned step, and the step that ends it.

    Args:
        after: the number of the drawn step that it follows.
        call: a step and its arguments.
        gap: the number of drawn steps until `then`.
        then: another step, which mostly ends the first.
    """

    after: int
    call: Call
    gap: int
    then: Call | None

    def due(self, step: int) -> list[Call]:
        """The calls that follow the drawn step with this number."""
        first = [self.call] if step == self.after else []
        return first + ([self.then] if self.then and step == self.after + self.gap else [])


def planned_steps() -> st.SearchStrategy[tuple[PlannedStep, ...]]:
    return st.tuples(_edits(), _kills(), _outages(), _callbacks())


def _planned(
    call: st.SearchStrategy[Call], then: st.SearchStrategy[Call | None]
) -> st.SearchStrategy[PlannedStep]:
    return st.builds(
        PlannedStep, after=st.integers(1, LAST), call=call, gap=st.integers(1, 4), then=then
    )


def _call(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


def _edits() -> st.SearchStrategy[PlannedStep]:
    call = st.one_of(
        _call("suspend", which=ANY, on=st.just(value=True)),
        _call("shut_down", which=ANY),
        _call("refresh", which=ANY),
        _call("edit_limits", which=ANY, seconds=st.just(1), retries=st.just(1)),
        _call("delete", which=ANY, force=st.just(value=False)),
    )
    return _planned(call, st.one_of(st.none(), _call("suspend", which=ANY, on=st.booleans())))


def _kills() -> st.SearchStrategy[PlannedStep]:
    who = st.sampled_from(["controller", "controller", "receiver"])
    return _planned(_call("kill", who=who), _call("restart"))


def _outages() -> st.SearchStrategy[PlannedStep]:
    of_the_api_server = _planned(
        _call(
            "api_server_trouble",
            who=st.sampled_from(["controller", "receiver"]),
            what=st.sampled_from(["refuse", "hang", "lose answers"]),
        ),
        _call("api_server_works_again", late=st.booleans()),
    )
    of_google = _planned(
        _call("outage", route=st.sampled_from(["batches.*", "batches.list", "batches.get"])),
        _call("google_works_again"),
    )
    return st.one_of(of_the_api_server, of_google)


def _callbacks() -> st.SearchStrategy[PlannedStep]:
    """A batch ends, and an event is delivered again some steps later."""
    end = _call("end_at_google", which=ANY, how=st.sampled_from(["succeed", "fail", "expire"]))
    return _planned(end, _call("deliver_again", which=ANY))
