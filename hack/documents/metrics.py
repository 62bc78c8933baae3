"""The metrics of both processes, under the names that Prometheus sees."""

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from documents.table import code, table
from documents.usage import used
from gemini_operator.telemetry import metrics as registered

HEAD = ("metric", "type", "labels", "set by", "meaning")

# What both processes import.
SHARED = {"callbacks", "kube"}


def metrics() -> str:
    """One row for each metric of our own."""
    return table(HEAD, (_row(*found) for found in every()))


def every() -> Iterator[tuple[str, MetricWrapperBase]]:
    """The name in the code and the metric."""
    for name, value in vars(registered).items():
        if isinstance(value, MetricWrapperBase):
            yield name, value


def set_by(name: str) -> str:
    """The processes that ever change the metric."""
    where = used(rf"\bmetrics\.{name}\b")
    if where & SHARED:
        return "both"
    return "receiver" if "receiver" in where else "controller" if where else "not yet"


def exposed(metric: MetricWrapperBase) -> str:
    """The name of the series, or of the family of series."""
    described = next(iter(metric.describe()))
    return described.name + ("_total" if described.type == "counter" else "")


def _row(name: str, metric: MetricWrapperBase) -> list[str]:
    described = next(iter(metric.describe()))
    labels = ", ".join(code(label) for label in metric._labelnames)  # noqa: SLF001 - no other way
    return [code(exposed(metric)), described.type, labels, set_by(name), described.documentation]
