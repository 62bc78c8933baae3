"""The controller's projection of a GeminiBatchJob: all it decides on, without the payload."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from gemini_operator.api import group
from gemini_operator.api.v1alpha1.input import INLINE_BYTES, REQUEST_LEVELS
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.base import nesting, sanitize

DEFAULT_API_KEY = "gemini-api-key", "api-key"
"""Name and key of the Secret for jobs without apiKeySecretRef, unless a flag names another."""

OUR_ANNOTATIONS = (group.RESOLVE_SUBMISSION, group.REQUESTED_AT, group.FORCE_DELETE)


class Key(NamedTuple):
    """Namespace and name of an object: its key in the work queue and the store."""

    namespace: str
    name: str


class KeyRef(NamedTuple):
    """Namespace, name and key of the Secret value that is a job's API key."""

    namespace: str
    secret: str
    key: str


@dataclass(frozen=True)
class Job:
    """One version of an object, as read from the API server; never changed in place.

    Args:
        key: its namespace and name.
        uid: tells it from other objects that had its name.
        resource_version: of this version.
        generation: counts changes of the spec.
        created: when it was created.
        deletion_time: when it was deleted; `None` if it is not.
        finalizers: all of them, not only ours.
        annotations: the operator's own ones.
        spec: of inline requests it has the first key alone.
        status: parsed.
        stored_status: as the API server stores it, for the next merge patch.
    """

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
    api_key: KeyRef
    """Where the API key is: in the Secret that the spec names, or in the operator's default one."""
    input_problem: str | None = None
    """Why the inline requests can never be submitted: too large or too deep. `None` if they may."""

    @property
    def deleting(self) -> bool:
        return self.deletion_time is not None

    @property
    def finished(self) -> bool:
        return self.status.completion_time is not None

    @property
    def has_finalizer(self) -> bool:
        """Whether the object has our finalizer, so that a deletion waits for us."""
        return group.FINALIZER in self.finalizers

    @property
    def version(self) -> int:
        """`resourceVersion` as a number. Kubernetes 1.35 documents its order (KEP-5504)."""
        return int(self.resource_version)


@dataclass(frozen=True)
class UnreadableJob:
    """An object that does not fit this version's schema. It must not affect any other job.

    Attributes:
        conditions: those of the stored status that are objects with a type.
        problem: what does not fit, in one line for the user.
    """

    key: Key
    uid: str
    resource_version: str
    deleting: bool
    finalizers: tuple[str, ...]
    force_delete: bool
    conditions: tuple[Mapping[str, Any], ...] = field(repr=False)
    problem: str

    @property
    def version(self) -> int:
        """`resourceVersion` as a number."""
        return int(self.resource_version)


class JobReader:
    """Projects objects as the API server stores them.

    Args:
        default_api_key: name and key of the Secret for jobs without apiKeySecretRef.
    """

    def __init__(self, default_api_key: tuple[str, str] = DEFAULT_API_KEY) -> None:
        self._default_api_key = default_api_key

    def read(self, body: Mapping[str, Any], *, shortened: bool = False) -> Job | UnreadableJob:
        """Project an object, whatever it contains. Never raises.

        Args:
            body: the object.
            shortened: it comes from a list or a watch, without the content of its requests.
        """
        try:
            return from_object(body, self._default_api_key, shortened=shortened)
        except Exception as error:  # noqa: BLE001 - any user may have written it, under any schema
            return _unreadable(body, _problem(error))


def from_object(
    body: Mapping[str, Any],
    default_api_key: tuple[str, str] = DEFAULT_API_KEY,
    *,
    shortened: bool = False,
) -> Job:
    """Project an object as the API server stores it; the arguments are those of `JobReader`.

    Of the inline requests only the first key is kept, and of the annotations only our own, because
    ten thousand jobs are in memory (S10). The requests are read again when they are sent.

    Raises:
        pydantic.ValidationError: the stored object does not fit the schema of this version.
        Exception: of any type, if it fits no schema at all, such as a list in place of the spec.
    """
    metadata = body["metadata"]
    status = dict(body.get("status") or {})
    deletion = metadata.get("deletionTimestamp")
    spec = Spec.model_validate(_without_payload(body.get("spec") or {}))
    ref = spec.api_key_secret_ref
    return Job(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        created=_time(metadata["creationTimestamp"]),
        deletion_time=_time(deletion) if deletion else None,
        finalizers=tuple(metadata.get("finalizers") or ()),
        annotations=_ours(metadata.get("annotations") or {}),
        spec=spec,
        status=Status.model_validate(status),
        stored_status=status,
        api_key=KeyRef(metadata["namespace"], *((ref.name, ref.key) if ref else default_api_key)),
        # What has an attempt was sent already, so its input is not checked again.
        input_problem=(
            _input_problem(_inline(body), shortened) if status.get("attempt") is None else None
        ),
    )


def _inline(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (body["spec"].get("input") or {}).get("inline") or ()


def _input_problem(items: Sequence[Mapping[str, Any]], shortened: bool) -> str | None:
    for number, item in enumerate(items, start=1):
        for name in ("request", "metadata"):
            if nesting.exceeds(item.get(name), REQUEST_LEVELS):
                return (
                    f"{name} {number} of input.inline is nested deeper than {REQUEST_LEVELS} levels "
                    "of objects and lists"
                )
    if (_at_least(items) if shortened else _size(items)) > INLINE_BYTES:
        return (
            f"input.inline has more than {INLINE_BYTES // 1024} KiB: put the requests into a "
            "ConfigMap or a file and name it in input.configMapKeyRef or input.fileName"
        )
    return None


def _at_least(items: Sequence[Mapping[str, Any]]) -> int:
    """Return the least size of requests that `nesting.cut` shortened, from the numbers it left."""
    parts = (item.get(name) for item in items for name in ("request", "metadata"))
    members = (part.values() if isinstance(part, Mapping) else [part] for part in parts)
    return sum(map(_left_out, itertools.chain.from_iterable(members)))


def _left_out(member: object) -> int:
    match member:
        case [int(size)]:
            return size
        case _:
            return _size(member)


def _size(value: object) -> int:
    # Compact and in UTF-8, so that neither spaces nor escapes count.
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _unreadable(body: Mapping[str, Any], problem: str) -> UnreadableJob:
    metadata, status = body["metadata"], body.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    listed = conditions if isinstance(conditions, list) else []
    return UnreadableJob(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        force_delete=(metadata.get("annotations") or {}).get(group.FORCE_DELETE) == "true",
        conditions=tuple(c for c in listed if isinstance(c, Mapping) and "type" in c),
        problem=problem,
    )


def _problem(error: Exception) -> str:
    """Return which fields do not fit, without their values, which may be secrets."""
    if not isinstance(error, ValidationError):
        return f"spec or status has a member of another type ({type(error).__name__})"
    found = error.errors(include_input=False, include_context=False, include_url=False)
    places = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found[:3])
    return sanitize.text(f"{error.title.lower()}: {'; '.join(places)}", 512)


def _without_payload(spec: Mapping[str, Any]) -> dict[str, Any]:
    source = spec.get("input")
    if not source or "inline" not in source:
        return dict(spec)
    # The first key stays, so that the spec has an input by its own rules.
    first = [{**item, "request": {}, "metadata": None} for item in (source["inline"] or ())[:1]]
    return {**spec, "input": {**source, "inline": first}}


def _ours(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: annotations[name][:256] for name in OUR_ANNOTATIONS if name in annotations}


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)
