"""What a step of a history is: drawn at random, told in one line, and followed by some time."""

import functools
import time
from collections.abc import Callable
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import rule

PAUSES = st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.3, 0.6])
"""Seconds after a step. Nothing waits for luck here: how far the processes get is what is drawn."""


class Teller(Protocol):
    def tell(self, line: str) -> None:
        """Write a step down."""

    def stepped(self) -> None:
        """A step is over."""


Step = Callable[..., None]


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Step], Step]:
    """A rule whose arguments never depend on the processes, so that a seed gives the same steps."""

    def decorate(function: Step) -> Step:
        @functools.wraps(function)
        def run(self: Teller, pause: float, **given: Any) -> None:
            told = ", ".join(f"{name}={value!r}" for name, value in given.items())
            self.tell(f"{function.__name__}({told}) and {pause:g} s")
            function(self, **given)
            time.sleep(pause)
            self.stepped()

        decorated: Step = rule(pause=PAUSES, **arguments)(run)  # type: ignore[call-overload]
        return decorated

    return decorate
