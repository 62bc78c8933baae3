"""From a batch's results to the job's output, and to what is said of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ParamSpec, TypeVar

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.store import Store
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation, Outcome
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ObjectNotFound
from gemini_operator.payload import config_map, embeddings, matching, requests, results
from gemini_operator.payload.matching import Matched
from gemini_operator.payload.results import BatchResult, ResultKind

# Google's lines may hold members that are left out of ours.
RAW_LIMIT = 2 * config_map.LIMIT

LATE = (
    errors.NotFound,
    errors.Rejected,
    errors.Throttled,
    errors.Unavailable,
)
"""Answers to the download of a result file that may be another one later."""

MANY = 50
"""Results that are decoded and encoded beside the event loop."""

P = ParamSpec("P")
T = TypeVar("T")

REFUSED_PAUSE = 60.0
"""Seconds until an output that the cluster refuses is tried again; each try reads the results."""

INPUT_CHANGED = (
    "The input has changed since it was submitted or is gone, so the lines are in Google's order."
)
NO_KEYS = (
    "Google sent results without keys, and not one for each request, so the lines are in Google's "
    "order."
)


class ResultsLate(Exception):
    """Google does not show the results, though it reports that they exist.

    Args:
        problem: what Google shows instead.
        ends: whether to give up after some time. A server that is down may be down for longer.
    """

    def __init__(self, problem: str, *, ends: bool = True) -> None:
        super().__init__(problem)
        self.ends = ends


UNDELIVERABLE = (
    ResultsLate,
    config_map.DeliveryRefused,
    config_map.OutputRefused,
    errors.TooLarge,
    results.ResultsTooLarge,
)
"""Why results cannot be delivered, or not yet."""


class Delivery:
    """Brings results to outputs.

    Args:
        kube: reads inputs again; checks and creates ConfigMaps.
        store: tells which other job delivers to the same place.
        claims: knows who else holds a batch.
    """

    def __init__(self, kube: KubeClient, store: Store, claims: Claims) -> None:
        self._kube = kube
        self._store = store
        self._batch_jobs = BatchJobs(kube)
        self._outputs: dict[tuple[str, str], str] = {}
        self._claims = claims

    async def check(self, job: Job) -> None:
        """Make sure, before anything is paid for, that the results will have a place.

        Raises:
            DeliveryRefused: the ConfigMap belongs to something else, or to another job that was
                first and has not ended.
            OutputRefused: the API server, a policy or a quota refuses the ConfigMap.
            KubeError: the API server did not answer.
        """
        name = _config_map(job)
        if name is None:
            return
        self._claim_output(job, name)
        await config_map.check(self._kube, job.key.namespace, name, _owner(job))

    def _claim_output(self, job: Job, name: str) -> None:
        """Nothing in it awaits: of two jobs that are checked at a time only one gets through."""
        place = job.key.namespace, name
        for other in self._store.delivering_to(*place):
            over = other.finished or other.deleting or other.uid == job.uid
            # After a restart the attempts in the statuses tell who was first.
            first = other.status.attempt is not None or self._outputs.get(place) == other.uid
            if first and not over:
                raise config_map.DeliveryRefused(
                    f"job {other.key.name} delivers to ConfigMap {name} too: name another"
                )
        self._outputs[place] = job.uid

    async def deliver(
        self, snapshot: Snapshot, observation: Observation, api_key: ApiKey
    ) -> PatchStatus:
        """Count the results of a batch that has ended, put them into the output, and end the job.

        Raises:
            Stale: the object has changed or gone.
            GeminiError, KubeError: no answer for now; delivering again is safe.
        """
        if await self._claims.held_by_another(snapshot.job, observation.summary, api_key):
            return completion.somebody_elses(snapshot, observation)
        if observation.summary.outcome is not Outcome.SUCCEEDED:
            return await self._deliver_partly(snapshot, observation, api_key.client)
        try:
            return await self._deliver(snapshot, observation, api_key.client)
        except (results.ResultsTooLarge, errors.TooLarge) as error:
            return completion.undeliverable(
                snapshot, observation, Reason.OUTPUT_TOO_LARGE, f"{error}."
            )
        except config_map.OutputRefused as error:
            return completion.refused(snapshot, observation, f"{error}.", REFUSED_PAUSE)
        except config_map.DeliveryRefused as error:
            return completion.undeliverable(
                snapshot, observation, Reason.DELIVERY_FAILED, f"{error}."
            )
        except ResultsLate as error:
            waiting = completion.late(snapshot, observation, f"{error}.", ends=error.ends)
            return waiting or completion.never_shown(snapshot, observation, f"{error}.")

    async def _deliver_partly(
        self, snapshot: Snapshot, observation: Observation, client: GeminiClient
    ) -> PatchStatus:
        """Deliver what there is of a batch that did not succeed; if that fails, refer to it."""
        try:
            return await self._deliver(snapshot, observation, client)
        except UNDELIVERABLE as error:
            # The job has ended badly in any case, and the reason for that is the one to show.
            place = completion.at_google(observation)
            return completion.delivered(snapshot, observation, place, None, f"{error}.")

    async def _deliver(
        self, snapshot: Snapshot, observation: Observation, client: GeminiClient
    ) -> PatchStatus:
        job, name = snapshot.job, _config_map(snapshot.job)
        place = completion.at_google(observation)
        if name is None and observation.inline_results is None:
            if not observation.has_results:
                raise ResultsLate("Its answer has no results")
            # A file that stays at Google is not read only to be counted: it may have gigabytes.
            return completion.delivered(snapshot, observation, place, None)
        found = await _read(client, observation)
        matched, note = await self._match(job, observation, found)
        if not found and matched.total and observation.summary.outcome is Outcome.SUCCEEDED:
            # After an hour an empty list is what Google has: every request is missing then.
            waiting = completion.late(snapshot, observation, "Its list of results is empty.")
            if waiting is not None:
                return waiting
        if name is not None:
            place = await config_map.deliver(
                self._kube, job.key.namespace, name, _owner(job), matched.lines
            )
            # From here on the ConfigMap itself shows whose it is.
            self._outputs.pop((job.key.namespace, name), None)
        return completion.delivered(snapshot, observation, place, _tally(matched, note))

    async def _match(
        self, job: Job, observation: Observation, found: Sequence[BatchResult]
    ) -> tuple[Matched, str]:
        """The results in the order of the input where that is known, and what to say if it is not."""
        expected = observation.summary.requests.total
        if job.spec.input is None or job.spec.input.file_name is not None:
            return await _aside(found, matching.as_sent, found, expected), ""
        asked = await self._requests(job)
        if asked is None:
            return await _aside(found, matching.as_sent, found, expected), INPUT_CHANGED
        matched = await _aside(found, matching.match, asked, found)
        return matched, "" if matched.in_order else NO_KEYS

    async def _requests(self, job: Job) -> list[matching.Request] | None:
        """The requests that were submitted; `None` if the input is no longer the same."""
        try:
            body = await self._batch_jobs.get(*job.key)
        except ObjectNotFound:
            raise Stale from None
        if body["metadata"]["uid"] != job.uid:
            raise Stale
        try:
            loaded = await requests.load(self._kube, job.key.namespace, job.spec, body["spec"])
        except (requests.InputMissing, requests.InvalidInput):
            return None
        items, attempt = loaded.inline or (), job.status.attempt
        submitted = attempt.input_sha256 if attempt else None
        # Inline requests cannot change; a ConfigMap can.
        if body["spec"]["input"].get("inline") is None and submitted != requests.digest(items):
            return None
        return [matching.Request(item["key"], item.get("metadata")) for item in items]


def check_size(job: Job, items: Sequence[Mapping[str, Any]]) -> None:
    """Check, before anything is billed, that the results of embedding requests can fit.

    Raises:
        ResultsTooLarge: they cannot.
    """
    if _config_map(job) is None or job.spec.type != "EmbedContent":
        return
    least = embeddings.least_bytes(job.spec.model, items)
    if least > config_map.LIMIT:
        raise results.ResultsTooLarge(
            f"{len(items)} embeddings need more than {least} bytes, and a ConfigMap takes "
            f"{config_map.LIMIT}; create several jobs, set outputDimensionality, or leave out "
            "spec.output"
        )


def _owner(job: Job) -> config_map.Owner:
    return config_map.Owner(job.key.name, job.uid)


def _config_map(job: Job) -> str | None:
    output = job.spec.output
    return output.config_map.name if output is not None and output.config_map is not None else None


async def _read(client: GeminiClient, observation: Observation) -> list[BatchResult]:
    if observation.inline_results is not None:
        items = observation.inline_results
        return await _aside(items, results.of_items, items)
    if observation.too_large:
        raise results.ResultsTooLarge("the results are too large to read")
    if observation.results_file is None:
        raise ResultsLate("Its answer has no results")
    try:
        async with aclosing(client.files.download(observation.results_file, RAW_LIMIT)) as chunks:
            found = await results.of_file(chunks)
    except LATE as error:
        ends = not isinstance(error, errors.Throttled | errors.Unavailable)
        raise ResultsLate(
            f"{observation.results_file} cannot be read: {error}", ends=ends
        ) from None
    except errors.CredentialsRejected as error:
        # The key has just read the batch, so a 403 is about the file.
        if error.status != 403:
            raise
        raise ResultsLate(f"{observation.results_file} cannot be read: {error}") from None
    if found and all(result.problem is not None and result.key is None for result in found):
        raise ResultsLate(f"{observation.results_file} has no results: {found[0].problem}")
    return found


async def _aside(
    found: Sequence[object], work: Callable[P, T], *args: P.args, **named: P.kwargs
) -> T:
    """Do `work` in a thread if there are many results: 64 MB of them would hold up other jobs."""
    if len(found) < MANY:
        return work(*args, **named)
    return await asyncio.to_thread(work, *args, **named)


def _tally(matched: Matched, note: str) -> Tally:
    counts = matched.counts
    return Tally(
        total=matched.total,
        succeeded=matched.succeeded,
        failed=counts[ResultKind.FAILED],
        blocked=counts[ResultKind.BLOCKED],
        lost=counts[ResultKind.EMPTY] + counts[ResultKind.UNREADABLE] + counts[ResultKind.MISSING],
        extra=matched.extra,
        note=note,
    )
