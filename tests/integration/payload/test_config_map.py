"""Results in a ConfigMap, on a real API server (rules P24, S8)."""

import hashlib
from typing import Any

import pytest

from gemini_operator.api.group import JOB_NAME, OUTPUT_UID
from gemini_operator.api.v1alpha1.status import OutputStatus
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload.config_map import (
    KEY,
    LIMIT,
    DeliveryRefused,
    OutputRefused,
    Owner,
    check,
    deliver,
)
from gemini_operator.payload.results import ResultsTooLarge
from local.api import ApiError
from local.control_plane import ControlPlane
from tests.integration.payload.conftest import ConfigMapMaker

UID = "0b5f8a5e-5a0e-4a52-8c56-0d5c2b9a7f01"
OTHER_UID = "ffffffff-5a0e-4a52-8c56-0d5c2b9a7f02"
OWNER = Owner("job", UID)
OURS = {JOB_NAME: "job", OUTPUT_UID: UID}


def some(text: str = "日本") -> list[str]:
    return [f'{{"key":"a","response":{{"text":"{text}"}}}}\n']


def stored(control_plane: ControlPlane, namespace: str, name: str) -> Any:
    return control_plane.api.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")


async def test_p24_results_are_created_under_results_jsonl_with_the_jobs_uid(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    results = some()
    output = await deliver(client, namespace, "results", OWNER, results)
    assert output == OutputStatus(
        config_map="results",
        bytes=len(results[0].encode()),
        records=1,
        sha256=hashlib.sha256(results[0].encode()).hexdigest(),
    )
    config_map = stored(control_plane, namespace, "results")
    assert config_map["data"] == {KEY: results[0]}
    assert config_map["metadata"]["annotations"] == OURS
    assert config_map["metadata"]["labels"][JOB_NAME] == "job"
    assert "ownerReferences" not in config_map["metadata"], "TTL must not take the results"


async def test_a_name_that_is_too_long_for_a_label_is_an_annotation_alone(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    long = "j" * 100
    await deliver(client, namespace, "results", Owner(long, UID), some())
    metadata = stored(control_plane, namespace, "results")["metadata"]
    assert metadata["annotations"][JOB_NAME] == long
    assert JOB_NAME not in metadata["labels"]


async def test_p24_delivering_again_finds_the_same_results_and_changes_nothing(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    """The controller was killed between the delivery and its last write."""
    first = await deliver(client, namespace, "results", OWNER, some())
    before = stored(control_plane, namespace, "results")
    assert await deliver(client, namespace, "results", OWNER, some()) == first
    assert stored(control_plane, namespace, "results") == before


async def test_p24_the_order_of_the_first_delivery_stays(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    """The input is gone when the results are delivered again: Google's order is all there is."""
    one, two = some("one"), some("two")
    first = await deliver(client, namespace, "results", OWNER, one + two)
    before = stored(control_plane, namespace, "results")
    assert await deliver(client, namespace, "results", OWNER, two + one) == first
    assert stored(control_plane, namespace, "results") == before
    for others in (one, one + one + two, one + one):
        with pytest.raises(DeliveryRefused, match="holds other results"):
            await deliver(client, namespace, "results", OWNER, others)


async def test_s08_other_results_of_ours_are_not_overwritten(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    await deliver(client, namespace, "results", OWNER, some("one"))
    with pytest.raises(DeliveryRefused, match="holds other results"):
        await deliver(client, namespace, "results", OWNER, some("two"))
    assert "one" in stored(control_plane, namespace, "results")["data"][KEY]


@pytest.mark.parametrize("annotations", [{}, {OUTPUT_UID: OTHER_UID}], ids=["foreign", "another"])
async def test_s08_a_config_map_that_is_not_this_jobs_is_left_alone(
    client: KubeClient,
    control_plane: ControlPlane,
    namespace: str,
    make_config_map: ConfigMapMaker,
    annotations: dict[str, str],
) -> None:
    """Even if it holds the very same results."""
    make_config_map("results", {KEY: some()[0]}, annotations=annotations)
    before = stored(control_plane, namespace, "results")
    with pytest.raises(DeliveryRefused, match="was not created for this job"):
        await deliver(client, namespace, "results", OWNER, some())
    assert stored(control_plane, namespace, "results") == before


async def test_p24_a_foreign_config_map_is_found_before_anything_is_submitted(
    client: KubeClient, namespace: str, make_config_map: ConfigMapMaker
) -> None:
    await check(client, namespace, "free", OWNER)
    make_config_map("ours", annotations=OURS)
    await check(client, namespace, "ours", OWNER)
    make_config_map("foreign")
    with pytest.raises(DeliveryRefused, match="ConfigMap foreign exists"):
        await check(client, namespace, "foreign", OWNER)


async def test_p24_the_largest_results_that_are_let_through_fit(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    """900 KiB of the most expensive characters, beside the API server's own limit of 1 MiB."""
    text = "日" * ((LIMIT - 100) // 3)
    output = await deliver(client, namespace, "results", OWNER, some(text))
    assert LIMIT - 100 < (output.bytes or 0) <= LIMIT
    assert text in stored(control_plane, namespace, "results")["data"][KEY]


async def test_p24_what_the_api_server_refuses_is_told_in_its_words(
    client: KubeClient, namespace: str
) -> None:
    """Such a name cannot come from a job; a policy of the administrator refuses in the same way."""
    refused = pytest.raises(
        OutputRefused, match=r"^ConfigMap \"Not-A-Name\" is invalid: .*RFC 1123"
    )
    with refused:
        await deliver(client, namespace, "Not-A-Name", OWNER, some())
    with refused:
        await check(client, namespace, "Not-A-Name", OWNER)


async def test_the_check_before_the_batch_creates_nothing(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    await check(client, namespace, "results", OWNER)
    with pytest.raises(ApiError, match="not found"):
        stored(control_plane, namespace, "results")


async def test_results_that_are_too_large_are_measured_and_nothing_is_created(
    client: KubeClient, namespace: str
) -> None:
    lines = ["x" * (LIMIT // 2)] * 2
    assert (await deliver(client, namespace, "whole", OWNER, lines)).bytes == LIMIT
    with pytest.raises(ResultsTooLarge, match="have 901 KiB, and a ConfigMap has room for 900 KiB"):
        await deliver(client, namespace, "results", OWNER, [*lines, "x"])
    await check(client, namespace, "results", Owner("other", OTHER_UID))
