"""The way from a job to a Gemini client: its API key, and its turn to call Google with it."""

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.remote.api_keys import ApiKey, ApiKeys
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.remote.read_budget import ReadBudget


class RemoteAccess:
    """Hands out API keys to jobs that may call Google now.

    Args:
        api_keys: reads the keys.
        calls: limits the jobs of a key, and of a namespace, that call at a time.
        reads: limits how often batches are read.
    """

    def __init__(self, api_keys: ApiKeys, calls: CallLimit, reads: ReadBudget) -> None:
        self._api_keys = api_keys
        self._calls = calls
        self._reads = reads

    async def enter(self, job: Job) -> ApiKey:
        """The job's API key; the job may call Google with it until it leaves.

        A deleted job may use the last key that worked (rule P22).

        Raises:
            CredentialsProblem: there is no usable key.
            Busy: others of the key or the namespace call Google; the job is woken in its turn.
            KubeError: the API server did not answer.
        """
        found = await (self.last_good(job) if job.deleting else self._api_keys.resolve(job.api_key))
        self._calls.enter(job.key, found.key_id)
        return found

    async def enter_cleanup(self, job: Job) -> ApiKey:
        """As `enter`, but the last key that worked will do for a live job too."""
        found = await self.last_good(job)
        self._calls.enter(job.key, found.key_id)
        return found

    async def enter_read(self, job: Job) -> ApiKey:
        """The job's API key for one read of its batch, which is counted.

        Raises:
            CredentialsProblem, Busy, KubeError: as for `enter`.
            Delayed: the budget asks to wait.
        """
        found = await self._api_keys.resolve(job.api_key)
        self._calls.enter(job.key, found.key_id)
        self._reads.take(found.key_id, job.key)
        return found

    async def last_good(self, job: Job) -> ApiKey:
        """The job's API key, or the last one of its Secret that worked; the job does not enter."""
        return await self._api_keys.last_good(job.api_key)

    def leave(self, key: Key) -> None:
        """The job's reconcile has ended: the next job may call Google."""
        self._calls.leave(key)
