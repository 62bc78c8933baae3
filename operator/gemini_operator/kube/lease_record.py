"""What a Lease of `coordination.k8s.io/v1` says: who holds it, since when, and for how long."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gemini_operator.kube.events import micro_time

Lease = Mapping[str, Any]
"""The object as the API server gives it."""


def holder(lease: Lease) -> str:
    """The holder's identity, empty where nobody holds it."""
    return str(_spec(lease).get("holderIdentity") or "")


def claimed(lease: Lease, identity: str, *, seconds: int, now: datetime) -> dict[str, Any]:
    """`lease` held by `identity` from `now` on; whoever holds it already renews it."""
    spec = dict(_spec(lease))
    if holder(lease) != identity:
        spec["acquireTime"] = micro_time(now)
        spec["leaseTransitions"] = int(spec.get("leaseTransitions", -1)) + 1
        spec["holderIdentity"] = identity
    spec |= {"renewTime": micro_time(now), "leaseDurationSeconds": seconds}
    return {**lease, "spec": spec}


def created(
    namespace: str, name: str, identity: str, *, seconds: int, now: datetime
) -> dict[str, Any]:
    """A first Lease, held by `identity`."""
    bare = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": namespace, "name": name},
    }
    return claimed(bare, identity, seconds=seconds, now=now)


def cleared(lease: Lease, *, now: datetime) -> dict[str, Any]:
    """`lease` held by nobody, so that the next one need not wait.

    One second is the shortest duration that the API server takes, for readers that heed only that.
    """
    spec = {name: value for name, value in _spec(lease).items() if name != "holderIdentity"}
    return {**lease, "spec": {**spec, "renewTime": micro_time(now), "leaseDurationSeconds": 1}}


class LastSeen:
    """The last version of a Lease, and when it was first seen by this process's own clock.

    The times in a Lease come from another machine's clock, so only their change counts.
    """

    def __init__(self) -> None:
        self._spec: Lease = {}
        self._at = 0.0

    @property
    def holder(self) -> str:
        return holder({"spec": self._spec})

    def note(self, lease: Lease, monotonic: float) -> None:
        """`lease` was read; `monotonic` is the time after its answer came, in seconds."""
        spec = _spec(lease)
        if spec != self._spec:
            self._spec, self._at = dict(spec), monotonic

    def held_by_another(self, identity: str, monotonic: float, *, seconds: int) -> bool:
        """Whether another one than `identity` may still be at work.

        A Lease that was deleted under its holder counts as it last was.

        Args:
            identity: ours.
            monotonic: the time now, in seconds.
            seconds: how long a Lease counts that does not say it.
        """
        if self.holder in ("", identity):
            return False
        lasting = float(self._spec.get("leaseDurationSeconds") or seconds)
        return monotonic < self._at + lasting


def _spec(lease: Lease) -> Mapping[str, Any]:
    return lease.get("spec") or {}
