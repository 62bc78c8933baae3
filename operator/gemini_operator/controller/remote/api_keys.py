"""From a job to the Gemini client of its key: read when needed, kept for a minute, never listed."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import KeyRef
from gemini_operator.gemini.api_key import InvalidKey, fingerprint
from gemini_operator.gemini.clients import GeminiClient, GeminiClients
from gemini_operator.kube import secrets
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import BadName, Forbidden, ObjectNotFound

REMEMBERED = 4096
NEGATIVE_TTL = 5.0


class CredentialsProblem(Exception):
    """No usable key; `reason` and the message are for the job's status."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class ApiKey:
    """A usable key; its client is looked up at each use, since unused clients are dropped."""

    key: SecretStr
    key_id: str
    """Equal for equal keys, in this process only; says nothing about the key."""
    clients: GeminiClients

    @property
    def client(self) -> GeminiClient:
        return self.clients.for_key(self.key)

    def fingerprint(self, uid: str) -> str:
        """16 hex digits that tell one key from another for the object `uid`, and nothing else."""
        return fingerprint(self.key, uid)


@dataclass
class _Entry:
    expires: float
    api_key: ApiKey | None
    problem: CredentialsProblem | None
    last_good: ApiKey | None


class ApiKeys:
    """The keys of Secrets, each read again after at most `ttl` seconds.

    Args:
        kube: reads Secrets, by `get` only.
        clients: makes Gemini clients.
        clock: ages the answers.
        ttl: seconds.
        resolved: is told which Secret holds the key of which key_id, and how statuses name that key,
            each time that one is used.
    """

    def __init__(
        self,
        kube: KubeClient,
        clients: GeminiClients,
        clock: Clock,
        ttl: float,
        resolved: Callable[[KeyRef, str, Callable[[str], str]], None] | None = None,
    ) -> None:
        self._kube = kube
        self._clients = clients
        self._clock = clock
        self._ttl = ttl
        self._resolved = resolved or (lambda _ref, _key_id, _fingerprint: None)
        self._entries: OrderedDict[KeyRef, _Entry] = OrderedDict()
        self._reading: dict[KeyRef, asyncio.Lock] = {}

    async def resolve(self, ref: KeyRef) -> ApiKey:
        """The api_key of `ref`.

        Raises:
            CredentialsProblem: the Secret, its key or a usable value is missing.
            gemini_operator.kube.errors.KubeError: the API server did not answer.
        """
        entry = await self._entry(ref)
        if entry.problem is not None:
            raise CredentialsProblem(entry.problem.reason, str(entry.problem))
        if entry.api_key is None:
            raise AssertionError("an entry holds a api_key or a problem")
        self._resolved(ref, entry.api_key.key_id, entry.api_key.fingerprint)
        return entry.api_key

    async def last_good(self, ref: KeyRef) -> ApiKey:
        """As `resolve`, but a key that this process has used before will do (rule P22)."""
        try:
            return await self.resolve(ref)
        except CredentialsProblem:
            entry = self._entries.get(ref)
            if entry is None or entry.last_good is None:
                raise
            return entry.last_good

    async def _entry(self, ref: KeyRef) -> _Entry:
        async with self._reading.setdefault(ref, asyncio.Lock()):
            try:
                known = self._entries.get(ref)
                if known is None or known.expires <= self._clock.monotonic():
                    known = self._remember(ref, await self._read(ref), known)
                return known
            finally:
                self._reading.pop(ref, None)

    def _remember(
        self, ref: KeyRef, found: ApiKey | CredentialsProblem, known: _Entry | None
    ) -> _Entry:
        good = found if isinstance(found, ApiKey) else None
        problem = found if isinstance(found, CredentialsProblem) else None
        ttl = self._ttl if good else min(self._ttl, NEGATIVE_TTL)
        last = good or (known.last_good if known else None)
        entry = _Entry(self._clock.monotonic() + ttl, good, problem, last)
        self._entries[ref] = entry
        self._entries.move_to_end(ref)
        if len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)
        return entry

    async def _read(self, ref: KeyRef) -> ApiKey | CredentialsProblem:
        what = f"Secret {ref.secret}, key {ref.key}"
        try:
            key = await secrets.read_key(self._kube, ref.namespace, ref.secret, ref.key)
            client = self._clients.for_key(key)
            return ApiKey(key, client.fingerprint_group, self._clients)
        except (ObjectNotFound, secrets.KeyMissing, BadName) as error:
            return CredentialsProblem(Reason.CREDENTIALS_MISSING, f"{what}: {error.message}.")
        except Forbidden as error:
            return CredentialsProblem(
                Reason.CREDENTIALS_MISSING,
                f"{what}: the operator may not read it ({error.message}).",
            )
        except InvalidKey as error:
            return CredentialsProblem(Reason.CREDENTIALS_MISSING, f"{what}: {error}.")
