"""What may go wrong with one request to Google."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tests.emulator_process import EmulatorProcess

ROUTES = ("batches.create", "batches.get", "batches.list", "batches.cancel", "batches.delete")

MOST_LAG = 1.0
"""Seconds for which Google's list hides a batch, at most."""


@dataclass(frozen=True)
class Fault:
    """
    One fault of the emulator.

    Args:
        route: whose next requests it meets.
        action: the emulator's word.
        when: before or after the request is carried out.
        more: further members.
    """

    route: str
    action: str
    when: str = "before"
    more: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def says_no(self) -> bool:
        """Whether the operator has to slow down for it."""
        return dict(self.more).get("status") in (400, 401, 404, 429)

    @property
    def for_good(self) -> bool:
        """Whether a create that meets it must not be tried again."""
        return self.route == "batches.create" and dict(self.more).get("status") in (400, 404)

    def add(self, emulator: EmulatorProcess, times: int) -> None:
        emulator.fault(self.route, self.action, when=self.when, count=times, **dict(self.more))


def _status(route: str, status: int, when: str = "before", **more: Any) -> Fault:
    return Fault(route, "status", when, (("status", status), *more.items()))


def _delay(route: str, seconds: float, when: str = "before") -> Fault:
    return Fault(route, "delay", when, (("delaySeconds", seconds),))


# A late create comes 1.4 s after it was sent, and no list hides it for more than another second:
# that is within the grace.
FAULTS: tuple[Fault, ...] = (
    *(_status(r, s, w) for r, s, w in product(ROUTES, (500, 503), ("before", "after"))),
    *(Fault(r, "drop", w) for r, w in product(ROUTES, ("before", "after"))),
    *(Fault(r, "truncate", "after") for r in ROUTES),
    *(_delay(r, 0.7) for r in ROUTES),
    *(_delay("batches.create", 1.4, w) for w in ("before", "after")),
    *(_status(r, 429, headers={"Retry-After": "1"}) for r in ROUTES),
    *(_status("batches.create", s) for s in (400, 401, 404)),
    _status("jwks", 503),
)
