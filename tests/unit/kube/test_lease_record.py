from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gemini_operator.kube.lease_record import LastSeen, claimed, cleared, created, holder

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LATER = NOW + timedelta(seconds=2)


def a_lease(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}}, "spec": spec}


def held_by(identity: str, **spec: Any) -> dict[str, Any]:
    return a_lease(holderIdentity=identity, leaseDurationSeconds=15, **spec)


def test_p06_a_first_lease_is_held_from_the_start() -> None:
    lease = created("ns", "l", "me", seconds=15, now=NOW)
    assert lease == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "ns", "name": "l"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "leaseTransitions": 0,
            "acquireTime": "2026-01-02T03:04:05.678901Z",
            "renewTime": "2026-01-02T03:04:05.678901Z",
        },
    }


def test_p06_renewing_moves_the_renew_time_and_nothing_else() -> None:
    lease = created("ns", "l", "me", seconds=15, now=NOW)
    renewed = claimed(lease, "me", seconds=15, now=LATER)
    assert renewed["spec"] == {**lease["spec"], "renewTime": "2026-01-02T03:04:07.678901Z"}


def test_p06_taking_over_counts_a_transition_and_keeps_what_others_wrote() -> None:
    lease = held_by("other", leaseTransitions=4, acquireTime="then", strategy="OldestEmulation")
    taken = claimed(lease, "me", seconds=20, now=NOW)
    assert taken["metadata"] == lease["metadata"]
    assert taken["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 20,
        "leaseTransitions": 5,
        "acquireTime": "2026-01-02T03:04:05.678901Z",
        "renewTime": "2026-01-02T03:04:05.678901Z",
        "strategy": "OldestEmulation",
    }
    assert holder(lease) == "other"


def test_p06_a_released_lease_is_taken_as_from_another() -> None:
    free = cleared(held_by("me", leaseTransitions=4), now=NOW)
    assert claimed(free, "me", seconds=15, now=LATER)["spec"]["leaseTransitions"] == 5


def test_p06_a_cleared_lease_has_no_holder_and_lasts_a_second() -> None:
    free = cleared(held_by("me", leaseTransitions=4), now=NOW)
    assert holder(free) == ""
    assert free["spec"] == {
        "leaseDurationSeconds": 1,
        "leaseTransitions": 4,
        "renewTime": "2026-01-02T03:04:05.678901Z",
    }
    assert free["metadata"]["resourceVersion"] == "7"


def test_times_are_written_in_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    lease = created("ns", "l", "me", seconds=15, now=east)
    assert lease["spec"]["renewTime"] == "2026-01-02T03:04:05.678901Z"


@pytest.mark.parametrize("lease", [{}, {"spec": None}, a_lease(), a_lease(holderIdentity="")])
def test_p06_a_lease_that_nobody_holds_is_free(lease: dict[str, Any]) -> None:
    seen = LastSeen()
    seen.note(lease, 100.0)
    assert not seen.held_by_another("me", 100.0, seconds=15)


def test_p06_ones_own_lease_is_no_others() -> None:
    seen = LastSeen()
    seen.note(held_by("me"), 100.0)
    assert not seen.held_by_another("me", 100.0, seconds=15)


@pytest.mark.parametrize(("passed", "held"), [(0.0, True), (14.9, True), (15.0, False)])
def test_p06_anothers_lease_counts_until_it_stood_still_for_its_duration(
    passed: float, held: bool
) -> None:
    seen = LastSeen()
    seen.note(held_by("other", renewTime="1"), 100.0)
    assert seen.held_by_another("me", 100.0 + passed, seconds=99) is held


def test_p06_a_change_begins_the_wait_anew_and_a_look_does_not() -> None:
    seen = LastSeen()
    seen.note(held_by("other", renewTime="1"), 100.0)
    seen.note(held_by("other", renewTime="1"), 114.0)
    assert not seen.held_by_another("me", 115.0, seconds=15)
    seen.note(held_by("other", renewTime="2"), 115.0)
    assert seen.held_by_another("me", 129.9, seconds=15)


def test_p06_the_clock_of_the_other_machine_does_not_count() -> None:
    """A year ago or next year: only that the Lease changes tells that its holder lives."""
    for written in ("1990-01-01T00:00:00.000000Z", "2090-01-01T00:00:00.000000Z"):
        seen = LastSeen()
        seen.note(held_by("other", renewTime=written), 100.0)
        assert seen.held_by_another("me", 114.9, seconds=15)
        assert not seen.held_by_another("me", 115.0, seconds=15)


def test_p06_a_lease_that_names_no_duration_lasts_as_long_as_ours() -> None:
    seen = LastSeen()
    seen.note(a_lease(holderIdentity="other"), 100.0)
    assert seen.held_by_another("me", 109.9, seconds=10)
    assert not seen.held_by_another("me", 110.0, seconds=10)


def test_p06_a_label_is_no_sign_of_life() -> None:
    seen = LastSeen()
    seen.note(held_by("other"), 100.0)
    seen.note({**held_by("other"), "metadata": {"labels": {"new": "one"}}}, 114.0)
    assert not seen.held_by_another("me", 115.0, seconds=15)
