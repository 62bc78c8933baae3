"""The controller's projection of a GeminiBatchJob: all it decides on, without the payload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gemini_operator.api import group
from gemini_operator.api.spec import Spec
from gemini_operator.api.status import Status


class Key(NamedTuple):
    """Where an object lives; what the queue and the store go by."""

    namespace: str
    name: str


class KeyRef(NamedTuple):
    """A key of a Secret: where a job's API key comes from."""

    namespace: str
    secret: str
    key: str


@dataclass(frozen=True)
class Job:
    """One version of an object, as read from the API server; never changed in place."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    created: datetime
    deletion_time: datetime | None
    finalizers: tuple[str, ...]
    annotations: Mapping[str, str]
    spec: Spec
    status: Status
    stored_status: Mapping[str, Any] = field(repr=False)

    @property
    def deleting(self) -> bool:
        return self.deletion_time is not None

    @property
    def finished(self) -> bool:
        return self.status.completion_time is not None

    @property
    def held(self) -> bool:
        """Whether the object waits for us before it may go."""
        return group.FINALIZER in self.finalizers

    @property
    def version(self) -> int:
        """`resourceVersion` as the number it is: comparable since Kubernetes 1.35 (KEP-5504)."""
        return int(self.resource_version)

    def api_key(self, default: tuple[str, str]) -> KeyRef:
        """The Secret and key to use; `default` is the (name, key) of the command line."""
        ref = self.spec.api_key_secret_ref
        name, key = (ref.name, ref.key) if ref else default
        return KeyRef(self.key.namespace, name, key)


def from_object(body: Mapping[str, Any]) -> Job:
    """
    Project an object as the API server stores it.

    Of inline requests only the first key is kept (all may have 200 KiB, and are read when they are
    sent), and of annotations only our own (rule S10).

    Raises:
        pydantic.ValidationError: the stored object does not fit the schema of this version.
    """
    metadata = body["metadata"]
    status = dict(body.get("status") or {})
    deletion = metadata.get("deletionTimestamp")
    return Job(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        created=_time(metadata["creationTimestamp"]),
        deletion_time=_time(deletion) if deletion else None,
        finalizers=tuple(metadata.get("finalizers") or ()),
        annotations=_ours(metadata.get("annotations") or {}),
        spec=Spec.model_validate(_without_payload(body.get("spec") or {})),
        status=Status.model_validate(status),
        stored_status=status,
    )


def _without_payload(spec: Mapping[str, Any]) -> dict[str, Any]:
    source = spec.get("input")
    if not source or "inline" not in source:
        return dict(spec)
    first = [{**item, "request": {}} for item in (source["inline"] or ())[:1]]
    return {**spec, "input": {**source, "inline": first}}


def _ours(annotations: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{group.GROUP}/"
    return {name: value[:256] for name, value in annotations.items() if name.startswith(prefix)}


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)
