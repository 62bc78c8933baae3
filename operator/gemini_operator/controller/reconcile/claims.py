"""Who else holds a batch: read off objects that anybody may have forged, believed once proven."""

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

# Claims that are looked into at a time: anybody may make any number of them.
LOOKED_INTO = 8


class Claims:
    """Compares what other jobs say of a batch with what Google says.

    Args:
        api_keys: the keys of those jobs.
        store: the jobs.
    """

    def __init__(self, api_keys: ApiKeys, store: Store) -> None:
        self._api_keys = api_keys
        self._store = store

    def previous(self, job: Job) -> Job | None:
        """The object that `spec.adopt.previousUID` names, if it is there."""
        wanted = job.spec.adopt.previous_uid if job.spec.adopt else None
        return next((one for one in self._store if wanted and one.uid == wanted), None)

    async def held_by_another(self, job: Job, batch: Summary, api_key: ApiKey) -> bool:
        """Whether another job comes before `job` at the batch, whatever `job` says of itself (S7,
        P25).

        Raises:
            GeminiError, KubeError: no answer for now.
        """
        # Only heirs come before a job that submitted its batch: ten thousand ends must not be slow.
        others = self._store if job.spec.adopt is not None else self._store.adopting
        rivals = [one for one in others if ownership.comes_before(one, job, batch)]
        return bool(await self.proven(rivals, batch, api_key))

    async def proven(self, rivals: Iterable[Job], batch: Summary, api_key: ApiKey) -> set[str]:
        """The uids of those of the oldest `rivals` whose own key reads the batch, or who submitted
        it.

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
            if key.key_id == api_key.key_id:
                return True
            return await look(key.client, batch.name) is not None
        except (CredentialsProblem, CredentialsRejected):
            return False
