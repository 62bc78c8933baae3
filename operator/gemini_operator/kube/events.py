"""Events, which `kubectl events` and `kubectl describe` show.

They are created as `v1`: `kubectl describe` and `kubectl get events` sort by `lastTimestamp`, which
`events.k8s.io/v1` does not let anybody set. The limits are those of `events.k8s.io/v1`, as which
others may read them: 128 bytes for reason and action, 1024 bytes for the message.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gemini_operator.api.model import micro_time, rfc3339
from gemini_operator.base import sanitize
from gemini_operator.kube.client import KubeClient

CONTROLLER = "gemini-operator.io/controller"
SOURCE = "gemini-operator"
"""What `kubectl describe` shows as the origin."""
MESSAGE_LIMIT = 1024
DEFAULT_INSTANCE = "gemini-operator"


async def post(
    client: KubeClient,
    *,
    regarding: Mapping[str, Any],
    reason: str,
    type: str,  # noqa: A002 -- the field's own name
    message: str,
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
        message: for the user; cut to 1024 bytes.
        action: CamelCase, at most 128 bytes.
        now: the time of the Event.
        name: of the Event object.
        instance: names the process.

    Raises:
        AlreadyExists: there is an Event of this name; `repeat` it.
    """
    namespace = str(regarding.get("namespace") or "default")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "eventTime": micro_time(now),
        "firstTimestamp": rfc3339(now),
        "lastTimestamp": rfc3339(now),
        "count": 1,
        "source": {"component": SOURCE},
        "reportingComponent": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": action,
        "reason": reason,
        "involvedObject": dict(regarding),
        "message": _message(message),
        "type": type,
    }
    return await client.post(*_path(namespace), body=event)


async def repeat(
    client: KubeClient, *, namespace: str, name: str, count: int, now: datetime
) -> dict[str, Any]:
    """Record that the Event happened `count` times (at least 2), the last time `now`."""
    body = {"count": count, "lastTimestamp": rfc3339(now)}
    return await client.patch(*_path(namespace), name, body=body, merge=True)


def _message(text: str) -> str:
    """Return `text` on one line, cut to 1024 bytes."""
    line = sanitize.text(text, MESSAGE_LIMIT)
    # The limit is in bytes: the cut may split a character, which is then left out.
    return line.encode()[:MESSAGE_LIMIT].decode(errors="ignore")


def _path(namespace: str) -> tuple[str, ...]:
    return "api", "v1", "namespaces", namespace, "events"
