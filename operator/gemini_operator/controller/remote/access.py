"""Access to Google for a job: its API key, and its turn under the call limit."""

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.remote.api_keys import ApiKey, ApiKeys
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Observation


class RemoteAccess:
    """Returns API keys to jobs that may call Google now.

    Args:
        api_keys: reads the keys.
        calls: limits the jobs of a key, and of a namespace, that call Google at a time.
        reads: limits how often batches are read.
    """

    def __init__(self, api_keys: ApiKeys, calls: CallLimit, reads: ReadBudget) -> None:
        self._api_keys = api_keys
        self._calls = calls
        self._reads = reads

    async def enter(self, job: Job) -> ApiKey:
        """Return the job's API key; the job may call Google with it until `leave`.

        A deleted job may use the last key that worked (P22).

        Raises:
            CredentialsProblem: there is no usable key.
            Busy: other jobs of the key or the namespace are calling Google; the job is requeued
                when it may call.
            KubeError: the API server did not answer.
        """
        # The key is read first, because the limit is one for each key.
        found = await (self.last_good(job) if job.deleting else self._api_keys.resolve(job.api_key))
        self._calls.enter(job.key, found.key_id)
        return found

    async def enter_cleanup(self, job: Job) -> ApiKey:
        """As `enter`, but a job that is not deleted may use the last key that worked too.

        A duplicate has to be cancelled even if the Secret is gone.
        """
        found = await self.last_good(job)
        self._calls.enter(job.key, found.key_id)
        return found

    async def enter_read(self, job: Job) -> ApiKey:
        """Return the job's API key for one read of its batch, and count the read.

        Raises:
            CredentialsProblem, Busy, KubeError: as for `enter`.
            Delayed: the read budget is used up.
        """
        found = await self._api_keys.resolve(job.api_key)
        # Before `enter`, so that a job that waits for its turn to read holds up no call. One that
        # is sent away as busy keeps its turn.
        self._reads.reserve(found.key_id, job.key)
        self._calls.enter(job.key, found.key_id)
        self._reads.use(job.key)
        return found

    async def read(self, api_key: ApiKey, name: str) -> Observation:
        """Read a batch after `enter_read`; a 429 slows down the reads with this key.

        Raises:
            GeminiError: as of every read.
        """
        try:
            observation = await api_key.client.batches.observe(name)
        except errors.Throttled as error:
            self._reads.throttled(api_key.key_id, error.retry_after)
            raise
        self._reads.succeeded(api_key.key_id)
        return observation

    async def resolve(self, job: Job) -> ApiKey:
        """Return the job's API key, without the call limit: for a transfer, which has its own.

        Raises:
            CredentialsProblem: there is no usable key.
            KubeError: the API server did not answer.
        """
        return await self._api_keys.resolve(job.api_key)

    async def last_good(self, job: Job) -> ApiKey:
        """Return the job's API key, or its Secret's last good one, without the call limit."""
        return await self._api_keys.last_good(job.api_key)

    def leave(self, key: Key) -> None:
        """End the job's turn, as its reconcile has ended: the next job may call Google."""
        self._calls.leave(key)
        self._reads.leave(key)
