"""Cancel and delete at Google, never anything that is not the job's own (rules S7, P21)."""

from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.ownership import owns
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.looking import look
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Summary
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Disposer:
    """
    Ends batches, after comparing what Google says of each with the job.

    Args:
        claims: knows who else holds a batch.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    async def dispose(self, api_key: ApiKey, job: Job, name: str) -> bool:
        """
        Cancel and delete the batch `name`; gone already is done.

        Returns:
            Whether the batch was there and the job's.

        Raises:
            GeminiError, KubeError: Google did not do it; disposing again is safe.
        """
        client = api_key.client
        summary = await look(client, name)
        if summary is None or not await self._may_touch(job, summary, api_key):
            return False
        if not summary.terminal:
            await _cancel(client, name)
        try:
            await client.batches.delete(name)
        except errors.NotFound:
            log.debug("the batch is deleted already", batch=name)
        return True

    async def cancel(self, api_key: ApiKey, job: Job, name: str) -> None:
        """
        Cancel the batch `name`; one that has ended or is gone needs none.

        Raises:
            GeminiError, KubeError: Google did not do it; cancelling again is safe.
        """
        summary = await look(api_key.client, name)
        if summary is None or summary.terminal:
            return
        if await self._may_touch(job, summary, api_key):
            await _cancel(api_key.client, name)

    async def _may_touch(self, job: Job, summary: Summary, api_key: ApiKey) -> bool:
        if owns(job, summary) and not await self._claims.held_by_another(job, summary, api_key):
            return True
        log.error(
            "a batch is not this job's and is left alone", **job.key._asdict(), batch=summary.name
        )
        return False


async def _cancel(client: GeminiClient, name: str) -> None:
    try:
        await client.batches.cancel(name)
    except (errors.NotFound, errors.Rejected):
        log.debug("the batch has ended already", batch=name)
