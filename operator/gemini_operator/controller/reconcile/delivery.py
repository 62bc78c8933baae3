"""Delivers a batch's results to the job's output."""

from contextlib import aclosing

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload import config_map, results

# Bytes of a results file that are read. Google's lines may have members that are left out of the
# ConfigMap, so a file beyond the ConfigMap's own limit may still fit.
RAW_LIMIT = 2 * config_map.LIMIT

UNDELIVERABLE = (
    config_map.DeliveryRefused,
    results.MalformedResults,
    results.ResultsMissing,
    errors.NotFound,
    errors.Rejected,
)
"""Errors that a retry cannot fix; they fail the job."""


class Delivery:
    """Delivers results.

    Args:
        kube: checks and creates ConfigMaps.
        claims: tells whether another job has more right to a batch.
    """

    def __init__(self, kube: KubeClient, claims: Claims) -> None:
        self._kube = kube
        self._claims = claims

    async def check(self, job: Job) -> None:
        """Check that the output ConfigMap is free, before a batch is paid for.

        Raises:
            DeliveryRefused: the ConfigMap exists and is not this job's.
            KubeError: the API server did not answer.
        """
        if (name := _config_map(job)) is not None:
            await config_map.check(self._kube, job.key.namespace, name, job.uid)

    async def deliver(
        self, snapshot: Snapshot, observation: Observation, api_key: ApiKey
    ) -> PatchStatus:
        """Deliver the results of a succeeded batch.

        Returns:
            The status that ends the job: complete, or failed because the results cannot be
            delivered or belong to another job.

        Raises:
            GeminiError, KubeError: no answer for now; delivering again is safe.
        """
        job = snapshot.job
        # Compared again here: the batch may have been adopted by another job since it was found.
        if await self._claims.held_by_another(job, observation.summary, api_key):
            return completion.somebody_elses(snapshot, observation)
        name = _config_map(job)
        if name is None:
            return completion.delivered(snapshot, observation, completion.at_google(observation))
        try:
            rendered = await _results(api_key.client, observation)
            delivered = await config_map.deliver(
                self._kube, job.key.namespace, name, job.uid, rendered
            )
        except (results.ResultsTooLarge, errors.TooLarge) as error:
            return completion.undeliverable(
                snapshot, observation, Reason.OUTPUT_TOO_LARGE, f"{error}."
            )
        except UNDELIVERABLE as error:
            return completion.undeliverable(
                snapshot, observation, Reason.DELIVERY_FAILED, f"{error}."
            )
        return completion.delivered(snapshot, observation, delivered)


def _config_map(job: Job) -> str | None:
    output = job.spec.output
    return output.config_map.name if output is not None and output.config_map is not None else None


async def _results(client: GeminiClient, observation: Observation) -> results.Results:
    if observation.inline_results is not None:
        return results.from_inline(observation.inline_results, config_map.LIMIT)
    if observation.too_large:
        raise results.ResultsTooLarge("the results are too large to read")
    if observation.results_file is None:
        raise results.ResultsMissing(
            "Google reports that the batch succeeded, but its answer has no results"
        )
    # A reader that stops early must close the connection, or it stays in the pool as busy.
    async with aclosing(client.files.download(observation.results_file, RAW_LIMIT)) as chunks:
        return await results.from_file(chunks, config_map.LIMIT)
