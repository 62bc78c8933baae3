"""From a batch's results to the job's output."""

from contextlib import aclosing

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.snapshot import PatchStatus, Snapshot
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload import config_map, results

# Google's lines may hold members that are left out of ours.
RAW_LIMIT = 2 * config_map.LIMIT


async def deliver(
    kube: KubeClient, client: GeminiClient, snapshot: Snapshot, observation: Observation
) -> PatchStatus:
    """
    Put the results of a succeeded batch into the output and end the job.

    Raises:
        GeminiError, KubeError: no answer for now; delivering again is safe.
    """
    job = snapshot.job
    output = job.spec.output
    if output is None or output.config_map is None:
        return completion.delivered(snapshot, observation, completion.at_google(observation))
    try:
        rendered = await _results(client, observation)
        delivered = await config_map.deliver(
            kube, job.key.namespace, output.config_map.name, job.uid, rendered
        )
    except (results.ResultsTooLarge, errors.TooLarge) as error:
        return completion.undeliverable(snapshot, observation, Reason.OUTPUT_TOO_LARGE, f"{error}.")
    except (
        config_map.DeliveryRefused,
        results.MalformedResults,
        results.ResultsMissing,
        errors.NotFound,
        errors.Rejected,
    ) as error:
        return completion.undeliverable(snapshot, observation, Reason.DELIVERY_FAILED, f"{error}.")
    return completion.delivered(snapshot, observation, delivered)


async def _results(client: GeminiClient, observation: Observation) -> results.Results:
    if observation.inline_results is not None:
        return results.from_inline(observation.inline_results, config_map.LIMIT)
    if observation.too_large:
        raise results.ResultsTooLarge("the results are too large to be read")
    if observation.results_file is None:
        raise results.ResultsMissing(
            "Google says that the batch succeeded, but its answer holds no results"
        )
    async with aclosing(client.files.download(observation.results_file, RAW_LIMIT)) as chunks:
        return await results.from_file(chunks, config_map.LIMIT)
