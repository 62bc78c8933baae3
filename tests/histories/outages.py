"""Outages of single requests to Google, as faults of the emulator."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tests.emulator_process import EmulatorProcess

ROUTES = ("batches.create", "batches.get", "batches.list", "batches.cancel", "batches.delete")

MOST_LAG = 1.0
"""The most seconds for which Google's list hides a new batch."""


@dataclass(frozen=True)
class RequestFault:
    """
    One fault of the emulator.

    Args:
        route: the requests that it affects.
        action: of the emulator.
        when: before or after the request is executed.
        more: further members of the fault.
    """

    route: str
    action: str
    when: str = "before"
    more: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def slows_down(self) -> bool:
        """Whether the operator must slow down after it."""
        return dict(self.more).get("status") in (400, 401, 404, 429)

    @property
    def permanent(self) -> bool:
        """Whether the operator must not retry a create that gets it."""
        return self.route == "batches.create" and dict(self.more).get("status") in (400, 404)

    def add(self, emulator: EmulatorProcess, times: int) -> None:
        emulator.fault(self.route, self.action, when=self.when, count=times, **dict(self.more))


def _status(route: str, status: int, when: str = "before", **more: Any) -> RequestFault:
    return RequestFault(route, "status", when, (("status", status), *more.items()))


def _delay(route: str, seconds: float, when: str = "before") -> RequestFault:
    return RequestFault(route, "delay", when, (("delaySeconds", seconds),))


# A late create executes 1.4 s after it was sent, and the list hides its batch for one second at
# most. Both together are shorter than the grace.
REQUEST_FAULTS: tuple[RequestFault, ...] = (
    *(_status(r, s, w) for r, s, w in product(ROUTES, (500, 503), ("before", "after"))),
    *(RequestFault(r, "drop", w) for r, w in product(ROUTES, ("before", "after"))),
    *(RequestFault(r, "truncate", "after") for r in ROUTES),
    *(_delay(r, 0.7) for r in ROUTES),
    *(_delay("batches.create", 1.4, w) for w in ("before", "after")),
    *(_status(r, 429, headers={"Retry-After": "1"}) for r in ROUTES),
    *(_status("batches.create", s) for s in (400, 401, 404)),
    _status("jwks", 503),
)
