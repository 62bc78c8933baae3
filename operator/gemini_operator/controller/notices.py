"""Kubernetes Events: what a person wants to see in `kubectl describe`, after the status is written."""

import asyncio
import hashlib
from collections.abc import Iterable

from gemini_operator.api import group
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.view import Notice
from gemini_operator.kube import events
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import AlreadyExists, KubeError
from gemini_operator.telemetry import sanitize
from gemini_operator.telemetry.logs import get_logger

IN_FLIGHT = 200

log = get_logger(__name__)


class Notices:
    """
    Posts Events beside the work: one that cannot be posted delays nothing and is only logged.

    An Event's name is derived from the job, the reason and the attempt, so that a pass that runs
    twice posts it once.
    """

    def __init__(self, kube: KubeClient, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, job: Job, notices: Iterable[Notice]) -> None:
        for notice in notices:
            if len(self._tasks) >= IN_FLIGHT:
                log.warning("too many Events at once; one is dropped", reason=notice.reason)
                continue
            task = asyncio.create_task(self._post(job, notice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for the Events under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, job: Job, notice: Notice) -> None:
        try:
            await events.post(
                self._kube,
                regarding=regarding(job),
                reason=notice.reason.value,
                type="Warning" if notice.warning else "Normal",
                note=sanitize.text(notice.note),
                action=notice.reason.value,
                now=self._clock.now(),
                name=_name(job, notice),
            )
        except AlreadyExists:
            return
        except KubeError as error:
            log.warning("an Event was not posted", reason=notice.reason.value, error=str(error))


def regarding(job: Job) -> dict[str, str]:
    """The ObjectReference of the job."""
    return {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "namespace": job.key.namespace,
        "name": job.key.name,
        "uid": job.uid,
    }


def _name(job: Job, notice: Notice) -> str:
    attempt = job.status.attempt.id if job.status.attempt else ""
    parts = (job.uid, notice.reason.value, attempt, notice.note)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    # A name that is cut may end in what no name may end in.
    return f"{job.key.name[:200].rstrip('-.')}.{digest}"
