"""Events of `events.k8s.io/v1`, which `kubectl events` and `kubectl describe` show.

The API server's validation of Events sets the limits: 128 bytes for reason and action, 1024 bytes
for the note.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gemini_operator.base import sanitize
from gemini_operator.kube.client import KubeClient

CONTROLLER = "gemini-operator.io/controller"
NOTE_LIMIT = 1024
DEFAULT_INSTANCE = "gemini-operator"


async def post(
    client: KubeClient,
    *,
    regarding: Mapping[str, Any],
    reason: str,
    type: str,  # noqa: A002 -- the field's own name
    note: str,
    action: str,
    now: datetime,
    name: str,
    instance: str = DEFAULT_INSTANCE,
) -> dict[str, Any]:
    """Create an Event in the namespace of `regarding` (`default` if that has none).

    Args:
        client: the API server.
        regarding: an ObjectReference.
        reason: CamelCase, at most 128 bytes.
        type: `Normal` or `Warning`.
        note: for the user; cut to 1024 bytes.
        action: CamelCase, at most 128 bytes.
        now: the time of the Event.
        name: of the Event object.
        instance: names the process.

    Raises:
        AlreadyExists: there is an Event of this name; `repeat` it.
    """
    namespace = str(regarding.get("namespace") or "default")
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "eventTime": micro_time(now),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": action,
        "reason": reason,
        "regarding": dict(regarding),
        "note": _note(note),
        "type": type,
    }
    return await client.post(*_path(namespace), body=event)


async def repeat(
    client: KubeClient, *, namespace: str, name: str, count: int, now: datetime
) -> dict[str, Any]:
    """Record that the Event happened `count` times (at least 2), the last time `now`."""
    series = {"count": count, "lastObservedTime": micro_time(now)}
    return await client.patch(*_path(namespace), name, body={"series": series}, merge=True)


def micro_time(moment: datetime) -> str:
    """Return RFC 3339 with microseconds and `Z`, the only form that `eventTime` accepts."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _note(text: str) -> str:
    """Return `text` on one line, cut to 1024 bytes."""
    line = sanitize.text(text, NOTE_LIMIT)
    # The limit is in bytes: the cut may split a character, which is then left out.
    return line.encode()[:NOTE_LIMIT].decode(errors="ignore")


def _path(namespace: str) -> tuple[str, ...]:
    return "apis", "events.k8s.io", "v1", "namespaces", namespace, "events"
