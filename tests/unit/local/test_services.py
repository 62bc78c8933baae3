from pathlib import Path

from local.ports import PortBook
from local.services import Services


def test_the_emulator_gets_the_schedule_that_was_asked_for(tmp_path: Path) -> None:
    ports = PortBook(tmp_path / "ports.json")
    assert "--schedule=pending=1s,running=2s" in Services(tmp_path, ports).emulator()
    asked = "pending=1m,running=5m"
    assert f"--schedule={asked}" in Services(tmp_path, ports, asked).emulator()
