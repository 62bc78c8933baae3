"""Counts jobs by state, and stalled ones by reason, when the metrics are read."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import Gauge

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.base import metrics
from gemini_operator.controller.job import Job

NEW = "New"
# Every other word: only the words that this version knows may become labels.
OTHER = "Other"

STATES = (NEW, *(each.value for each in State), OTHER)
REASONS = (*(each.value for each in Reason if ConditionType.STALLED in each.conditions), OTHER)


def publish(jobs: Iterable[Job]) -> None:
    """Set the gauges, all from one pass over the jobs."""
    states, reasons = Counter[str](), Counter[str]()
    for job in jobs:
        states[job.status.state or NEW] += 1
        if (reason := stalled_reason(job.status)) is not None:
            reasons[reason] += 1
    _set(metrics.JOBS, states, STATES)
    _set(metrics.JOBS_STALLED, reasons, REASONS)


def stalled_reason(status: Status) -> str | None:
    """Return why a job is stalled; `None` if it is not. One that has failed is not counted."""
    condition = find(status.conditions, STALLED)
    if condition is None or condition.status != "True" or status.completion_time is not None:
        return None
    return condition.reason


def _set(gauge: Gauge, counts: Counter[str], words: tuple[str, ...]) -> None:
    for word in words[:-1]:
        gauge.labels(word).set(counts[word])
    gauge.labels(OTHER).set(counts.total() - sum(counts[word] for word in words[:-1]))
