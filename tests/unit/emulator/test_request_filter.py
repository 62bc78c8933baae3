from pathlib import Path

from gemini_emulator.request_filter import RequestCounters


def test_counts_are_there_again_without_having_been_closed(tmp_path: Path) -> None:
    first = RequestCounters(tmp_path / "requests.log")
    for route in ("batches.get", "batches.list", "batches.get"):
        first.count(route)
    second = RequestCounters(tmp_path / "requests.log")
    assert second.snapshot() == {"batches.get": 2, "batches.list": 1}
    first.close()
    second.close()


def test_cleared_counts_start_anew(tmp_path: Path) -> None:
    counters = RequestCounters(tmp_path / "requests.log")
    counters.count("jwks")
    counters.clear()
    counters.count("batches.get")
    counters.close()
    again = RequestCounters(tmp_path / "requests.log")
    assert again.snapshot() == {"batches.get": 1}
    again.close()
