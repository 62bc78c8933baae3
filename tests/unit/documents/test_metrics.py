from prometheus_client import generate_latest

from documents import metrics
from gemini_operator.telemetry.metrics import REGISTRY


def test_names_are_those_that_prometheus_sees() -> None:
    exposition = generate_latest(REGISTRY).decode()
    names = [metrics.exposed(metric) for _, metric in metrics.every()]
    assert names
    assert all(f"# HELP {name} " in exposition for name in names)


def test_a_metric_that_nothing_sets_is_not_said_to_be_set() -> None:
    assert metrics.set_by("RECONCILES") == "controller"
    assert metrics.set_by("RECEIVER_REQUESTS") == "receiver"
    assert metrics.set_by("CALLBACK_KEYS") == "both"
    assert metrics.set_by("NEVER_HEARD_OF") == "not yet"
