"""What is behind the receiver: it counts every visitor and knows the only writes that may come."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gemini_operator.api.group import GROUP, PLURAL
from gemini_operator.kube import errors
from gemini_operator.kube.client import KubeClient
from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.keys import KeySet
from tests.fuzz.address import TARGET

Write = tuple[tuple[str, ...], object]


class Silence:
    """No answer for longer than anybody waits."""

    seconds = 60.0


SILENCE = Silence()

_GONE = errors.ObjectNotFound(404, "NotFound", "gone", missing=(GROUP, PLURAL, TARGET.name))
Answer = errors.KubeError | Silence | None
ANSWERS: tuple[Answer, ...] = (
    None,
    _GONE,
    errors.ObjectNotFound(404, "NotFound", "no such kind"),
    errors.Invalid("Invalid", "a test failed", has_causes=False),
    errors.Invalid("Invalid", "a policy refused", has_causes=True),
    errors.Forbidden("Forbidden", "no", namespace_terminating=False),
    errors.Forbidden("Forbidden", "no", namespace_terminating=True),
    errors.Conflict(409, "Conflict", "another write"),
    errors.TooManyRequests(429, "TooManyRequests", "later", retry_after=7.0),
    errors.ApiServerUnavailable(500, "InternalError", "broken"),
    SILENCE,
)


@dataclass
class Effects:
    """Everything that one input caused outside the process."""

    writes: list[Write] = field(default_factory=list)
    lists: int = 0
    fetches: int = 0
    log: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def happened(self) -> bool:
        return bool(self.writes or self.lists or self.fetches)


class CountingClient(KubeClient):
    """An API server that answers every request in the same way.

    Args:
        effects: counts the requests.
        answer: to every patch; None for success.
        found: how many jobs run the batch that is looked up; None if that fails as a patch does.
    """

    def __init__(self, effects: Effects, answer: Answer, found: int | None) -> None:
        self._effects = effects
        self._answer = answer
        self._found = found

    async def get(
        self,
        *segments: str,
        params: Mapping[str, str] | None = None,
        accept: str | None = None,
    ) -> dict[str, Any]:
        del segments, params, accept
        self._effects.lists += 1
        if self._found is None:
            await self._fail()
        job = {
            "namespace": TARGET.namespace,
            "name": TARGET.name,
            "uid": TARGET.uid,
            "resourceVersion": "1",
        }
        return {"items": [{"metadata": job}] * (self._found or 0)}

    async def patch(
        self, *segments: str, body: object, merge: bool, accept: str | None = None
    ) -> dict[str, Any]:
        assert not merge
        assert accept is not None
        self._effects.writes.append((segments, body))
        if body == []:
            # The probe of the status: it is served, though the job is gone.
            raise errors.KubeError(406, "NotAcceptable", "no such format")
        await self._fail()
        return {}

    async def _fail(self) -> None:
        if isinstance(self._answer, Silence):
            await asyncio.sleep(self._answer.seconds)
        elif self._answer is not None:
            raise self._answer


class CountingPublisher:
    """Google's keys, None for a failure to get them, or silence."""

    def __init__(self, effects: Effects, answers: tuple[KeySet | Silence | None, ...]) -> None:
        self._effects = effects
        self._answers = answers

    async def fetch(self) -> KeySet:
        """Return the next answer; the last one stays."""
        answer = self._answers[min(self._effects.fetches, len(self._answers) - 1)]
        self._effects.fetches += 1
        if isinstance(answer, Silence):
            await asyncio.sleep(answer.seconds)
        if not isinstance(answer, KeySet):
            raise JwksError("no keys")
        return answer
