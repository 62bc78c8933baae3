import pytest
from click.testing import CliRunner

from tests.crash import __main__ as command
from tests.crash.runs import Selection


def test_what_is_selected_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def results(*given: object) -> list[object]:
        asked.append(given)
        return []

    monkeypatch.setattr(command, "_results", results)
    options = ["--scenario", "submit", "--call", "batches.create", "--runners", "1"]
    done = CliRunner().invoke(command.main, options)
    assert done.exit_code == 0, done.output
    assert asked == [(None, Selection("submit", "batches.create", None), 1)]
