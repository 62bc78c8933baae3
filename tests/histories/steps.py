"""A step of a history: drawn at random, recorded in one line and followed by a pause."""

import functools
import time
from collections.abc import Callable
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import rule

PAUSES = st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.3, 0.6])
"""Seconds after a step. The drawn pause varies how far the processes get."""


class StepLog(Protocol):
    def record(self, line: str) -> None:
        """Record a step."""

    def after_step(self) -> None:
        """Called when a step is over."""


Step = Callable[..., None]


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Step], Step]:
    """A rule whose arguments never depend on the processes, so that a seed gives the same steps.

    Hypothesis sorts rules by the names of their functions and arguments. Renaming one changes which
    steps a seed gives.
    """

    def decorate(function: Step) -> Step:
        @functools.wraps(function)
        def run(self: StepLog, pause: float, **given: Any) -> None:
            text = ", ".join(f"{name}={value!r}" for name, value in given.items())
            self.record(f"{function.__name__}({text}) and {pause:g} s")
            function(self, **given)
            time.sleep(pause)
            self.after_step()

        decorated: Step = rule(pause=PAUSES, **arguments)(run)  # type: ignore[call-overload]
        return decorated

    return decorate
