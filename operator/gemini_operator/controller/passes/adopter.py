"""Carries out `Adopt`: who else claims the batch, and what is it?"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from gemini_operator.api.reasons import Reason
from gemini_operator.api.spec import Adopt as Terms
from gemini_operator.api.status import Attempt
from gemini_operator.controller.job import from_object
from gemini_operator.controller.lifecycle import adoption, submission
from gemini_operator.controller.lifecycle.adoption import Holder
from gemini_operator.controller.lifecycle.view import View, Write
from gemini_operator.controller.passes import disposer
from gemini_operator.controller.reading.credentials import Credential
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload import config_map


class Adopter:
    """
    Decides adoptions.

    Args:
        kube: checks outputs.
        batch_jobs: lists who has or claims a batch.
        namespaces: the namespaces watched; `None` for all.
    """

    def __init__(
        self, kube: KubeClient, batch_jobs: BatchJobs, namespaces: Sequence[str] | None
    ) -> None:
        self.turn = asyncio.Lock()
        """
        To be held from before `adopt` until its answer is written.

        So what a job lists shows every earlier adoption, and exactly one of several has the batch.
        """
        self._kube = kube
        self._batch_jobs = batch_jobs
        self._namespaces = namespaces

    async def adopt(self, view: View, terms: Terms, credential: Credential) -> Write:
        """
        What becomes of the job that claims the batch of `terms`.

        Raises:
            KubeError, GeminiError: no answer for now; asking again is safe.
        """
        refused = adoption.refused(view, terms, await self._holders(view, terms.batch_name))
        if refused is not None:
            return refused
        try:
            await self._check_output(view)
        except config_map.DeliveryRefused as error:
            message = f"Nothing was adopted, for the results would have no place: {error}."
            return submission.failed(view, Reason.DELIVERY_FAILED, "", message)
        batch = await disposer.look(credential.client, terms.batch_name)
        return adoption.settled(view, terms, batch, _record(view, terms, credential))

    async def _holders(self, view: View, batch: str) -> list[Holder]:
        listed = await self._batch_jobs.list_by_batch(self._namespaces, batch)
        return [_holder(body, batch) for body in listed if body["metadata"]["uid"] != view.job.uid]

    async def _check_output(self, view: View) -> None:
        output = view.job.spec.output
        if output is not None and output.config_map is not None:
            namespace, name = view.job.key.namespace, output.config_map.name
            await config_map.check(self._kube, namespace, name, view.job.uid)


def _record(view: View, terms: Terms, credential: Credential) -> Attempt:
    return Attempt(
        id=secrets.token_hex(8),
        number=1,
        start_time=view.now,
        batch_name=terms.batch_name,
        api_key_fingerprint=credential.fingerprint(view.job.uid),
    )


def _holder(body: Mapping[str, Any], batch: str) -> Holder:
    job = from_object(body)
    attempt = job.status.attempt
    return Holder(
        uid=job.uid,
        created=job.created,
        has_it=attempt is not None and attempt.batch_name == batch,
        over=job.finished or job.deleting,
    )
