"""Kubernetes Events, posted after the status they report is written."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gemini_operator.api import group
from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, UnreadableJob
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.kube import events as kube_events
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import AlreadyExists, Forbidden, KubeError

# Requests under way at a time. Events are lost before they may slow down the API server.
IN_FLIGHT = 200
# Series whose counts are kept; the least recently used is dropped first.
REMEMBERED = 4096

# Seconds before the same Event is posted again.
AGAIN = 60.0

log = get_logger(__name__)


class EventRecorder:
    """Posts Events in the background; one that cannot be posted is only logged.

    An Event's name is derived from the job, the reason, the attempt and the note. So an Event that
    is posted again raises the count of the first one, at most once a minute.
    """

    def __init__(self, kube: KubeClient, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._series: OrderedDict[str, _Series] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, job: Job | UnreadableJob, events: Iterable[Event]) -> None:
        for event in events:
            if len(self._tasks) >= IN_FLIGHT:
                log.warning("too many Events at once; one was dropped", reason=event.reason)
                continue
            task = asyncio.create_task(self._post(job, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for the Events under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, job: Job | UnreadableJob, event: Event) -> None:
        try:
            await self._say(regarding(job), _name(job, event), event)
        except KubeError as error:
            if not (isinstance(error, Forbidden) and error.namespace_terminating):
                what = {**job.key._asdict(), "reason": event.reason.value}
                log.warning("an Event was not posted", **what, error=str(error))
            # Of all Events only this one must not be lost: the object that could show it is gone.
            elif event.reason == Reason.BATCH_LEFT_BEHIND:
                await self._say_elsewhere(job, event)

    async def _say(self, regarding: dict[str, str], name: str, event: Event) -> None:
        series = self._remember(f"{regarding.get('namespace')}/{name}")
        if series.count and self._clock.monotonic() - series.said < AGAIN:
            return
        # Before the request, so that a second Event meanwhile is not posted too.
        series.said = self._clock.monotonic()
        series.count += 1
        try:
            await self._create(regarding, name, event)
        except AlreadyExists:
            # It is in the cluster, posted by this process or by one before it.
            series.count = max(2, series.count)
            namespace, now = regarding.get("namespace", "default"), self._clock.now()
            await kube_events.repeat(
                self._kube, namespace=namespace, name=name, count=series.count, now=now
            )

    async def _create(self, regarding: dict[str, str], name: str, event: Event) -> None:
        await kube_events.post(
            self._kube,
            regarding=regarding,
            reason=event.reason.value,
            type="Warning" if event.warning else "Normal",
            message=event.note,
            action=event.reason.value,
            now=self._clock.now(),
            name=name,
        )

    async def _say_elsewhere(self, job: Job | UnreadableJob, event: Event) -> None:
        """Post the Event in `default`, about the namespace: a terminating one takes none (P22)."""
        namespace, name = job.key
        about = {"apiVersion": "v1", "kind": "Namespace", "name": namespace}
        note = f"{group.KIND} {namespace}/{name}: {event.note}"
        try:
            await self._say(about, _name(job, event), replace(event, note=note))
        except KubeError as error:
            log.warning("an Event was not posted", reason=event.reason.value, error=str(error))

    def _remember(self, name: str) -> "_Series":
        series = self._series.setdefault(name, _Series())
        self._series.move_to_end(name)
        if len(self._series) > REMEMBERED:
            self._series.popitem(last=False)
        return series


@dataclass
class _Series:
    count: int = 0
    said: float = 0.0


def regarding(job: Job | UnreadableJob) -> dict[str, str]:
    """Return the ObjectReference of the job."""
    return {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "namespace": job.key.namespace,
        "name": job.key.name,
        "uid": job.uid,
    }


def _name(job: Job | UnreadableJob, event: Event) -> str:
    known = job.status.attempt if isinstance(job, Job) else None
    attempt = known.id if known else ""
    parts = (job.uid, event.reason.value, attempt, event.note)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    # A name that is cut may end in a dash or a dot, which DNS-1123 does not allow.
    return f"{job.key.name[:200].rstrip('-.')}.{digest}"
