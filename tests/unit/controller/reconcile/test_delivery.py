"""Which job gets an output that several name."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.lifecycle import completion
from gemini_operator.controller.reconcile.delivery import MANY, Delivery, check_size
from gemini_operator.controller.reconcile.results import ResultsLate
from gemini_operator.controller.store import Store
from gemini_operator.gemini import errors
from gemini_operator.payload import matching
from gemini_operator.payload.config_map import DeliveryRefused
from gemini_operator.payload.objects.errors import InvalidReference, InvalidUri, Unavailable
from gemini_operator.payload.results import ResultsTooLarge
from tests.unit.controller.builders import (
    TO_CONFIG_MAP,
    a_job,
    a_snapshot,
    ago,
    an_observation,
    finished,
    reason_of,
    submitted,
)


class Place:
    """Two jobs and the one ConfigMap that both name; no ConfigMap is there yet."""

    def __init__(self) -> None:
        self.store = Store()
        self.delivery = self.process()
        self._version = 100

    def process(self) -> Delivery:
        async def nothing(*_: object, **__: object) -> dict[str, Any]:
            return {"metadata": {"annotations": {}}}

        kube: Any = SimpleNamespace(get=nothing, post=nothing)
        unused: Any = None
        return Delivery(kube, self.store, unused, unused, unused)

    def put(self, name: str, n: int | None = None, **of_job: Any) -> Any:
        self._version += 1
        job = a_job(
            spec={
                "output": TO_CONFIG_MAP if n is None else {"configMap": {"name": f"results-{n}"}}
            },
            name=name,
            uid=f"uid-{name}",
            resourceVersion=str(self._version),
            **of_job,
        )
        self.store.put(job)
        return job

    def claim(self, job: Any, output: str = "results") -> None:
        self.delivery._claim_output(job, output)


def test_the_first_that_is_checked_gets_the_output_whoever_is_older() -> None:
    place = Place()
    young, old = place.put("young"), place.put("old", creationTimestamp=ago(9000))
    place.claim(young)
    with pytest.raises(DeliveryRefused, match="job young delivers to ConfigMap results too"):
        place.claim(old)
    place.claim(young)


def test_after_a_restart_the_one_that_was_submitted_is_first() -> None:
    place = Place()
    one, two = place.put("one", status=submitted()), place.put("two")
    place.delivery = place.process()
    with pytest.raises(DeliveryRefused):
        place.claim(two)
    place.claim(one)


@pytest.mark.parametrize(
    "of_job", [{"status": finished()}, {"deleting": True}], ids=["ended", "deleted"]
)
def test_a_job_that_is_over_does_not_keep_its_output(of_job: dict[str, Any]) -> None:
    place = Place()
    one, two = place.put("one"), place.put("two")
    place.claim(one)
    place.put("one", **of_job)
    place.claim(two)


def test_s10_outputs_of_jobs_that_are_over_or_gone_take_no_memory() -> None:
    place = Place()
    for n in range(3 * MANY):
        job = place.put("job", n)
        place.claim(job, f"results-{n}")
        place.store.remove(job.key)
    one = place.put("one")
    place.claim(one)
    for n in range(2 * MANY):
        place.claim(place.put("ended", n, status=finished()), f"results-{n}")
    assert len(place.delivery._outputs) <= MANY
    with pytest.raises(DeliveryRefused):
        place.claim(place.put("two"))


@pytest.mark.parametrize(
    ("spec", "count", "fits"),
    [
        ({"output": TO_CONFIG_MAP}, 37, True),
        ({"output": TO_CONFIG_MAP}, 38, False),
        ({}, 38, True),
        ({"output": TO_CONFIG_MAP, "type": "GenerateContent"}, 38, True),
    ],
    ids=["as many as can fit", "one more", "no output", "no embeddings"],
)
def test_embeddings_that_cannot_fit_are_refused_before_they_are_paid(
    spec: dict[str, Any], count: int, fits: bool
) -> None:
    job = a_job(spec={"model": "gemini-embedding-001", "type": "EmbedContent", **spec})
    items = [{"key": str(number), "request": {}} for number in range(count)]
    if fits:
        check_size(job, items)
    else:
        with pytest.raises(ResultsTooLarge, match=r"38 embeddings need more than 912 KiB"):
            check_size(job, items)


class Failing:
    """Stands for whatever reads or writes results, and fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def held_by_another(self, *_: Any) -> bool:
        return False

    async def read(self, *_: Any) -> None:
        raise self._error

    async def deliver(self, *_: Any) -> None:
        raise self._error


def delivery_that(error: Exception) -> Any:
    failing: Any = Failing(error)
    unused: Any = None
    return Delivery(unused, unused, failing, failing, failing)


@pytest.mark.parametrize(
    ("error", "condition", "reason"),
    [
        (InvalidUri("s3://bucket/a//b has nothing"), "Failed", "DeliveryFailed"),
        (InvalidReference("Secret a has no key b"), "Stalled", "OutputRefused"),
    ],
    ids=["URI", "Secret"],
)
async def test_paid_results_wait_only_for_what_can_be_put_right(
    error: Exception, condition: str, reason: str
) -> None:
    snapshot = a_snapshot(
        spec={"output": {"object": {"uri": "s3://bucket/a//b"}}}, status=submitted()
    )
    end = an_observation(file="files/results")
    api_key: Any = SimpleNamespace(client=None)
    write = await delivery_that(error).deliver(snapshot, end, api_key)
    found = reason_of(write.status, condition)
    assert found is not None
    assert found[1] == reason
    if condition == "Failed":
        assert write.status.output.file_name == "files/results"


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (Unavailable("s3://b/a is not available (503); it is tried again"), True),
        (ResultsLate("files/results cannot be read: 503", ends=False), True),
        (ResultsLate("Its answer has no results"), False),
        (InvalidReference("Secret a has no key b"), False),
    ],
    ids=["storage", "Google", "nothing", "Secret"],
)
async def test_partial_results_wait_an_hour_for_what_may_pass_by_itself(
    error: Exception, waits: bool
) -> None:
    spec = {"output": {"object": {"uri": "s3://bucket/a"}}}
    snapshot = a_snapshot(spec=spec, status=submitted())
    end = an_observation("BATCH_STATE_EXPIRED", file="files/results")
    api_key: Any = SimpleNamespace(client=None)
    write = await delivery_that(error).deliver(snapshot, end, api_key)
    if waits:
        assert (write.status.state, write.seconds) == ("Delivering", completion.SOONEST)
        assert reason_of(write.status, "Complete") == ("False", "WaitingForResults")
        assert "succeeded" not in write.events[0].note
        monotonic = snapshot.monotonic + completion.PATIENCE.total_seconds()
        snapshot = replace(snapshot.with_status(write.status), monotonic=monotonic)
        write = await delivery_that(error).deliver(snapshot, end, api_key)
    assert reason_of(write.status, "Failed") == ("True", "RemoteExpired")
    assert reason_of(write.status, "Complete") is None
    assert write.status.output.file_name == "files/results"
    assert "tried again" not in write.events[0].note


async def test_results_that_are_too_large_to_be_read_are_compared_with_the_config_map() -> None:
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted())
    end = an_observation(file="files/results")
    api_key: Any = SimpleNamespace(client=None)
    error = errors.TooLarge("files.download: the file is larger than 1843200 bytes")
    write = await delivery_that(error).deliver(snapshot, end, api_key)
    said = write.events[0].note
    assert "more than 900 KiB, and that is all a ConfigMap has room for" in said
    assert "1843200" not in said
    assert "spec.output.object" in said
    assert "previousUID" in said
    assert len(said) <= 1024


class Nothing(Failing):
    """Reads results of which there are none."""

    async def read(self, *_: Any) -> list[Any]:  # type: ignore[override]
        return []

    async def match(self, *_: Any) -> tuple[matching.Matched, str]:
        return matching.as_sent([]), ""


async def test_a_batch_without_results_and_counts_has_not_succeeded() -> None:
    snapshot = a_snapshot(status=submitted())
    nothing: Any = Nothing(AssertionError())
    unused: Any = None
    delivery = Delivery(unused, unused, nothing, nothing, nothing)
    end = an_observation(results=[], stats=None)
    write = await delivery.deliver(snapshot, end, SimpleNamespace(client=None))  # type: ignore[arg-type]
    assert reason_of(write.status, "Complete") == ("False", "WaitingForResults")
