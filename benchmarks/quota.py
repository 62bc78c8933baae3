"""`python -m benchmarks.quota`: what the quota costs with very many waiting jobs."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from benchmarks.surroundings import json_option, save
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.job import Job
from tests.unit.controller.builders import NOW, a_job, an_attempt
from tests.unit.controller.builders import time as rfc3339
from tests.unit.controller.quotas import GROUP, Harness, named

LIMIT = 100
WAITING = Status(state="Queued")
ENDED = Status.model_validate({"state": "Succeeded", "completionTime": rfc3339()})


class Crowd:
    """`count` jobs of one API key in `namespaces`, each with one of `models`."""

    def __init__(self, count: int, namespaces: int, models: int) -> None:
        self.harness = Harness(LIMIT)
        self.quota = self.harness.quota
        for number in range(count):
            job = _job(number, f"ns-{number % namespaces}", f"model-{number % models}")
            self.harness.store.put(job)
            self.harness.bind_key(job.key, GROUP)

    def jobs(self, state: str) -> list[Job]:
        """Those in this state."""
        return [job for job in self.harness.store if job.status.state == state]

    def start(self) -> None:
        self.quota.restore(self.jobs("Queued"))

    def send_called(self) -> None:
        """Whoever was called asks, writes ahead and is accepted."""
        for key in self.harness.queue.take():
            job = self.harness.job(key)
            self.quota.reserve(job, GROUP)
            self.put(job, _open(job))
            self.quota.passed(GROUP, job)

    def end(self, job: Job) -> None:
        self.put(job, ENDED)
        self.send_called()

    def put(self, job: Job, status: Status) -> None:
        version = str(job.version + 1)
        self.harness.store.put(replace(job, resource_version=version, status=status))


def _job(number: int, namespace: str, model: str) -> Job:
    job = a_job(
        namespace=namespace,
        name=f"job-{number}",
        uid=f"uid-{number}",
        resourceVersion="1",
        creationTimestamp=rfc3339(NOW + timedelta(seconds=number // 7)),
        spec={"model": model},
    )
    return replace(job, status=WAITING)


def _open(job: Job) -> Status:
    attempt = an_attempt(apiKeyFingerprint=named(GROUP, job.uid))
    return Status.model_validate({"state": "Running", "attempt": attempt})


def _timed(calls: Iterable[Callable[[], object]]) -> dict[str, float]:
    """Microseconds of CPU for each call."""
    spent = []
    for call in calls:
        begun = time.process_time_ns()
        call()
        spent.append((time.process_time_ns() - begun) / 1000)
    spent.sort()
    return {
        "calls": len(spent),
        "median": statistics.median(spent),
        "p99": spent[int(len(spent) * 0.99)],
        "worst": spent[-1],
    }


def measure(count: int, namespaces: int, models: int) -> dict[str, dict[str, float]]:
    """Microseconds of CPU by what is done, with `count` jobs of one key."""
    crowd = Crowd(count, namespaces, models)
    quota, measured = crowd.quota, {}
    measured["start: all jobs are queued, the first get slots"] = _timed([crowd.start])
    crowd.send_called()
    waiting, sent = crowd.jobs("Queued"), crowd.jobs("Running")
    some = waiting[:: max(1, len(waiting) // 1000)]
    measured["a waiting job asks again"] = _timed(
        partial(quota.reserve, job, GROUP) for job in some
    )

    def come_and_go(job: Job) -> None:
        quota.release(job.key)
        quota.reserve(job, GROUP)

    measured["a waiting job leaves and comes back"] = _timed(
        partial(come_and_go, job) for job in some
    )
    measured["a batch ends, the next job gets its slot and is sent"] = _timed(
        partial(crowd.end, job) for job in sent
    )
    last = crowd.jobs("Running")[0]
    throttled = partial(quota.throttled, GROUP, last, None)
    measured["the first 429: all jobs of the model wait"] = _timed([throttled])
    measured["each further 429"] = _timed([throttled] * 100)
    measured["the first create that gets through again"] = _timed(
        [partial(quota.passed, GROUP, last)]
    )
    return measured


@click.command(context_settings={"show_default": True})
@click.option("--jobs", default=10_000, type=click.IntRange(LIMIT * 3))
@click.option("--namespaces", default=500, type=click.IntRange(1))
@click.option("--models", default=1, type=click.IntRange(1))
@json_option
def main(jobs: int, namespaces: int, models: int, file: Path | None) -> None:
    """Measure the quota's operations, in microseconds of CPU."""
    measured = measure(jobs, namespaces, models)
    click.echo(f"{jobs} jobs, {namespaces} namespaces, {models} models, {LIMIT} places; µs of CPU")
    for what, row in measured.items():
        figures = "  ".join(f"{name} {value:>10,.0f}" for name, value in row.items())
        click.echo(f"{what:<50} {figures}")
    save(measured, file)


if __name__ == "__main__":
    main()
