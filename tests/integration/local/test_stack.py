"""`make up`, `make down` and `make demo`, as a person runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually

PROJECT = Path(__file__).parents[3]
SCHEDULE = "pending=1m,running=5m"
NAMES = {
    *("etcd", "kube-apiserver", "kube-controller-manager"),
    *("object-store", "emulator", "controller", "receiver"),
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "local", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT / "hack"), **more}


def run(*arguments: str, **more: str) -> str:
    """What it prints, failure included."""
    done = subprocess.run(
        command(*arguments),
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def processes_of(directory: Path) -> list[int]:
    """Every process whose command line names something in `directory`."""
    found = psutil.process_iter(["pid", "cmdline"])
    return [
        process.pid
        for process in found
        if process.pid != os.getpid()
        and any(str(directory) in part for part in process.info["cmdline"] or ())
    ]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "state"
    yield directory
    run("down", "--state", str(directory))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a stack that is up."""
    directory = tmp_path_factory.mktemp("running")
    try:
        run("up", "--state", str(directory), "--schedule", SCHEDULE)
        yield directory
    finally:
        run("down", "--state", str(directory))


def pids(state: Path) -> dict[str, int]:
    return {path.stem: int(path.read_text()) for path in state.glob("*.pid")}


def shell(state: Path, script: str) -> str:
    """What `script` prints in a shell that has read the state's `env` file."""
    done = subprocess.run(
        ["/bin/sh", "-ec", f". {state}/env\n{script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_up_starts_what_is_not_running_and_down_leaves_nothing(state: Path) -> None:
    up = ("up", "--state", str(state))
    run(*up)
    before = pids(state)
    assert before.keys() == NAMES
    addresses = (state / "env").read_text()

    killed = {"controller", "kube-apiserver", "object-store"}
    for name in killed:
        os.kill(before[name], signal.SIGKILL)
    run(*up)
    after = pids(state)
    assert {name for name in NAMES if after[name] != before[name]} == killed
    assert (state / "env").read_text() == addresses

    said = run(*up)
    assert "starting" not in said
    assert pids(state) == after

    run("down", "--state", str(state))
    assert pids(state) == {}
    assert not [name for name, pid in after.items() if psutil.pid_exists(pid)]


def test_the_env_file_leads_kubectl_and_curl_to_what_runs(running: Path) -> None:
    assert "geminibatchjobs" in shell(running, "kubectl api-resources")
    assert shell(running, "kubectl get secret gemini-api-key -o name").strip()
    for url in ("$CONTROLLER_METRICS_URL/readyz", "$RECEIVER_METRICS_URL/metrics"):
        assert shell(running, f"curl --fail --silent --show-error {url}")
    assert '"jobs"' in shell(running, "curl --fail --silent $GEMINI_BASE_URL/emulator/state")
    keys = list((running / "callback-keys").iterdir())
    assert [len(key.read_text().strip()) for key in keys] == [64]


def test_the_env_file_has_the_access_key_of_the_s3_server(running: Path) -> None:
    key = json.loads((running / "object-store-key.json").read_text())
    secret = json.loads(shell(running, "kubectl get secret object-store -o json"))["data"]
    assert {name: b64decode(value).decode() for name, value in secret.items()} == key
    script = (
        "from obstore.store import S3Store\n"
        'store = S3Store("demo", client_options={"allow_http": True})\n'
        'store.put("greeting", b"hello")\n'
        'print(bytes(store.get("greeting").bytes()).decode())'
    )
    assert shell(running, f"{sys.executable} -c '{script}'") == "hello\n"
    assert (running / "object-store" / "demo" / "greeting").read_bytes() == b"hello"
    for private in ("env", "object-store-key.json"):
        assert (running / private).stat().st_mode & 0o777 == 0o600
    for pid in pids(running).values():
        assert key["secret_access_key"] not in " ".join(psutil.Process(pid).cmdline())


def test_the_emulator_has_the_schedule_that_up_was_given_and_keeps_it(running: Path) -> None:
    emulator = pids(running)["emulator"]
    assert f"--schedule={SCHEDULE}" in psutil.Process(emulator).cmdline()
    said = run("up", "--state", str(running), "--schedule", "pending=1s,running=1s")
    assert "keeps its schedule" in said
    assert pids(running)["emulator"] == emulator


def test_the_receivers_account_can_write_statuses_and_read_nothing(running: Path) -> None:
    receiver = f"kubectl --kubeconfig {running}/receiver.kubeconfig auth can-i"
    asked = {
        "patch geminibatchjobs --subresource=status": "yes",
        "get geminibatchjobs": "no",
        "patch geminibatchjobs": "no",
        "get secrets": "no",
    }
    for question, answer in asked.items():
        assert shell(running, f"{receiver} {question} || true").split()[-1] == answer, question


@pytest.mark.exhaustive
def test_up_says_in_one_line_why_a_process_did_not_start(state: Path) -> None:
    done = subprocess.run(
        command("up", "--state", str(state)),
        env=environment(GEMINI_OPERATOR_WORKERS="many"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: controller ended at its start: ")
    assert "many" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_demo_shows_the_row_and_the_results_and_leaves_nothing(tmp_path: Path) -> None:
    start = time.monotonic()
    said = run("demo", TMPDIR=str(tmp_path))
    assert time.monotonic() - start < 60
    assert "review-sentiment     Succeeded" in said
    assert said.count("  review-0") == 3
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell runs in the background ignores SIGINT, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (signal.SIGTERM, signal.SIGKILL)),
    ],
)
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        command("demo"),
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as demo:
        eventually(
            lambda: list(tmp_path.glob("*/emulator.pid")), timeout=60, what="the demo to be half up"
        )
        demo.send_signal(number)
        assert demo.wait(30) != 0
    eventually(lambda: not processes_of(tmp_path), what="all processes to end")
