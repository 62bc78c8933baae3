"""The steps of docs/static-webhooks.md under "Try it", as a person types them."""

from pathlib import Path

from local.ports import free_port
from tests import pages


def test_the_page_works_as_written(tmp_path: Path) -> None:
    printed = pages.run("static-webhooks.md", tmp_path, port=("8090", free_port()))
    assert "gbj/adopted-reviews condition met" in printed.replace(
        "geminibatchjob.gemini-operator.io", "gbj"
    )
    assert "batch.succeeded" in printed
    (line,) = [line for line in printed.splitlines() if "scheme=v1" in line]
    assert "result=recorded" in line
