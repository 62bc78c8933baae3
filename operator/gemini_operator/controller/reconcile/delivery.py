"""From a batch's results to the job's output, and to what is said of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.output import OutputObject
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Seen, Snapshot
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.object_delivery import ObjectDelivery
from gemini_operator.controller.reconcile.results import Results, ResultsLate, tally_of
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.store import Store
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Observation, Outcome
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload import config_map, embeddings
from gemini_operator.payload.objects.errors import InvalidUri, ObjectError, Truncated, Unavailable
from gemini_operator.payload.results import ResultsTooLarge

REFUSED_PAUSE = 60.0
"""Seconds until an output that the cluster refuses is tried again; each try reads the results."""

MANY = 1000
"""Claimed outputs after which those of jobs that have ended, or are gone, are forgotten."""

EMPTY = "Its list of results is empty"

UNDELIVERABLE = (
    ResultsLate,
    config_map.DeliveryRefused,
    config_map.OutputRefused,
    ObjectError,
    errors.TooLarge,
    ResultsTooLarge,
)
"""Why results cannot be delivered, or not yet."""


class Delivery:
    """Brings results to outputs.

    Args:
        kube: checks and creates ConfigMaps.
        store: tells which other job delivers to the same place.
        claims: knows who else holds a batch.
        results: reads results that fit into memory.
        objects: copies results to object storage.
    """

    def __init__(
        self,
        kube: KubeClient,
        store: Store,
        claims: Claims,
        results: Results,
        objects: ObjectDelivery,
    ) -> None:
        self._kube = kube
        self._store = store
        self._results = results
        self._objects = objects
        self._outputs: dict[tuple[str, str], str] = {}
        self._most = MANY
        self._claims = claims

    async def check(self, job: Job) -> None:
        """Make sure, before anything is paid for, that the results will have a place.

        Raises:
            DeliveryRefused: the ConfigMap belongs to something else, or to another job that was
                first and has not ended.
            OutputRefused: the API server, a policy or a quota refuses the ConfigMap.
            ObjectError: there is no bucket, or there are no credentials for it.
            KubeError: the API server did not answer.
        """
        to, name = _object(job), _config_map(job)
        if to is not None:
            await self._objects.check(job, to)
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
                    f"job {other.key.name} delivers to ConfigMap {name} too"
                )
        self._outputs[place] = job.uid
        if len(self._outputs) > self._most:
            self._outputs = {at: uid for at, uid in self._outputs.items() if self._waits(at, uid)}
            self._most = max(MANY, 2 * len(self._outputs))

    def _waits(self, place: tuple[str, str], uid: str) -> bool:
        jobs = self._store.delivering_to(*place)
        return any(job.uid == uid and not job.finished for job in jobs)

    def under_way(self, snapshot: Snapshot) -> Seen | None:
        """Return the batch whose results are being copied, or have been: it need not be read again."""
        observation = self._objects.under_way(snapshot.job)
        return None if observation is None else Seen(observation)

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
        except (ResultsTooLarge, errors.TooLarge) as error:
            return completion.undeliverable(
                snapshot, observation, Reason.OUTPUT_TOO_LARGE, f"{error}."
            )
        except (config_map.DeliveryRefused, InvalidUri) as error:
            return completion.undeliverable(
                snapshot, observation, Reason.DELIVERY_FAILED, f"{error}."
            )
        except config_map.OutputRefused as error:
            return completion.refused(snapshot, observation, f"{error}.", REFUSED_PAUSE)
        except ObjectError as error:
            return completion.refused(snapshot, observation, f"{error}.")
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
            # A job that has ended tries nothing again.
            problem = error.problem if isinstance(error, ObjectError) else str(error)
            if _may_pass(error):
                waiting = completion.partly_late(snapshot, observation, f"{problem}.")
                if waiting is not None:
                    return waiting
            # The job has ended badly in any case, and the reason for that is the one to show.
            place = completion.at_google(observation)
            return completion.delivered(snapshot, observation, place, None, f"{problem}.")

    async def _deliver(
        self, snapshot: Snapshot, observation: Observation, client: GeminiClient
    ) -> PatchStatus:
        job, name, to = snapshot.job, _config_map(snapshot.job), _object(snapshot.job)
        if to is not None:
            return await self._deliver_object(snapshot, observation, client, to)
        place = completion.at_google(observation)
        if name is None and observation.inline_results is None:
            if not observation.has_results:
                raise ResultsLate("Its answer has no results")
            # A file that stays at Google is not read only to be counted: it may have gigabytes.
            return completion.delivered(snapshot, observation, place, None)
        try:
            found = await self._results.read(client, observation)
        except (ResultsTooLarge, errors.TooLarge):
            # How large they are is not known: reading stopped.
            room = config_map.size(config_map.LIMIT)
            raise ResultsTooLarge(
                f"The results have more than {room}, and that is all a ConfigMap has room for"
            ) from None
        matched, note = await self._results.match(job, observation, found)
        if not found and observation.summary.outcome is Outcome.SUCCEEDED:
            if not matched.total:
                # Not even Google's count is there, and no batch is without requests.
                raise ResultsLate(EMPTY)
            # After an hour an empty list is what Google has: every request is missing then.
            waiting = completion.late(snapshot, observation, f"{EMPTY}.")
            if waiting is not None:
                return waiting
        if name is not None:
            place = await config_map.deliver(
                self._kube, job.key.namespace, name, _owner(job), matched.lines
            )
            # From here on the ConfigMap itself shows whose it is.
            self._outputs.pop((job.key.namespace, name), None)
        return completion.delivered(snapshot, observation, place, tally_of(matched, note))

    async def _deliver_object(
        self, snapshot: Snapshot, observation: Observation, client: GeminiClient, to: OutputObject
    ) -> PatchStatus:
        if not observation.has_results:
            raise ResultsLate("Its answer has no results")
        done = await self._objects.deliver(snapshot, observation, client, to)
        if isinstance(done, PatchStatus):
            return done
        return completion.delivered(snapshot, observation, done.place, done.tally)


def check_size(job: Job, items: Sequence[Mapping[str, Any]]) -> None:
    """Check, before anything is billed, that the results of embedding requests can fit.

    Raises:
        ResultsTooLarge: they cannot.
    """
    if _config_map(job) is None or job.spec.type != "EmbedContent":
        return
    least = embeddings.least_bytes(job.spec.model, items)
    if least > config_map.LIMIT:
        raise ResultsTooLarge(
            f"{len(items)} embeddings need more than {config_map.size(least)}, and a ConfigMap has "
            f"room for {config_map.size(config_map.LIMIT)}; split them into several jobs, set "
            "outputDimensionality, set spec.output.object, or leave out spec.output"
        )


def _may_pass(error: Exception) -> bool:
    """Return whether what keeps results from their place may be over soon without anybody's help."""
    if isinstance(error, ResultsLate):
        return not error.ends
    return isinstance(error, Unavailable | Truncated)


def _owner(job: Job) -> config_map.Owner:
    return config_map.Owner(job.key.name, job.uid)


def _object(job: Job) -> OutputObject | None:
    return job.spec.output.object if job.spec.output is not None else None


def _config_map(job: Job) -> str | None:
    output = job.spec.output
    return output.config_map.name if output is not None and output.config_map is not None else None
