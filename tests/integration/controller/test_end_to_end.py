"""From kubectl apply to kubectl wait, with nothing faked but Google."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller.conftest import upload
from tests.operator_process import Operator, generate, inline_job, job

TEXTS = {"one": "Say one.", "two": "Say two.", "three": "Say three."}


def test_an_inline_job_delivers_to_a_config_map(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, TEXTS, output={"configMap": {"name": name}}))
    status = shared.wait_complete(name)
    assert status["state"] == "Succeeded"
    assert status["requests"] == {"total": 3, "succeeded": 3, "failed": 0, "pending": 0}
    assert status["output"]["records"] == 3
    assert [line["key"] for line in shared.results(name)] == list(TEXTS)
    assert all(set(line) == {"key", "response"} for line in shared.results(name))
    assert len(shared.batches_of(name)) == 1
    assert shared.events_of(name) == ["Submitted", "Succeeded"]


def test_results_without_an_output_stay_at_google(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, TEXTS))
    status = shared.wait_complete(name)
    assert status["output"] == {"batchName": status["batchName"]}


def test_failed_requests_are_data_not_a_failed_job(shared: Operator, name: str) -> None:
    texts = {"good": "Say hello.", "bad": "[[fail]]"}
    shared.apply(inline_job(name, texts, output={"configMap": {"name": name}}))
    status = shared.wait_complete(name)
    assert status["state"] == "PartiallySucceeded"
    assert shared.condition(name, "Complete")["reason"] == "CompletedWithFailures"
    assert [set(line) for line in shared.results(name)] == [
        {"key", "response"},
        {"key", "error"},
    ]


def test_a_config_map_of_lines_is_an_input(shared: Operator, name: str) -> None:
    lines = [json.dumps({"key": key, "request": generate(text)}) for key, text in TEXTS.items()]
    shared.apply(config_map(name, "\n".join(lines)), from_config_map(name))
    assert shared.wait_complete(name)["requests"]["total"] == 3


def test_embeddings_are_delivered(shared: Operator, name: str) -> None:
    request = {"content": {"parts": [{"text": "a blue bicycle"}]}, "outputDimensionality": 4}
    shared.apply(
        job(
            name,
            {"inline": [{"key": "bicycle", "request": request}]},
            model="gemini-embedding-001",
            type="EmbedContent",
            output={"configMap": {"name": name}},
        )
    )
    shared.wait_complete(name)
    assert len(shared.results(name)[0]["response"]["embedding"]["values"]) == 4


def test_a_file_of_the_file_api_is_an_input(shared: Operator, name: str) -> None:
    lines = [json.dumps({"key": key, "request": generate(text)}) for key, text in TEXTS.items()]
    file = upload(shared.emulator, "\n".join(lines).encode())
    shared.apply(job(name, {"fileName": file}, output={"configMap": {"name": name}}))
    shared.wait_complete(name)
    assert [line["key"] for line in shared.results(name)] == list(TEXTS)


def test_results_of_a_file_job_without_an_output_are_a_file_at_google(
    shared: Operator, name: str
) -> None:
    line = json.dumps({"key": "one", "request": generate("Say one.")})
    file = upload(shared.emulator, line.encode())
    shared.apply(job(name, {"fileName": file}))
    assert shared.wait_complete(name)["output"]["fileName"].startswith("files/")


@pytest.mark.parametrize("in_a_file", [False, True], ids=["inline", "file"])
def test_a_request_that_google_refuses_fails_the_job_in_googles_words(
    shared: Operator, name: str, in_a_file: bool
) -> None:
    item = {"key": "one", "request": {**generate("Say one."), "thinkingConfig": {}}}
    line = json.dumps(item).encode()
    source = {"fileName": upload(shared.emulator, line)} if in_a_file else {"inline": [item]}
    shared.apply(job(name, source))
    failed = shared.wait_condition(name, "Failed", "InvalidRequest")
    assert ("no such field" if in_a_file else "Cannot find field") in failed["message"]
    assert shared.batches_of(name) == []


def test_input_that_is_not_there_yet_is_waited_for(shared: Operator, name: str) -> None:
    shared.apply(from_config_map(name))
    condition = shared.wait_problem(name, "InputMissing")
    assert name in condition["message"]
    line = json.dumps({"key": "one", "request": generate("Say one.")})
    shared.apply(config_map(name, line))
    shared.wait_complete(name, timeout=40)
    assert shared.condition(name, "Stalled") == {}


def test_broken_input_fails_with_the_line_and_without_its_text(shared: Operator, name: str) -> None:
    good = json.dumps({"key": "one", "request": generate("Say one.")})
    shared.apply(config_map(name, f"{good}\nmy secret text"), from_config_map(name))
    condition = shared.wait_condition(name, "Failed", "InvalidInput")
    assert "line 2" in condition["message"]
    assert "secret" not in condition["message"]
    assert shared.batches_of(name) == []


def test_s08_a_foreign_config_map_is_refused_before_anything_is_paid(
    shared: Operator, name: str
) -> None:
    shared.apply(
        config_map(name, "mine"),
        inline_job(name, output={"configMap": {"name": name}}),
    )
    shared.wait_condition(name, "Failed", "DeliveryFailed")
    assert shared.batches_of(name) == []
    assert shared.get(name, "configmaps")["data"] == {"lines.jsonl": "mine"}


def test_embeddings_that_cannot_fit_are_refused_before_they_are_paid(
    shared: Operator, name: str
) -> None:
    request = {"content": {"parts": [{"text": "long"}]}, "outputDimensionality": 3072}
    shared.apply(
        job(
            name,
            {"inline": [{"key": f"key-{n}", "request": request} for n in range(60)]},
            model="gemini-embedding-001",
            type="EmbedContent",
            output={"configMap": {"name": name}},
        )
    )
    condition = shared.wait_condition(name, "Failed", "OutputTooLarge")
    assert "60 embeddings need more than 1440 KiB" in condition["message"]
    assert "(kubectl replace --force -f FILE)" in condition["message"]
    assert "at Google" not in condition["message"]
    assert shared.batches_of(name) == []


def test_results_beyond_a_config_map_fail_and_stay_at_google(shared: Operator, name: str) -> None:
    metadata = {"note": "x" * 15_500}
    lines = [
        json.dumps({"key": f"key-{n}", "request": generate("Say hello."), "metadata": metadata})
        for n in range(60)
    ]
    source = {"configMapKeyRef": {"name": f"{name}-in", "key": "lines.jsonl"}}
    body = config_map(f"{name}-in", "\n".join(lines))
    shared.control_plane.api.request("POST", shared.path("configmaps"), body)
    shared.apply(job(name, source, output={"configMap": {"name": name}}))
    condition = shared.wait_condition(name, "Failed", "OutputTooLarge")
    assert "and a ConfigMap has room for 900 KiB" in condition["message"]
    assert shared.status(name)["output"] == {"batchName": shared.status(name)["batchName"]}
    assert shared.condition(name, "Complete") == {}


def config_map(name: str, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"lines.jsonl": text},
    }


def from_config_map(name: str) -> dict[str, Any]:
    return job(name, {"configMapKeyRef": {"name": name, "key": "lines.jsonl"}})


def test_a_failed_job_is_created_anew_as_its_message_says(
    shared: Operator, name: str, tmp_path: Path
) -> None:
    manifest = tmp_path / "job.yaml"
    bad = inline_job(name)
    bad["spec"]["input"]["inline"][0]["request"] = {}
    manifest.write_text(yaml.safe_dump(bad))
    shared.kubectl("create", "-f", str(manifest))
    message = shared.wait_condition(name, "Failed", "InvalidInput")["message"]
    assert "kubectl replace --force -f FILE" in message
    manifest.write_text(yaml.safe_dump(inline_job(name)))
    shared.kubectl("replace", "--force", "-f", str(manifest))
    shared.wait_complete(name)
    assert len(shared.batches_of(name)) == 1
