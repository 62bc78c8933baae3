import json
from pathlib import Path

from click.testing import CliRunner

from benchmarks.quota import main


def test_the_quotas_benchmark_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "quota.json"
    options = ("--jobs", "300", "--namespaces", "7", "--models", "2", "--json", str(file))
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert result.exit_code == 0
    measured = json.loads(file.read_text())
    for what, row in measured.items():
        assert what in result.output
        assert 0 <= row["median"] <= row["p99"] <= row["worst"]
    assert measured["a batch ends, the next job gets its slot and is sent"]["calls"] == 100
