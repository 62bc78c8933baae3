import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gemini_operator.payload import requests
from gemini_operator.payload.requests import BatchInput, InvalidInput, load
from tests.unit.controller.builders import a_job
from tests.unit.event_loop import turns_beside


async def test_a_file_at_google_needs_nothing_to_be_read() -> None:
    spec = a_job(spec={"input": {"fileName": "files/x"}}).spec
    assert await load(None, "team-a", spec, {}) == BatchInput(file_name="files/x")  # type: ignore[arg-type]


async def test_inline_requests_are_taken_from_the_stored_object_not_from_the_projection() -> None:
    stored = {"input": {"inline": [{"key": k, "request": {"contents": [k]}} for k in "ab"]}}
    found = await load(None, "team-a", a_job(spec=stored).spec, stored)  # type: ignore[arg-type]
    assert found == BatchInput(inline=stored["input"]["inline"])


async def test_an_inline_request_must_not_be_empty() -> None:
    stored = {
        "input": {
            "inline": [{"key": "z", "request": {"contents": []}}, {"key": "y", "request": {}}]
        }
    }
    with pytest.raises(InvalidInput, match=r"request 2 of input\.inline is empty"):
        await load(None, "default", a_job(spec=stored).spec, stored)  # type: ignore[arg-type]


async def test_inline_metadata_must_not_name_another_key() -> None:
    item = {"key": "a", "request": {"contents": []}, "metadata": {"key": "b"}}
    stored = {"input": {"inline": [{"key": "z", "request": {"contents": []}}, item]}}
    with pytest.raises(
        InvalidInput, match=r"request 2 of input\.inline has another key in metadata"
    ):
        await load(None, "team-a", a_job(spec=stored).spec, stored)  # type: ignore[arg-type]


async def test_a_job_without_input_cannot_be_submitted() -> None:
    spec = a_job(spec={"input": None}).spec
    with pytest.raises(InvalidInput, match="no input"):
        await load(None, "team-a", spec, {})  # type: ignore[arg-type]


async def test_inline_requests_are_of_the_type_of_the_job() -> None:
    requests = [{"key": "a", "request": {"content": {}}}, {"key": "b", "request": {"contents": []}}]
    stored = {"type": "EmbedContent", "input": {"inline": requests}}
    with pytest.raises(
        InvalidInput,
        match=r'^request 2 of input\.inline has a request of the type GenerateContent, as it has "contents"',
    ):
        await load(None, "team-a", a_job(spec=stored).spec, stored)  # type: ignore[arg-type]


FROM_CONFIG_MAP = a_job(spec={"input": {"configMapKeyRef": {"name": "a", "key": "b"}}}).spec


def text_of(content: str) -> Callable[..., Awaitable[str]]:
    async def text(*_: object) -> str:
        return content

    return text


async def test_s10_a_config_map_of_many_lines_leaves_other_jobs_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = '{"key": "a", "request": {"contents": []}}\n'
    monkeypatch.setattr(requests, "_config_map_text", text_of(line * 20_000))
    loading = asyncio.create_task(load(None, "team-a", FROM_CONFIG_MAP, {}))  # type: ignore[arg-type]
    turns = await turns_beside(loading)
    with pytest.raises(InvalidInput, match="lines 1 to 11 have the same key; and 19989 more"):
        await loading
    assert turns > 5


async def test_s10_not_every_line_of_a_config_map_is_looked_at_if_all_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "_config_map_text", text_of("{\n" * 100_000))
    with pytest.raises(
        InvalidInput, match=r"line 1 ends before .* \(also lines 2 to 10\); and at least 990 more"
    ):
        await load(None, "team-a", FROM_CONFIG_MAP, {})  # type: ignore[arg-type]
