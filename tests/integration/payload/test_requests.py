"""Requests in a ConfigMap, on a real API server."""

import base64

import pytest

from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload.requests import BatchInput, InputMissing, InvalidInput, load
from tests.integration.payload.conftest import ConfigMapMaker

LINES = (
    '{"key": "a", "request": {"contents": "日本"}}\n{"key": "b", "request": {"contents": "2"}}\n'
)
READ = BatchInput(
    inline=[
        {"key": "a", "request": {"contents": "日本"}},
        {"key": "b", "request": {"contents": "2"}},
    ]
)


def naming(key: str, name: str = "requests") -> Spec:
    source = {"configMapKeyRef": {"name": name, "key": key}}
    return Spec.model_validate({"model": "gemini-2.5-flash", "input": source})


async def test_requests_are_read_from_data_and_from_binary_data(
    client: KubeClient, namespace: str, make_config_map: ConfigMapMaker
) -> None:
    encoded = base64.b64encode(LINES.encode()).decode()
    make_config_map("requests", {"text.jsonl": LINES}, {"binary.jsonl": encoded})
    for key in ("text.jsonl", "binary.jsonl"):
        assert await load(client, namespace, naming(key), {}) == READ


async def test_what_is_missing_is_named_so_that_it_can_be_created(
    client: KubeClient, namespace: str, make_config_map: ConfigMapMaker
) -> None:
    with pytest.raises(InputMissing, match=f"namespace {namespace} has no ConfigMap requests"):
        await load(client, namespace, naming("jsonl"), {})
    make_config_map("requests", {"other": LINES})
    with pytest.raises(InputMissing, match="ConfigMap requests has no key jsonl"):
        await load(client, namespace, naming("jsonl"), {})


async def test_s09_what_is_no_text_is_refused_without_being_quoted(
    client: KubeClient, namespace: str, make_config_map: ConfigMapMaker
) -> None:
    make_config_map("requests", binary={"jsonl": base64.b64encode(b"\xff\xfe{").decode()})
    with pytest.raises(InvalidInput, match="key jsonl of ConfigMap requests is not UTF-8 text"):
        await load(client, namespace, naming("jsonl"), {})


async def test_a_bad_line_is_refused_with_its_number(
    client: KubeClient, namespace: str, make_config_map: ConfigMapMaker
) -> None:
    make_config_map("requests", {"jsonl": LINES + "not JSON"})
    with pytest.raises(InvalidInput, match="line 3 is not JSON"):
        await load(client, namespace, naming("jsonl"), {})
