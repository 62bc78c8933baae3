import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.errors import LocalError
from local.processes import Process
from tests.waiting import eventually

HACK = Path(__file__).parents[3] / "hack"
STUBBORN = "trap '' TERM; echo trapped; while :; do sleep 0.1; done"


def command(directory: Path, script: str) -> list[str]:
    """A program that names its state directory and itself, as all of the stack's do."""
    return ["/bin/sh", "-c", f"#{directory}\n{script}", "sleeper"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleeper", tmp_path)
    yield process
    process.stop(grace=0)


def keep_alive(directory: Path) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(300)", str(directory), "sleeper"]


def test_a_started_process_is_known_by_its_pid_file(process: Process, tmp_path: Path) -> None:
    process.start(keep_alive(tmp_path))
    pid = int((tmp_path / "sleeper.pid").read_text())
    assert psutil.pid_exists(pid)
    assert process.running()
    # While the tether becomes the program, its command line may read as empty.
    eventually(Process("sleeper", tmp_path).running, what="the pid file to lead to the process")


def test_stopping_ends_the_process_and_removes_its_pid_file(
    process: Process, tmp_path: Path
) -> None:
    process.start(keep_alive(tmp_path))
    pid = int(process.pid_file.read_text())
    process.stop()
    assert not psutil.pid_exists(pid)
    assert not process.pid_file.exists()


def test_stopping_what_does_not_run_is_fine(process: Process) -> None:
    process.stop()
    assert not process.running()


def test_a_process_that_ignores_sigterm_is_killed(process: Process, tmp_path: Path) -> None:
    process.start(command(tmp_path, STUBBORN))
    process.wait_ready(lambda: "trapped" in process.log_file.read_text(), timeout=10)
    pid = int(process.pid_file.read_text())
    process.stop(grace=0.2)
    assert not psutil.pid_exists(pid)


def test_a_reused_pid_is_not_taken_for_ours_and_not_killed(process: Process) -> None:
    with subprocess.Popen(["/bin/sleep", "300"]) as stranger:
        process.pid_file.write_text(f"{stranger.pid}\n")
        assert not process.running()
        process.stop()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "words", "99999999"])
def test_a_broken_or_stale_pid_file_means_not_running(process: Process, text: str) -> None:
    process.pid_file.write_text(text)
    assert not process.running()


def test_an_early_end_is_reported_with_the_last_log_line(process: Process, tmp_path: Path) -> None:
    process.start(command(tmp_path, "echo first; echo the port is taken; echo; exit 3"))
    with pytest.raises(LocalError, match="sleeper ended at its start: the port is taken"):
        process.wait_ready(lambda: False, timeout=10)


def test_a_process_that_is_never_ready_is_reported(process: Process, tmp_path: Path) -> None:
    process.start(keep_alive(tmp_path))
    with pytest.raises(LocalError, match="sleeper was not ready after 0 s: it wrote nothing"):
        process.wait_ready(lambda: False, timeout=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_a_tethered_process_dies_with_a_killed_parent(tmp_path: Path) -> None:
    assert pid_after_parents_death(tmp_path, tethered=True, survives=False)


def test_an_untethered_process_outlives_its_parent(tmp_path: Path) -> None:
    pid = pid_after_parents_death(tmp_path, tethered=False, survives=True)
    os.kill(pid, signal.SIGKILL)


def pid_after_parents_death(directory: Path, *, tethered: bool, survives: bool) -> int:
    """Have a parent start a process and kill itself; then see whether the process is there."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from local.processes import Process\n"
        f"process = Process('sleeper', Path({str(directory)!r}), tethered={tethered})\n"
        f"process.start({keep_alive(directory)!r})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(HACK)}
    subprocess.run([sys.executable, "-c", script], env=environment, timeout=30, check=False)
    pid = int((directory / "sleeper.pid").read_text())
    eventually(lambda: _alive(pid) == survives, what="the process to meet its fate")
    return pid


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
