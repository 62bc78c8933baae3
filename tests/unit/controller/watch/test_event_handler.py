import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gemini_operator.api import group
from gemini_operator.controller.job import JobReader, Key
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.usage import QuotaUsage
from gemini_operator.controller.remote.read_budget import Delayed, Rate, ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.kube import decoding
from tests.unit.controller.builders import INLINE, MODEL, OTHER_UID, UID, a_job
from tests.unit.controller.clocks import ManualClock
from tests.unit.controller.quotas import a_quota

KEY, OTHER = Key("team-a", "job"), Key("team-a", "other")


class Parts:
    """An event_handler with everything that it fills and empties."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.places, self.memory = QuotaUsage(), Memory()
        self.queue = KeyedQueue(self.clock)
        self.store = Store(self.places.changed, self.queue.acknowledge)
        self.quota = a_quota(self.clock, self.queue, limit=1, usage=self.places)
        self.reads = ReadBudget(self.clock, self.queue, per_key=10, per_job=Rate(1, 0.01))
        self.event_handler = EventHandler(
            self.store, self.queue, self.memory, self.reads, JobReader()
        )

    async def wanted(self) -> bool:
        """Whether KEY is queued; its reconcile ends at once."""
        getting = asyncio.ensure_future(self.queue.get())
        for _ in range(3):
            await asyncio.sleep(0)
        if not getting.done():
            getting.cancel()
            return False
        assert getting.result() == KEY
        self.queue.done(KEY)
        return True


def read(reads: ReadBudget) -> None:
    reads.reserve("group", KEY)
    reads.use(KEY)


@pytest.fixture
async def parts() -> Parts:
    return Parts()


def an_object(version: int = 100, uid: str = UID, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "metadata": {
            "namespace": "team-a",
            "name": "job",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T11:55:00Z",
        },
        "spec": {"model": MODEL, "input": INLINE, **spec},
    }


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED"])
async def test_a_new_version_is_stored_and_queued(parts: Parts, kind: str | None) -> None:
    parts.event_handler.on_event(kind, an_object())
    assert parts.store.get(KEY) is not None
    assert await parts.wanted()


@pytest.mark.parametrize("version", [99, 100])
async def test_p01_an_old_version_changes_nothing(parts: Parts, version: int) -> None:
    """Our own write was faster than the watch."""
    parts.event_handler.on_event("ADDED", an_object(100))
    assert await parts.wanted()
    parts.event_handler.on_event("MODIFIED", an_object(version))
    assert not await parts.wanted()


@pytest.mark.parametrize("shown", ["before the answer", "after the answer"])
async def test_our_own_write_is_no_news_however_fast_the_watch_is(parts: Parts, shown: str) -> None:
    parts.event_handler.on_event("ADDED", an_object(100))
    assert await parts.queue.get() == KEY
    if shown == "before the answer":
        parts.event_handler.on_event("MODIFIED", an_object(101))
    parts.store.put(JobReader().read(an_object(101)), answered=True)
    if shown == "after the answer":
        parts.event_handler.on_event("MODIFIED", an_object(101))
    delay = parts.queue.back_off(KEY)
    parts.queue.done(KEY)
    assert not await parts.wanted()
    parts.clock.advance(delay)
    assert await parts.wanted()


@pytest.mark.parametrize(("theirs", "ours"), [(101, 102), (102, 101)])
async def test_somebody_elses_change_during_a_reconcile_is_news(
    parts: Parts, theirs: int, ours: int
) -> None:
    parts.event_handler.on_event("ADDED", an_object(100))
    assert await parts.queue.get() == KEY
    parts.event_handler.on_event("MODIFIED", an_object(theirs))
    parts.store.put(JobReader().read(an_object(ours)), answered=True)
    parts.queue.back_off(KEY)
    parts.queue.done(KEY)
    assert await parts.wanted()


@pytest.mark.parametrize("by_a_write_first", [False, True])
async def test_p05_an_object_that_is_gone_leaves_store_memory_quota_and_queue(
    parts: Parts, by_a_write_first: bool
) -> None:
    """Also when the answer to a write told so before the watch did."""
    parts.event_handler.on_event("ADDED", an_object())
    job = parts.store.get(KEY)
    assert job is not None
    assert await parts.wanted()
    facts = parts.memory.of(job)
    assert parts.quota.reserve(job, "group") is Admission.ADMITTED
    read(parts.reads)
    parts.queue.add_after(KEY, 1.0)
    if by_a_write_first:
        parts.store.remove(KEY, UID)

    parts.event_handler.on_event("DELETED", an_object(101))

    assert parts.store.get(KEY) is None
    assert parts.memory.of(job) is not facts
    assert await parts.wanted(), "once, to stop its transfer"
    parts.clock.advance(1000.0)
    assert not await parts.wanted()
    other = a_job(namespace=OTHER.namespace, name=OTHER.name)
    assert parts.quota.reserve(other, "group") is Admission.ADMITTED, "nobody stands in front"
    read(parts.reads)
    with pytest.raises(Delayed):
        read(parts.reads)


async def test_p05_a_late_deletion_of_an_earlier_incarnation_takes_nothing_away(
    parts: Parts,
) -> None:
    parts.event_handler.on_event("ADDED", an_object(102, uid=OTHER_UID))
    parts.event_handler.on_event("DELETED", an_object(101, uid=UID))
    job = parts.store.get(KEY)
    assert job is not None
    assert job.uid == OTHER_UID
    assert await parts.wanted()


async def test_an_object_that_does_not_fit_the_schema_is_stored_as_unreadable(parts: Parts) -> None:
    """It must neither stop the watch nor, for ever, the start (P5); the log says where, not what."""
    secret = "s3cr3t-in-a-field"
    with capture_logs() as logged:
        parts.event_handler.on_event("ADDED", an_object(model=f"../{secret}"))
    assert parts.store.get(KEY) is None
    assert parts.store.unreadable(KEY) is not None
    assert await parts.wanted()
    assert [line["problem"].partition(":")[0] for line in logged] == ["spec"]
    assert "model" in logged[0]["problem"]
    assert secret not in str(logged)


@pytest.mark.parametrize("kind", ["MODIFIED", "DELETED"])
async def test_an_object_that_fits_again_or_goes_is_not_unreadable_any_more(
    parts: Parts, kind: str
) -> None:
    parts.event_handler.on_event("ADDED", an_object(100, model="../x"))
    parts.event_handler.on_event(kind, an_object(101))
    assert parts.store.unreadable(KEY) is None


MEMBERS = st.text(max_size=3) | st.sampled_from(
    [
        "model",
        "input",
        "inline",
        "key",
        "request",
        "attempt",
        "conditions",
        "type",
        "startTime",
        "id",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)
CONTENTS = st.fixed_dictionaries({}, optional={"spec": JSON, "status": JSON})


@given(st.lists(CONTENTS, min_size=1, max_size=4), st.integers(0, 300))
async def test_whatever_objects_contain_all_are_known_after_a_list_and_a_watch(
    contents: list[dict[str, Any]], levels: int
) -> None:
    """Each is a job or says that it is none; a good one among them is a job."""
    nested = '{"a":' * levels + "1" + "}" * levels
    objects = [{**an_object(), **content} for content in contents]
    for number, body in enumerate(objects):
        body["metadata"] = {**body["metadata"], "name": f"odd-{number}"}
    texts = [json.dumps(body) for body in (*objects, an_object())]
    texts.append(json.dumps(an_object(101)).replace('{"contents": []}', nested))
    listed = decoding.parse(f'{{"items":[{",".join(texts)}]}}'.encode())["items"]
    watched = [decoding.parse(text.encode()) for text in texts]
    for bodies in (listed, watched):
        parts = Parts()
        for body in bodies:
            parts.event_handler.on_event("ADDED", body)
        wanted = {KEY, *(Key("team-a", f"odd-{number}") for number in range(len(objects)))}
        assert {key for key, _ in parts.store.incarnations()} == wanted
        job = parts.store.get(KEY)
        assert job is not None
        assert (job.input_problem is not None) is (levels > 64)
