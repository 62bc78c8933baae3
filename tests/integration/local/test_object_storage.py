"""The steps of docs/object-storage.md under "Try it", as a person types them."""

import hashlib
import json
import re
from pathlib import Path

from tests import pages


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
