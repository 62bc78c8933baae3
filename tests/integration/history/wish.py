"""The model: what was asked of each job in a history, and by whom else Google was told something."""

from dataclasses import dataclass, field
from typing import Any

from tests.operator_process import generate, job

BY_HAND = "by-hand"
"""The key of the one request of a batch that was submitted without the operator."""


@dataclass
class Wish:
    """
    What the user has asked of one job so far.

    Args:
        name: the object's.
        texts: the prompts of its requests.
        spec: the other members as they are now; past values that still matter are beside it.
        uid: the object's; empty where the API server did not take it.
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
    """Attempts that a person has given up."""

    @property
    def shutdown(self) -> bool:
        return "shutdown" in self.spec

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    @property
    def short_lived(self) -> bool:
        """Whether it deletes itself once it has ended."""
        return "ttlSecondsAfterFinished" in self.spec

    @property
    def orphan(self) -> bool:
        return self.spec.get("deletionPolicy") == "Orphan"

    @property
    def adopts(self) -> str:
        """The batch that it is to take over."""
        return str(self.spec.get("adopt", {}).get("batchName", ""))

    @property
    def previous(self) -> bool:
        """Whether it may take its batch over from another job, which may still delete it."""
        return "previousUID" in self.spec.get("adopt", {})

    @property
    def output(self) -> str:
        """The ConfigMap for the results."""
        return str(self.spec.get("output", {}).get("configMap", {}).get("name", ""))

    @property
    def ends_by_itself(self) -> bool:
        """Whether nobody has ever asked for an end or a pause."""
        return not (self.shutdown or self.deadlines or self.suspends)

    @property
    def goes(self) -> bool:
        """Whether it takes its batches along some day."""
        return (self.deleted or self.short_lived) and not self.orphan

    @property
    def keys(self) -> list[str]:
        """Of its requests, in order."""
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

    def asked(self, **spec: Any) -> None:
        """Remember a change of the spec that the API server has taken; None takes a member away."""
        self.spec = {k: v for k, v in {**self.spec, **spec}.items() if v is not None}
        self.suspends += bool(spec.get("suspend"))
        self.retries.add(self.spec.get("backoffLimit", 0))
        if "activeDeadlineSeconds" in self.spec:
            self.deadlines.add(self.spec["activeDeadlineSeconds"])


@dataclass
class Deeds:
    """What others than the operator did in a history."""

    cancelled: set[str] = field(default_factory=set)
    """Batches that a person cancelled at Google."""
    deleted: set[str] = field(default_factory=set)
    """Batches that a person deleted at Google, or tried to."""
    taken_over: set[str] = field(default_factory=set)
    """Batches that a job has adopted: whoever submitted them lets them be while it is there."""
    refusals: bool = False
    """Google has refused a create for good, though there was nothing wrong with it."""
    holders: dict[str, set[str]] = field(default_factory=dict)
    """The uids of the jobs that ever had or claimed a batch, by its name."""
