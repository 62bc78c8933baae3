"""Faults that a test injects into requests, before or after the requests are executed."""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from gemini_emulator.errors import invalid_argument
from gemini_emulator.proto_json import checked_object, member

When = Literal["before", "after"]
Action = Literal["status", "drop", "delay", "truncate", "hold", "lag"]
_MEMBERS = ("route", "count", "when", "action", "status", "body", "headers", "delaySeconds")


@dataclass
class Fault:
    """One fault for the next `count` requests, or until cleared if `count` is None."""

    route: str
    action: Action
    when: When
    count: int | None
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True)
class HeldRequest:
    """A request that waits for its release, before or after it was executed."""

    route: str
    when: When
    answer: asyncio.Future[bool]


def parse_fault(body: Any) -> Fault:
    """Parse a fault from JSON.

    Raises:
        ApiError: 400, a member is missing or invalid.
    """
    given = checked_object(body, _MEMBERS, "fault")
    action: Action = _one_of(given, "action", get_args(Action), None)
    when: When = _one_of(given, "when", get_args(When), "before")
    if not isinstance(given.get("route"), str):
        raise invalid_argument("route must be the name of a route, as the request counters show.")
    return Fault(
        route=given["route"],
        action=action,
        when="after" if action == "truncate" else when,
        count=None if action == "lag" else _count(given.get("count", 1)),
        status=_status(given.get("status", 503)),
        body=given.get("body"),
        headers={str(k): str(v) for k, v in (given.get("headers") or {}).items()},
        delay=_seconds(member(given, "delaySeconds") or 0),
    )


def _one_of(given: dict[str, Any], name: str, allowed: tuple[str, ...], default: Any) -> Any:
    value = given.get(name, default)
    if value not in allowed:
        raise invalid_argument(f"{name} must be one of {', '.join(allowed)}.")
    return value


def _count(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and value >= 1):
        return value
    raise invalid_argument("count must be a number of at least 1, or null for every request.")


def _status(value: Any) -> int:
    if isinstance(value, int) and 200 <= value <= 599:
        return value
    raise invalid_argument("status must be an HTTP status from 200 to 599.")


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and value >= 0:
        return float(value)
    raise invalid_argument("delaySeconds must be a number of at least 0.")


class Faults:
    """The active faults and the held requests, in memory only."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._held: list[HeldRequest] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def take(self, route: str) -> Fault | None:
        """Return the first fault for this request, if any, and decrement its count."""
        for fault in self._faults:
            if fault.action != "lag" and fnmatchcase(route, fault.route):
                self._decrement(fault)
                return fault
        return None

    def list_lag(self) -> float:
        """Return the age in seconds below which lists hide a batch."""
        return max((f.delay for f in self._faults if f.action == "lag"), default=0.0)

    async def hold(self, route: str, when: When) -> bool:
        """Wait until released; return True to continue, False to drop the connection."""
        held = HeldRequest(route, when, asyncio.get_running_loop().create_future())
        self._held.append(held)
        try:
            return await held.answer
        finally:
            self._held.remove(held)

    def release(self, *, answer: bool) -> int:
        """Release every held request, to continue or to be dropped; return how many there were."""
        waiting = [held for held in self._held if not held.answer.done()]
        for held in waiting:
            held.answer.set_result(answer)
        return len(waiting)

    def clear(self) -> None:
        """Remove all faults and let held requests continue."""
        self._faults.clear()
        self.release(answer=True)

    def held(self) -> list[dict[str, str]]:
        return [{"route": held.route, "when": held.when} for held in self._held]

    def snapshot(self) -> list[dict[str, Any]]:
        return [
            {"route": f.route, "action": f.action, "when": f.when, "count": f.count}
            for f in self._faults
        ]

    def _decrement(self, fault: Fault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self._faults.remove(fault)
