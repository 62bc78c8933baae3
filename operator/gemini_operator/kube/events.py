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
"""Bytes of a message."""
KEPT_END = 400
"""Bytes of the end of a message that is too long; the longest advice has fewer."""
GAP = " … "
WORD = 32
"""Characters of a word."""
LONGEST = 32768
"""Characters of a message that are looked at, as many as a condition may have."""
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
        message: for the user; its middle is left out if it has more than 1024 bytes.
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
    """Return `text` on one line of at most 1024 bytes; of a longer one the middle is left out.

    Its beginning says what is wrong, and its end what to do.
    """
    line = sanitize.text(text, LONGEST)
    encoded = line.encode()
    if len(encoded) <= MESSAGE_LIMIT:
        return line
    # The limit is in bytes: a cut may split a character, which is then left out.
    head, tail = encoded[: MESSAGE_LIMIT - KEPT_END - len(GAP.encode())], encoded[-KEPT_END:]
    return (
        f"{head.decode(errors='ignore').rstrip()}{GAP}{_from_a_word(tail.decode(errors='ignore'))}"
    )


def _from_a_word(text: str) -> str:
    """Return `text` without the half word at its beginning, unless it is very long."""
    end = text.find(" ", 0, WORD)
    return text[end + 1 :]


def _path(namespace: str) -> tuple[str, ...]:
    return "api", "v1", "namespaces", namespace, "events"
