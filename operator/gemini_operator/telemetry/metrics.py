"""Every metric of both processes. No label ever names an object, a key or a path."""

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)

REGISTRY = CollectorRegistry()
for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
    REGISTRY.register(_collector)

# Controller

PASSES = Counter(
    "gemini_operator_passes_total",
    "Passes over a job, by what they ended in.",
    ["result"],
    registry=REGISTRY,
)
PASS_SECONDS = Histogram(
    "gemini_operator_pass_duration_seconds",
    "Time of one pass over a job, outward calls included.",
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge(
    "gemini_operator_queue_depth",
    "Jobs waiting for a pass now.",
    registry=REGISTRY,
)
JOBS = Gauge(
    "gemini_operator_jobs",
    "Jobs in the store, by state.",
    ["state"],
    registry=REGISTRY,
)
GEMINI_REQUESTS = Counter(
    "gemini_operator_gemini_requests_total",
    "Requests sent to the Gemini API, by call and result.",
    ["call", "result"],
    registry=REGISTRY,
)
BATCHES_LEFT_BEHIND = Counter(
    "gemini_operator_batches_left_behind_total",
    "Batches that may still run at Google after their object was released.",
    registry=REGISTRY,
)
DUPLICATES_CANCELLED = Counter(
    "gemini_operator_duplicates_cancelled_total",
    "Superseded batches that surfaced later and were cancelled and deleted.",
    registry=REGISTRY,
)
SWEEP_SECONDS = Histogram(
    "gemini_operator_sweep_duration_seconds",
    "Time of one listing of a key's batches.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
