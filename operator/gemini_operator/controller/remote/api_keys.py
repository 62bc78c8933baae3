"""The API keys in Secrets: read when needed, cached for at most a minute, never listed."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.gemini.api_key import InvalidKey, fingerprint
from gemini_operator.gemini.clients import GeminiClient, GeminiClients
from gemini_operator.kube import secrets
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import BadName, Forbidden, ObjectNotFound

# Secrets in the cache; the least recently read is dropped first.
REMEMBERED = 4096
# Seconds for which a missing key is cached. A user who creates the Secret should not wait a minute.
NEGATIVE_TTL = 5.0


class CredentialsProblem(Exception):
    """There is no usable API key; `reason` and the message go into the job's status."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class ApiKey:
    """A usable API key. Its client is looked up at each use, since unused clients are dropped."""

    key: SecretStr
    key_id: str
    """Equal for equal keys, in this process only; reveals nothing of the key."""
    clients: GeminiClients

    @property
    def client(self) -> GeminiClient:
        return self.clients.for_key(self.key)

    def fingerprint(self, uid: str) -> str:
        """Return 16 hexadecimal digits that identify the key among all keys, for the object `uid`.

        Objects have different fingerprints of the same key, so a status does not show which jobs
        share one.
        """
        return fingerprint(self.key, uid)

    def differs(self, job: Job) -> bool:
        """Return whether the job's attempt was sent with another API key; if unknown, it was not."""
        recorded = job.status.attempt.api_key_fingerprint if job.status.attempt else None
        return recorded is not None and recorded != self.fingerprint(job.uid)


@dataclass
class _Entry:
    read: float
    expires: float
    api_key: ApiKey | None
    problem: CredentialsProblem | None
    last_good: ApiKey | None


class ApiKeys:
    """A cache of the API keys in Secrets.

    Args:
        kube: reads Secrets, by `get` only.
        clients: makes Gemini clients.
        clock: ages the cache.
        ttl: seconds after which a Secret is read again.
        resolved: called at each use with the Secret, the id of its key, and the function that
            returns the key's fingerprint for a uid.
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

    async def resolve(self, ref: KeyRef, *, max_age: float = math.inf) -> ApiKey:
        """Return the API key in the Secret `ref`.

        Args:
            ref: the Secret.
            max_age: seconds after which it is read again, although it may be cached for longer.

        Raises:
            CredentialsProblem: the Secret or its key is missing, or the value cannot be an API key.
            gemini_operator.kube.errors.KubeError: the API server did not answer.
        """
        found = _usable(await self._entry(ref, max_age))
        self._resolved(ref, found.key_id, found.fingerprint)
        return found

    async def last_good(self, ref: KeyRef) -> ApiKey:
        """As `resolve`, but fall back to the last key this process read from the Secret (P22)."""
        try:
            return await self.resolve(ref)
        except CredentialsProblem:
            entry = self._entries.get(ref)
            if entry is None or entry.last_good is None:
                raise
            return entry.last_good

    def last_read(self, ref: KeyRef) -> str | None:
        """Return the id of the last API key that was read from the Secret, if that is known."""
        known = self._entries.get(ref)
        return known.last_good.key_id if known and known.last_good else None

    async def corrected(self, ref: KeyRef, rejected: str | None) -> ApiKey | None:
        """Read the Secret again, and return its API key if it is another one than was rejected.

        Args:
            ref: the Secret.
            rejected: the id of the key; `None` if there was none.

        Raises:
            CredentialsProblem: the Secret has no usable key.
            gemini_operator.kube.errors.KubeError: the API server did not answer.
        """
        found = _usable(await self._entry(ref, max_age=0.0))
        if found.key_id == rejected:
            return None
        self._resolved(ref, found.key_id, found.fingerprint)
        return found

    async def _entry(self, ref: KeyRef, max_age: float) -> _Entry:
        # One read at a time for each Secret: a thousand jobs that share one cause one request.
        async with self._reading.setdefault(ref, asyncio.Lock()):
            try:
                known = self._entries.get(ref)
                now = self._clock.monotonic()
                if known is None or known.expires <= now or now - known.read >= max_age:
                    known = self._remember(ref, await self._read(ref), known)
                return known
            finally:
                # Those that wait have the lock already, and find the entry; the table stays small.
                self._reading.pop(ref, None)

    def _remember(
        self, ref: KeyRef, found: ApiKey | CredentialsProblem, known: _Entry | None
    ) -> _Entry:
        good = found if isinstance(found, ApiKey) else None
        problem = found if isinstance(found, CredentialsProblem) else None
        ttl = self._ttl if good else min(self._ttl, NEGATIVE_TTL)
        last = good or (known.last_good if known else None)
        now = self._clock.monotonic()
        entry = _Entry(now, now + ttl, good, problem, last)
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
            return ApiKey(key, client.key_id, self._clients)
        except (ObjectNotFound, secrets.KeyMissing, BadName) as error:
            return CredentialsProblem(Reason.CREDENTIALS_MISSING, f"{what}: {error.message}.")
        # The message names the cause: that the Secret is missing would mislead the user here.
        except Forbidden as error:
            return CredentialsProblem(
                Reason.CREDENTIALS_MISSING,
                f"{what}: the operator may not read it. Ask an administrator to add its name to the "
                f"chart's apiKeySecrets.allowedNames ({error.message}).",
            )
        except InvalidKey as error:
            return CredentialsProblem(Reason.CREDENTIALS_MISSING, f"{what}: {error}.")


def _usable(entry: _Entry) -> ApiKey:
    """Return the API key of an entry, or raise its problem."""
    if entry.problem is not None:
        # A new exception each time: a raised one keeps its traceback, and grows when reused.
        raise CredentialsProblem(entry.problem.reason, str(entry.problem))
    if entry.api_key is None:
        raise AssertionError("an entry holds a api_key or a problem")
    return entry.api_key
