"""The model: what users asked of each job in a history, and what others than the operator did."""

from dataclasses import dataclass, field
from typing import Any

from tests.operator_process import generate, job

BY_HAND = "by-hand"
"""The key of the one request of a batch that was submitted without the operator."""


@dataclass
class ExpectedJob:
    """
    What users have asked of one job so far.

    Args:
        name: of the object.
        texts: the prompts of its requests.
        spec: the other members as they are now. Past values that still matter are separate.
        uid: of the object; empty if the API server refused it.
    """

    name: str
    texts: tuple[str, ...] = ("Say hello.",)
    spec: dict[str, Any] = field(default_factory=dict)
    uid: str = ""
    suspends: int = 0
    retries: set[int] = field(default_factory=set)
    """Every backoffLimit that it has had."""
    deadlines: set[int] = field(default_factory=set)
    """Every activeDeadlineSeconds that it has had."""
    by_hand: bool = False
    """The batch that it adopts was submitted without the operator."""
    deleted: bool = False
    forced: bool = False
    resubmitted: set[str] = field(default_factory=set)
    """Attempts that a user gave up with Resubmit."""

    @property
    def shutdown(self) -> bool:
        return "shutdown" in self.spec

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    @property
    def has_ttl(self) -> bool:
        """Whether the operator deletes it once it has finished."""
        return "ttlSecondsAfterFinished" in self.spec

    @property
    def orphan(self) -> bool:
        return self.spec.get("deletionPolicy") == "Orphan"

    @property
    def adopts(self) -> str:
        """The batch that it adopts; empty for none."""
        return str(self.spec.get("adopt", {}).get("batchName", ""))

    @property
    def previous(self) -> bool:
        """Whether it adopts its batch from another job, which may still delete it."""
        return "previousUID" in self.spec.get("adopt", {})

    @property
    def output(self) -> str:
        """The ConfigMap for the results; empty for none."""
        return str(self.spec.get("output", {}).get("configMap", {}).get("name", ""))

    @property
    def uninterrupted(self) -> bool:
        """Whether nobody has ever asked to end or suspend it."""
        return not (self.shutdown or self.deadlines or self.suspends)

    @property
    def deletes_batches(self) -> bool:
        """Whether its batches are deleted with it."""
        return (self.deleted or self.has_ttl) and not self.orphan

    @property
    def keys(self) -> list[str]:
        """The keys of its requests, in order."""
        if self.by_hand:
            return [BY_HAND]
        return [f"r{number}" for number, _ in enumerate(self.texts)]

    def manifest(self) -> dict[str, Any]:
        requests = [
            {"key": key, "request": generate(text)}
            for key, text in zip(self.keys, self.texts, strict=True)
        ]
        manifest = job(self.name, {"inline": requests}, **self.spec)
        if self.adopts:
            del manifest["spec"]["input"]
        return manifest

    def record_edit(self, **spec: Any) -> None:
        """Record a change of the spec that the API server accepted; None removes a member."""
        self.spec = {k: v for k, v in {**self.spec, **spec}.items() if v is not None}
        self.suspends += bool(spec.get("suspend"))
        self.retries.add(self.spec.get("backoffLimit", 0))
        if "activeDeadlineSeconds" in self.spec:
            self.deadlines.add(self.spec["activeDeadlineSeconds"])


@dataclass
class OutsideActions:
    """What others than the operator did in a history."""

    cancelled: set[str] = field(default_factory=set)
    """Batches that a person cancelled at Google."""
    deleted: set[str] = field(default_factory=set)
    """Batches that a person deleted at Google, or tried to."""
    taken_over: set[str] = field(default_factory=set)
    """Batches that a job has adopted: their first owner leaves them alone while that job exists."""
    refusals: bool = False
    """Google has permanently refused a create that was correct."""
    holders: dict[str, set[str]] = field(default_factory=dict)
    """The uids of the jobs that ever owned or claimed a batch, by its name."""
