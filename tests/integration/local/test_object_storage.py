"""The steps of docs/object-storage.md under "Try it", as a person types them."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages
from tests.object_servers import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server

RESULT = b'{"key": "a", "response": {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}}\n'
OUTPUT = {"bytes": len(RESULT), "records": 1, "sha256": hashlib.sha256(RESULT).hexdigest()}


def test_the_page_works_as_written(tmp_path: Path) -> None:
    printed = pages.run("object-storage.md", tmp_path)
    assert re.search(r"support-tickets condition met$", printed, re.MULTILINE)
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    tickets = (tmp_path / "tickets.jsonl").read_bytes()
    assert found[0]["records"] == 20_000
    assert found[0]["bytes"] == len(tickets)
    assert found[0]["sha256"] == hashlib.sha256(tickets).hexdigest()
    output = found[1]
    assert re.fullmatch(
        r"s3://demo/results/default/support-tickets/[-0-9a-f]{36}\.jsonl", output["uri"]
    )
    results = (tmp_path / "object-store" / output["uri"].removeprefix("s3://")).read_bytes()
    assert output["sha256"] == hashlib.sha256(results).hexdigest()
    assert (output["bytes"], output["records"]) == (len(results), 20_000)
    shown = f"20000 results, {len(results)} bytes, SHA-256 {output['sha256']}: as in status"
    assert shown in printed.splitlines()
    keys = [json.loads(line)["key"] for line in results.splitlines()]
    assert keys == [json.loads(line)["key"] for line in tickets.splitlines()]


@pytest.mark.parametrize("member", [None, "bytes", "records", "sha256"])
def test_results_that_are_not_those_of_the_status_are_noticed(
    tmp_path: Path, member: str | None
) -> None:
    file = tmp_path / "results.jsonl"
    file.write_bytes(RESULT)
    uri = f"s3://{BUCKET}/results.jsonl"
    output = OUTPUT | ({member: "another"} if member else {}) | {"uri": uri}
    with S3Server(tmp_path / "s3") as server:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }
        program = [sys.executable, "examples/object-storage/bucket.py"]
        subprocess.run([*program, "put", file, uri], env=environ, check=True, timeout=30)
        done = subprocess.run(
            [*program, "show"],
            input=json.dumps({"status": {"output": output}}),
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == (1 if member else 0), done.stderr
    assert "a\tx\n" in done.stdout
    if member:
        assert f"{member} is {OUTPUT[member]}, but status.output says another" in done.stderr
    else:
        assert "as in status" in done.stdout
