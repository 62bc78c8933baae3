import asyncio
from typing import Any

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.faults import Fault, Faults, parse_fault
from tests.waiting import eventually_async


def fault(route: str = "batches.get", action: str = "drop", **more: Any) -> Fault:
    return parse_fault({"route": route, "action": action, **more})


def test_a_fault_is_used_up_by_the_requests_it_meets() -> None:
    faults = Faults()
    faults.add(fault(count=2))
    met = [faults.take("batches.get") is not None for _ in range(3)]
    assert met == [True, True, False]
    assert faults.snapshot() == []


def test_a_fault_without_a_count_stays_until_it_is_cleared() -> None:
    faults = Faults()
    faults.add(fault(count=None))
    assert all(faults.take("batches.get") for _ in range(100))
    faults.clear()
    assert faults.take("batches.get") is None


def test_faults_of_one_route_come_one_after_the_other() -> None:
    faults = Faults()
    faults.add(fault(action="status", status=500))
    faults.add(fault(action="drop"))
    taken = [faults.take("batches.get") for _ in range(2)]
    assert [one and one.action for one in taken] == ["status", "drop"]


@pytest.mark.parametrize(
    ("pattern", "route", "meets"),
    [
        ("batches.create", "batches.create", True),
        ("batches.create", "batches.createEmbeddings", False),
        ("batches.create*", "batches.createEmbeddings", True),
        ("*", "jwks", True),
        ("files.*", "batches.get", False),
    ],
)
def test_a_route_may_be_a_pattern(pattern: str, route: str, meets: bool) -> None:
    faults = Faults()
    faults.add(fault(pattern))
    assert (faults.take(route) is not None) == meets


def test_a_lag_is_no_request_s_fault_and_the_longest_counts() -> None:
    faults = Faults()
    assert faults.list_lag() == 0
    faults.add(fault("batches.list", "lag", delaySeconds=20))
    faults.add(fault("batches.list", "lag", delay_seconds=5))
    assert faults.take("batches.list") is None
    assert faults.list_lag() == 20


@pytest.mark.parametrize("answer", [True, False])
async def test_a_held_request_waits_for_its_release(answer: bool) -> None:
    faults = Faults()
    held = asyncio.ensure_future(faults.hold("batches.create", "before"))
    await eventually_async(faults.held)
    assert faults.held() == [{"route": "batches.create", "when": "before"}]
    assert faults.release(answer=answer) == 1
    assert faults.release(answer=not answer) == 0
    assert await held is answer
    assert faults.held() == []


def test_a_truncated_answer_was_executed() -> None:
    assert fault(action="truncate", when="before").when == "after"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"route": "a"}, {"action": "drop"}, {"route": "a", "action": "x"}]
)
def test_what_is_no_fault_is_refused(body: Any) -> None:
    with pytest.raises(ApiError) as caught:
        parse_fault(body)
    assert caught.value.code == 400
