"""POST /emulator/results, seen over the wire: inline results and results files."""

from typing import Any

import pytest

from tests.emulator_process import EmulatorProcess
from tests.integration.emulator.conftest import Gemini, started_with
from tests.waiting import eventually_async

CREATE = "models/gemini-2.5-flash:batchGenerateContent"
KEYS = "abc"

by_hand = started_with("--schedule", "pending=1h,running=1h")


def line(key: str) -> str:
    return f'{{"key": "{key}", "request": {{"contents": [{{"parts": [{{"text": "{key}"}}]}}]}}}}\n'


async def uploaded(emulator: EmulatorProcess, gemini: Gemini, content: str) -> str:
    headers = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    url = f"{emulator.url}/upload/v1beta/files"
    async with gemini.session.post(url, headers=headers) as answer:
        target = answer.headers["x-goog-upload-url"]
    headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    async with gemini.session.post(target, headers=headers, data=content.encode()) as answer:
        return str((await answer.json())["file"]["name"])


async def created(gemini: Gemini, config: Any) -> str:
    status, body = await gemini.call("POST", CREATE, {"batch": {"inputConfig": config}})
    assert status == 200, body
    return str(body["name"])


async def inline(gemini: Gemini) -> str:
    requests = [
        {"request": {"contents": [{"parts": [{"text": key}]}]}, "metadata": {"key": key}}
        for key in KEYS
    ]
    return await created(gemini, {"requests": {"requests": requests}})


async def ended(gemini: Gemini, name: str) -> Any:
    async def done() -> Any:
        operation = await gemini.get(name)
        return operation.get("done") and operation

    return await eventually_async(done)


async def test_inline_results_look_as_asked_and_the_others_after_that_do_not(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.results(order="reversed", rows=[{"form": "missing", "key": "b"}])
    assert emulator.state()["results"]["order"] == "reversed"
    operation = await ended(gemini, await inline(gemini))
    rows = operation["response"]["inlinedResponses"]["inlinedResponses"]
    assert [row["metadata"]["key"] for row in rows] == ["c", "a"]
    assert operation["metadata"]["batchStats"]["requestCount"] == "3"
    emulator.clear_results()
    operation = await ended(gemini, await inline(gemini))
    assert len(operation["response"]["inlinedResponses"]["inlinedResponses"]) == 3


async def test_a_results_file_looks_as_asked_after_its_downloads_have_failed(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    download = {"status": 503, "count": 2}
    emulator.results(order="reversed", keys=False, download=download)
    emulator.restart()
    file = await uploaded(emulator, gemini, "".join(map(line, KEYS)))
    operation = await ended(gemini, await created(gemini, {"fileName": file}))
    url = f"{emulator.url}/download/v1beta/{operation['response']['responsesFile']}:download"
    answers = []
    for _ in range(3):
        async with gemini.session.get(url, params={"alt": "media"}) as answer:
            answers.append((answer.status, answer.content_type, await answer.text()))
    assert [status for status, _, _ in answers] == [503, 503, 200]
    assert answers[0][1] == "text/html"
    assert "key" not in answers[2][2]
    assert ['"c (1 words)"' in row for row in answers[2][2].splitlines()] == [True, False, False]


@by_hand
async def test_one_batch_has_late_results_and_wrong_counts(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    late, other = await inline(gemini), await inline(gemini)
    emulator.results(late, late={"reads": 2}, stats={"successfulRequestCount": 9})
    for name in (late, other):
        emulator.job(name, "succeed")
    assert "response" in await gemini.get(other)
    for shown in (False, False, True):
        operation = await gemini.get(late)
        assert operation["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
        assert operation["metadata"]["batchStats"]["successfulRequestCount"] == "9"
        assert ("response" in operation, "output" in operation["metadata"]) == (shown, shown)
        if not shown:
            emulator.restart()
    with pytest.raises(AssertionError, match="has ended"):
        emulator.results(late, keys=False)


@by_hand
async def test_options_are_forgotten_by_delete_and_by_reset(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    name = await inline(gemini)
    emulator.results(keys=False)
    emulator.results(name, rows=[{"form": "missing"}])
    emulator.clear_results()
    emulator.job(name, "succeed")
    operation = await gemini.get(name)
    rows = operation["response"]["inlinedResponses"]["inlinedResponses"]
    assert [row["metadata"]["key"] for row in rows] == list(KEYS)
    emulator.results(keys=False)
    emulator.reset()
    assert emulator.state()["results"] == {}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"order": "random"}, "order must be one of input, reversed, shuffled"),
        ({"rows": [{"form": "odd"}]}, "form must be one of missing"),
        ({"often": 2}, "Unknown name"),
        ({"batch": "batches/none"}, "NOT_FOUND"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    emulator: EmulatorProcess, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(AssertionError, match=problem):
        emulator.control("POST", "results", options)
    assert emulator.state()["results"] == {}


async def test_a_file_with_a_wrong_line_is_refused_with_the_lines_number(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    wrong = line("b").replace('"contents"', '"prompt"')
    file = await uploaded(emulator, gemini, line("a") + wrong)
    status, body = await gemini.call("POST", CREATE, {"batch": {"inputConfig": {"fileName": file}}})
    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert body["error"]["message"].startswith("Error on line 2: invalid JSON, near column ")
    assert body["error"]["message"].endswith("no such field: 'prompt'")
    assert emulator.state()["jobs"] == []
