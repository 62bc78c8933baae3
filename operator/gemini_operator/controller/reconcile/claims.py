"""Claims of other jobs to a batch. A status may be forged, so a claim counts only once proven."""

from collections.abc import Iterable

from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import ownership
from gemini_operator.controller.remote.api_keys import (
    ApiKey,
    ApiKeys,
    CredentialsProblem,
)
from gemini_operator.controller.remote.reads import look
from gemini_operator.controller.store import Store
from gemini_operator.gemini.errors import CredentialsRejected
from gemini_operator.gemini.remote import Summary

# Claims that are checked at Google for one batch. Anybody may create any number of jobs that claim
# it, and each check is a request.
LOOKED_INTO = 8


class Claims:
    """Compares the claims of other jobs with Google's answers.

    Args:
        api_keys: reads the API keys of those jobs.
        store: all jobs.
    """

    def __init__(self, api_keys: ApiKeys, store: Store) -> None:
        self._api_keys = api_keys
        self._store = store

    def previous(self, job: Job) -> Job | None:
        """Return the job that `spec.adopt.previousUID` names, if it exists."""
        wanted = job.spec.adopt.previous_uid if job.spec.adopt else None
        return next((one for one in self._store if wanted and one.uid == wanted), None)

    async def held_by_another(self, job: Job, batch: Summary, api_key: ApiKey) -> bool:
        """Return whether another job has more right to the batch than `job` (S7, P25).

        Raises:
            GeminiError, KubeError: no answer for now.
        """
        # Only adopters can come before a job that submitted its batch. To go through all jobs at
        # each of ten thousand ends would be slow.
        others = self._store if job.spec.adopt is not None else self._store.adopting
        rivals = [one for one in others if ownership.comes_before(one, job, batch)]
        return bool(await self.proven(rivals, batch, api_key))

    async def proven(self, rivals: Iterable[Job], batch: Summary, api_key: ApiKey) -> set[str]:
        """Return the uids of the rivals whose claim is proven; only the oldest few are checked.

        A claim is proven if the rival submitted the batch, or if its own API key can read it.

        Raises:
            GeminiError, KubeError: no answer for now.
        """
        oldest = sorted(rivals, key=lambda one: (one.created, one.uid))[:LOOKED_INTO]
        return {one.uid for one in oldest if await self._is_proven(one, batch, api_key)}

    async def _is_proven(self, rival: Job, batch: Summary, api_key: ApiKey) -> bool:
        if ownership.carries_token(rival, batch):
            return True
        try:
            key = await self._api_keys.resolve(rival.api_key)
            # This key has just read the batch; no second request is needed.
            if key.key_id == api_key.key_id:
                return True
            return await look(key.client, batch.name) is not None
        except (CredentialsProblem, CredentialsRejected):
            # A rival without a usable key has no proof. It must not stall this job.
            return False
