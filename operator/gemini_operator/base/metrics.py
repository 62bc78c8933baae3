"""All metrics of both processes.

No label names an object, an API key or a path: users choose those, so their number has no limit.
"""

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)

# Our own, as the default one may get metrics of libraries. What only one process sets, the other one
# does not expose: there it would be 0 for ever.
REGISTRY = CollectorRegistry()
CONTROLLER = CollectorRegistry()
RECEIVER = CollectorRegistry()
for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
    REGISTRY.register(_collector)

# Controller

LEADER = Gauge(
    "gemini_operator_leader",
    "1 if this controller is the leader, 0 if it is on standby.",
    registry=CONTROLLER,
)
RECONCILES = Counter(
    "gemini_operator_reconcile_total",
    "Reconciles, by result; ok only if the job had nothing to wait for in this process.",
    ["result"],
    registry=CONTROLLER,
)
RECONCILE_SECONDS = Histogram(
    "gemini_operator_reconcile_duration_seconds",
    "Duration of one reconcile, including calls to Google and the API server.",
    registry=CONTROLLER,
)
WORKQUEUE_DEPTH = Gauge(
    "gemini_operator_workqueue_depth",
    "Jobs that wait for a reconcile now.",
    registry=CONTROLLER,
)
JOBS_QUEUED = Gauge(
    "gemini_operator_jobs_queued",
    "Jobs that wait for quota: the maximum of open batches is reached, or Google throttles.",
    registry=CONTROLLER,
)
JOBS = Gauge(
    "gemini_operator_jobs",
    "Jobs by state, as in status.state; New has none yet, Other one of a later version.",
    ["state"],
    registry=CONTROLLER,
)
JOBS_STALLED = Gauge(
    "gemini_operator_jobs_stalled",
    "Jobs whose condition Stalled is True, by its reason; Other is one of a later version.",
    ["reason"],
    registry=CONTROLLER,
)
UNREADABLE_JOBS = Gauge(
    "gemini_operator_unreadable_jobs",
    "Objects that do not fit this version's schema; a condition Stalled or an Event says why.",
    registry=CONTROLLER,
)
OPEN_BATCHES = Gauge(
    "gemini_operator_open_batches",
    "Jobs that have, or may have, an open batch at Google, over all API keys.",
    registry=CONTROLLER,
)
BATCHES_LEFT_BEHIND = Counter(
    "gemini_operator_batches_left_behind_total",
    "Batches that may still run at Google although their object is gone.",
    registry=CONTROLLER,
)
DUPLICATES_CANCELLED = Counter(
    "gemini_operator_duplicates_cancelled_total",
    "Batches of superseded attempts that were found later, cancelled and deleted.",
    registry=CONTROLLER,
)
SWEEP_SECONDS = Histogram(
    "gemini_operator_sweep_duration_seconds",
    "Duration of listing the batches of one API key.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120),
    registry=CONTROLLER,
)
GEMINI_REQUESTS = Counter(
    "gemini_operator_gemini_requests_total",
    "Requests to Google, by call and result.",
    ["call", "result"],
    registry=CONTROLLER,
)
GEMINI_REQUEST_SECONDS = Histogram(
    "gemini_operator_gemini_request_duration_seconds",
    "Duration of a request to Google, from connecting to the end of its answer.",
    ["call"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 180),
    registry=CONTROLLER,
)

TRANSFERS = Gauge(
    "gemini_operator_transfers",
    "Inputs that are being copied to Google, and results to object storage.",
    ["direction"],
    registry=CONTROLLER,
)
TRANSFERRED_BYTES = Counter(
    "gemini_operator_transferred_bytes_total",
    "Bytes of inputs copied to Google, and of results copied to object storage.",
    ["direction"],
    registry=CONTROLLER,
)

# Receiver

RECEIVER_REQUESTS = Counter(
    "gemini_operator_receiver_requests_total",
    "Requests to the public port, by result and signature scheme.",
    ["result", "scheme"],
    registry=RECEIVER,
)
RECEIVER_PATCH_SECONDS = Histogram(
    "gemini_operator_receiver_patch_duration_seconds",
    "Duration of one attempt to record an event at the API server.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=RECEIVER,
)
RECEIVER_VERIFICATION_SECONDS = Histogram(
    "gemini_operator_receiver_verification_duration_seconds",
    "Duration of verifying one signature, including any fetch of new keys.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 0.5, 1, 2.5),
    registry=RECEIVER,
)
RECEIVER_REFUSED_WRITES = Counter(
    "gemini_operator_receiver_refused_writes_total",
    "Events that RBAC, admission or the CRD kept from being recorded: fix the installation.",
    ["result"],
    registry=RECEIVER,
)
JWKS_FETCHES = Counter(
    "gemini_operator_jwks_fetches_total",
    "Fetches of Google's verification keys, by result.",
    ["result"],
    registry=RECEIVER,
)
JWKS_FETCHED_AT = Gauge(
    "gemini_operator_jwks_last_success_timestamp_seconds",
    "Unix time of the last successful fetch of Google's verification keys.",
    registry=RECEIVER,
)
JWKS_KEYS = Gauge(
    "gemini_operator_jwks_keys",
    "Usable verification keys in the last key set.",
    registry=RECEIVER,
)
# Both

BUILD_INFO = Gauge(
    "gemini_operator_build_info",
    "1; the label is the version of the program.",
    ["version"],
    registry=REGISTRY,
)
CALLBACK_KEYS = Gauge(
    "gemini_operator_callback_key_loaded",
    "1 for each loaded callback key; the label is the name of its file.",
    ["id"],
    registry=REGISTRY,
)
