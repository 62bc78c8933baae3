"""Reads a batch's results, and puts them into the order of their requests where that is known."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace

from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import uploading
from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ObjectNotFound
from gemini_operator.payload import config_map, matching, requests, results
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


@dataclass(frozen=True)
class Expected:
    """What is known of the requests of a batch.

    Attributes:
        number: of requests; 0 if nobody says.
        unique_keys: whether each has a key of its own, as the operator has checked. Inputs of others
            may have one key for all.
    """

    number: int
    unique_keys: bool


class Results:
    """Reads results into memory, and matches them with the job's requests.

    Args:
        kube: reads inputs again.
    """

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._batch_jobs = BatchJobs(kube)

    async def read(self, client: GeminiClient, observation: Observation) -> list[BatchResult]:
        """Return the results, for an output that takes about a megabyte.

        Raises:
            ResultsTooLarge, errors.TooLarge: there is more.
            ResultsLate: Google does not show them.
            GeminiError: no answer for now.
        """
        if observation.inline_results is not None:
            items = observation.inline_results
            # In a thread, here and below: a megabyte of few or many results takes a tenth of a second
            # (S10).
            return await in_work_thread(results.of_items, items)
        if observation.too_large or observation.has_stream:
            raise results.ResultsTooLarge("the results are too large to read")
        name = results_file(observation)
        with late_results(name):
            async with aclosing(client.files.download(name, RAW_LIMIT)) as chunks:
                found = await results.of_file(chunks)
        check_readable(name, found)
        return found

    async def match(
        self, job: Job, observation: Observation, found: Sequence[BatchResult]
    ) -> tuple[Matched, str]:
        """The results in the order of the input where that is known, and what to say if it is not.

        Raises:
            Stale: the object has changed or gone.
            KubeError: the API server did not answer.
        """
        expected = expected_of(job, observation)
        if not knows_requests(job):
            return await _as_sent(found, expected), ""
        asked = await self._requests(job)
        if asked is None:
            return await _as_sent(found, expected, named=True), INPUT_CHANGED
        matched = await in_work_thread(matching.match, asked, found)
        return matched, "" if matched.in_order else NO_KEYS

    async def expected(self, job: Job, observation: Observation) -> Expected:
        """What is known of the requests; those in Kubernetes are read again to be counted.

        Raises:
            Stale: the object has changed or gone.
            KubeError: the API server did not answer.
        """
        known = expected_of(job, observation)
        asked = await self._requests(job) if knows_requests(job) else None
        return known if asked is None else replace(known, number=max(known.number, len(asked)))

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
        except (requests.InputMissing, requests.InputRefused, requests.InvalidInput):
            return None
        items, attempt = loaded.inline or (), job.status.attempt
        submitted = attempt.input_sha256 if attempt else None
        # Inline requests cannot change; a ConfigMap can.
        if body["spec"]["input"].get("inline") is None and submitted != requests.digest(items):
            return None
        return [matching.Request(item["key"], item.get("metadata")) for item in items]


def knows_requests(job: Job) -> bool:
    """Return whether the operator can read the job's requests again: those in Kubernetes."""
    source = job.spec.input
    return source is not None and source.file_name is None and source.object is None


def expected_of(job: Job, observation: Observation) -> Expected:
    """Return what is known. Google's own number may be missing, or less than what was uploaded."""
    uploads = uploading.uploads(job)
    file = job.status.input_file if uploads else None
    counted = file.records if file is not None else None
    number = max(observation.summary.requests.total, counted or 0)
    return Expected(number, uploads or knows_requests(job))


async def _as_sent(
    found: Sequence[BatchResult], expected: Expected, *, named: bool = False
) -> Matched:
    return await in_work_thread(
        matching.as_sent,
        found,
        expected.number,
        unique_keys=expected.unique_keys,
        named=named,
    )


def results_file(observation: Observation) -> str:
    """Return the name of the results file.

    Raises:
        ResultsLate: the batch names none.
    """
    if observation.results_file is None:
        raise ResultsLate("Its answer has no results")
    return observation.results_file


@contextmanager
def late_results(what: str) -> Iterator[None]:
    """Turn answers that may be others later into `ResultsLate`."""
    try:
        yield
    except LATE as error:
        ends = not isinstance(error, errors.Throttled | errors.Unavailable)
        raise ResultsLate(f"{what} cannot be read: {error}", ends=ends) from None
    except errors.CredentialsRejected as error:
        # The key has just read the batch, so a 403 is about the file.
        if error.status != 403:
            raise
        raise ResultsLate(f"{what} cannot be read: {error}") from None


def check_readable(name: str, found: Sequence[BatchResult]) -> None:
    """Raise `ResultsLate` if what the file has is no results at all."""
    if found and not any(result.is_any for result in found):
        raise ResultsLate(f"{name} has no results: {found[0].problem}")


def tally_of(matched: Matched, note: str) -> Tally:
    """Return the numbers of results that were read."""
    counts = matched.counts
    return Tally(
        total=matched.total,
        succeeded=matched.succeeded,
        failed=counts[ResultKind.FAILED],
        blocked=counts[ResultKind.BLOCKED],
        lost=counts[ResultKind.EMPTY] + counts[ResultKind.UNREADABLE] + counts[ResultKind.MISSING],
        extra=matched.extra,
        repeated=matched.repeated,
        note=note,
    )
