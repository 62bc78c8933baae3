import re
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gemini_operator.base import metrics
from gemini_operator.base.health import HealthServer
from gemini_operator.base.version import VERSION


class Readiness:
    """A process that becomes ready and unready at will."""

    def __init__(self) -> None:
        self.ready = False

    def __call__(self) -> str | None:
        return None if self.ready else "the lamp is out"


@pytest.fixture
async def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
async def server(readiness: Readiness) -> AsyncIterator[HealthServer]:
    server = HealthServer("127.0.0.1", 0, readiness, own=metrics.CONTROLLER)
    await server.start()
    yield server
    await server.close()


async def get(server: HealthServer, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_port_zero_takes_a_free_port_and_tells_it(server: HealthServer) -> None:
    assert server.port > 0
    assert await get(server, "/healthz") == (200, "ok\n")


async def test_p05_readyz_is_503_until_the_process_is_ready(
    server: HealthServer, readiness: Readiness
) -> None:
    assert await get(server, "/readyz") == (503, "not ready: the lamp is out\n")
    assert (await get(server, "/healthz"))[0] == 200, "waiting is no reason to be restarted"
    readiness.ready = True
    assert await get(server, "/readyz") == (200, "ok\n")
    readiness.ready = False
    assert (await get(server, "/readyz"))[0] == 503


async def test_metrics_can_be_read_by_prometheus(server: HealthServer) -> None:
    metrics.RECONCILES.labels("ok").inc()
    status, text = await get(server, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert families["gemini_operator_reconcile"].type == "counter"
    assert any(s.value >= 1 for s in families["gemini_operator_reconcile"].samples)
    assert "process_resident_memory_bytes" in families


async def test_nothing_else_is_served(server: HealthServer) -> None:
    assert (await get(server, "/nothing"))[0] == 404
    assert (await get(server, "/v1/callbacks/x"))[0] == 404


async def test_a_taken_port_is_an_error_at_start(server: HealthServer) -> None:
    second = HealthServer("127.0.0.1", server.port, lambda: None, own=metrics.CONTROLLER)
    with pytest.raises(OSError, match="choose another --metrics-port"):
        await second.start()
    await second.close()


async def test_a_process_exposes_the_version_and_no_metric_of_the_other_process(
    server: HealthServer,
) -> None:
    _, text = await get(server, "/metrics")
    assert f'gemini_operator_build_info{{version="{VERSION}"}} 1.0' in text
    assert "gemini_operator_leader" in text
    assert "gemini_operator_jwks" not in text
    assert "gemini_operator_receiver" not in text


def every_family() -> Iterator[Metric]:
    for registry in (metrics.REGISTRY, metrics.CONTROLLER, metrics.RECEIVER):
        yield from registry.collect()


def test_s23_no_metric_has_a_label_for_an_object_a_key_or_a_path() -> None:
    labels = {
        label
        for family in every_family()
        if family.name.startswith("gemini_operator_")
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {"result", "call", "state", "reason", "version", "scheme", "id", "le"}


def test_every_metric_of_ours_says_what_it_counts_and_in_which_unit() -> None:
    for family in every_family():
        if family.name.startswith("gemini_operator_"):
            assert family.documentation.endswith("."), family.name
            assert re.fullmatch(r"[a-z_]+", family.name)
