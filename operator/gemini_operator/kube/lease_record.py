"""The content of a Lease (`coordination.k8s.io/v1`): its holder, its times, and its age."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gemini_operator.api.model import micro_time

Lease = Mapping[str, Any]
"""The object as the API server gives it."""


def holder(lease: Lease) -> str:
    """Return the holder's identity; empty if nobody holds the Lease."""
    return str(_spec(lease).get("holderIdentity") or "")


def claimed(lease: Lease, identity: str, *, seconds: int, now: datetime) -> dict[str, Any]:
    """Return `lease` acquired by `identity` at `now`, or renewed if it holds the Lease already."""
    spec = dict(_spec(lease))
    # A renewal keeps acquireTime and leaseTransitions, as in client-go.
    if holder(lease) != identity:
        spec["acquireTime"] = micro_time(now)
        spec["leaseTransitions"] = int(spec.get("leaseTransitions", -1)) + 1
        spec["holderIdentity"] = identity
    spec |= {"renewTime": micro_time(now), "leaseDurationSeconds": seconds}
    return {**lease, "spec": spec}


def created(
    namespace: str, name: str, identity: str, *, seconds: int, now: datetime
) -> dict[str, Any]:
    """Return a new Lease, held by `identity`."""
    bare = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": namespace, "name": name},
    }
    return claimed(bare, identity, seconds=seconds, now=now)


def cleared(lease: Lease, *, now: datetime) -> dict[str, Any]:
    """Return `lease` without a holder, so that the next candidate need not wait.

    One second is the shortest duration that the API server accepts. It is for readers that look at
    the duration only.
    """
    spec = {name: value for name, value in _spec(lease).items() if name != "holderIdentity"}
    return {**lease, "spec": {**spec, "renewTime": micro_time(now), "leaseDurationSeconds": 1}}


class LastSeen:
    """The last content of a Lease, and when this process first saw it, by its own clock.

    The times in a Lease are from another machine's clock, so only their change is used.
    """

    def __init__(self) -> None:
        self._spec: Lease = {}
        self._at = 0.0

    @property
    def holder(self) -> str:
        return holder({"spec": self._spec})

    def note(self, lease: Lease, monotonic: float) -> None:
        """Note a Lease that was read; `monotonic` is in seconds, after the answer came."""
        spec = _spec(lease)
        # An equal content is no renewal, so its age goes on.
        if spec != self._spec:
            self._spec, self._at = dict(spec), monotonic

    def held_by_another(self, identity: str, monotonic: float, *, seconds: int) -> bool:
        """Return whether a process other than `identity` may still be the leader.

        A Lease that was deleted counts with its last content, since its holder may not know yet.

        Args:
            identity: ours.
            monotonic: now, in seconds.
            seconds: the duration of a Lease that does not give one.
        """
        if self.holder in ("", identity):
            return False
        lasting = float(self._spec.get("leaseDurationSeconds") or seconds)
        return monotonic < self._at + lasting


def _spec(lease: Lease) -> Mapping[str, Any]:
    return lease.get("spec") or {}
