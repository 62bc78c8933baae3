import json
from pathlib import Path

from click.testing import CliRunner

from benchmarks.client import main


def test_the_clients_benchmark_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    options = ("--calls", "10", "--requests", "3", "--json", str(file))
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert result.exit_code == 0
    measured = json.loads(file.read_text())
    assert {"a cached client", "submit, 3 inline requests", "get", "cancel"} <= set(measured)
    for what, row in measured.items():
        assert what in result.output
        assert row["ratio"] > 0
