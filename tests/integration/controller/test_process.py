"""The controller as a process: start, drain, watch, and what it must never do (P1 to P5)."""

import json
import os
import signal
import socket
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from local import binaries
from local.control_plane import ControlPlane
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import KubeconfigFor
from tests.integration.controller.conftest import SLOW
from tests.integration.receiver.peers import ApiRoad, send
from tests.operator_process import Operator, Process, inline_job, through
from tests.program import PROGRAM
from tests.waiting import eventually

CRDS = Path(__file__).parents[3] / "crds"


@SLOW
def test_p03_our_finalizer_stays_although_kopf_sees_every_event(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.kubectl("label", "gbj", "job", "seen=by-kopf")
    operator.apply(inline_job("other"))
    operator.wait_condition("other", "Submitted")
    metadata = operator.get("job")["metadata"]
    assert metadata["finalizers"] == ["gemini-operator.io/batch"]
    assert not [name for name in metadata.get("annotations", {}) if "kopf" in name]


@SLOW
def test_foreign_finalizers_are_kept(operator: Operator) -> None:
    operator.start()
    manifest = inline_job("job")
    manifest["metadata"]["finalizers"] = ["example.com/other"]
    operator.apply(manifest)
    operator.wait_condition("job", "Submitted")
    finalizers = operator.get("job")["metadata"]["finalizers"]
    assert finalizers == ["example.com/other", "gemini-operator.io/batch"]
    operator.kubectl("delete", "gbj", "job", "--wait=false")
    eventually(lambda: operator.get("job")["metadata"]["finalizers"] == ["example.com/other"])
    patch = '{"metadata":{"finalizers":null}}'
    operator.kubectl("patch", "gbj", "job", "--type=merge", "-p", patch)


def test_p04_sigterm_lets_a_create_under_way_write_its_name(operator: Operator) -> None:
    operator.start()
    operator.emulator.fault("batches.create", "hold", when="after")
    operator.apply(inline_job("job"))
    operator.emulator.wait_for_held("batches.create")
    operator.controller.send(signal.SIGTERM)
    eventually(lambda: "stopping" in operator.controller.text())
    operator.emulator.release()
    assert operator.controller.wait() == 0
    assert operator.status("job")["batchName"] == operator.batches()[0]["name"]


class BrokenWatch(ApiRoad):
    """Every watch is refused as a bad request: kopf gives up on it."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if "watch=true" in request.path:
            error = {"kind": "Status", "status": "Failure", "code": 400, "message": "no"}
            send(request, 400, json.dumps(error).encode())
        else:
            super().answer(request)


def test_p04_the_end_of_kopf_ends_the_process_with_status_1(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with BrokenWatch(control_plane.server, control_plane.api.authority) as road:
        controller = Process(
            "controller",
            tmp_path / "controller.log",
            *("--kubeconfig", str(through(control_plane.kubeconfig, road.url))),
            *("--namespaces", namespace),
            *("--health-host", "127.0.0.1", "--metrics-port", "0"),
        )
        controller.start()
        assert controller.wait() == 1
    assert "the watch has ended" in controller.text()


def test_p05_a_controller_that_starts_before_its_crd_waits_for_it(
    tmp_path: Path, emulator: EmulatorProcess
) -> None:
    directory = tmp_path / "plane"
    directory.mkdir()
    with ControlPlane(directory, binaries.present()) as plane:
        controller = Process(
            "controller",
            tmp_path / "controller.log",
            *("--kubeconfig", str(plane.kubeconfig), "--gemini-base-url", emulator.url),
            *("--allow-insecure-gemini", "--health-host", "127.0.0.1", "--metrics-port", "0"),
        )
        controller.start()
        apply = "kubectl apply --server-side -f crds/"
        eventually(lambda: apply in controller.text())
        assert apply in controller.readiness()
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        eventually(controller.ready, timeout=20)
        assert controller.stop() == 0


def test_p05_a_crd_that_is_deleted_is_said_in_one_line_and_its_return_noticed(
    tmp_path: Path, emulator: EmulatorProcess
) -> None:
    directory = tmp_path / "plane"
    directory.mkdir()
    with ControlPlane(directory, binaries.present()) as plane:
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        controller = Process(
            "controller",
            tmp_path / "controller.log",
            *("--kubeconfig", str(plane.kubeconfig), "--gemini-base-url", emulator.url),
            *("--allow-insecure-gemini", "--health-host", "127.0.0.1", "--metrics-port", "0"),
        )
        controller.start()
        eventually(controller.ready, timeout=20)
        plane.kubectl("delete", "crd", "--all")
        eventually(lambda: "no CRD" in controller.readiness(), timeout=30)
        plane.kubectl("apply", "--server-side", "-f", str(CRDS))
        eventually(lambda: "is back" in controller.text(), timeout=30)
        eventually(controller.ready, timeout=20)
        manifest = inline_job("job")
        manifest["metadata"]["namespace"] = "default"
        path = tmp_path / "job.json"
        path.write_text(json.dumps(manifest))
        plane.kubectl("apply", "-f", str(path))
        # Without a Secret it cannot be submitted: whoever reads it has seen it.
        eventually(lambda: "Stalled" in plane.kubectl("get", "gbj", "job", "-o", "yaml"))
        assert controller.stop() == 0
    assert "Traceback" not in controller.text()
    assert not [line for line in controller.text().splitlines() if '"exception"' in line]
    assert controller.text().count("was deleted") == 1


NOBODY = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "here",
    "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "here", "user": {"token": "none"}}],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
}


@pytest.fixture
def nobody(tmp_path: Path) -> Process:
    """A controller whose API server is not there."""
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(NOBODY))
    where = ("--kubeconfig", str(path), "--health-host", "127.0.0.1", "--metrics-port", "0")
    return Process("controller", tmp_path / "log", *where)


def said(text: str) -> list[str]:
    """The messages of all log lines."""
    lines = [line for line in text.splitlines() if not line.startswith("listening on ")]
    return [json.loads(line)["event"] for line in lines]


@pytest.mark.parametrize("more", [(), ("--leader-elect", "--lease-namespace", "default")])
def test_sigterm_before_the_first_list_ends_in_good_order(
    nobody: Process, more: tuple[str, ...]
) -> None:
    nobody.start(*more)
    eventually(lambda: "does not list GeminiBatchJobs yet" in nobody.text())
    assert nobody.stop() == 0
    refusals = said(nobody.text())
    assert refusals.pop() == "stopping"
    assert set(refusals[1:]) == {"the API server does not list GeminiBatchJobs yet"}


def test_sigterm_without_the_right_to_list_ends_in_good_order(
    service_account_kubeconfig: KubeconfigFor, tmp_path: Path
) -> None:
    path = str(service_account_kubeconfig([]))
    where = ("--kubeconfig", path, "--health-host", "127.0.0.1", "--metrics-port", "0")
    controller = Process("controller", tmp_path / "log", *where)
    controller.start()
    eventually(lambda: "cannot list resource" in controller.text())
    assert controller.stop() == 0
    assert said(controller.text())[-1] == "stopping"


def test_a_port_that_is_taken_is_one_line_that_names_the_flag(nobody: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(RuntimeError, match="has ended"):
            nobody.start("--metrics-port", str(port))
    (line,) = nobody.text().splitlines()
    assert f"port {port} (address already in use): choose another --metrics-port" in line
    assert nobody.wait() == 2


def test_a_variable_that_sets_no_flag_is_named() -> None:
    services = {"GEMINI_OPERATOR_METRICS_PORT": "tcp://10.0.0.1:8081"}
    environment = {**os.environ, **services, "GEMINI_OPERATOR_WORKER": "4"}
    command = [str(PROGRAM), "controller", "--kubeconfig", "/nowhere"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    line, end = done.stderr.splitlines()
    assert "/nowhere" in end
    line = json.loads(line)["event"]
    assert "GEMINI_OPERATOR_WORKER sets no flag" in line
    assert line.endswith("did you mean GEMINI_OPERATOR_WORKERS?")


@SLOW
def test_p05_jobs_that_went_while_nobody_watched_are_forgotten(operator: Operator) -> None:
    operator.start("--relist-interval", "1")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.controller.send(signal.SIGSTOP)
    patch = '{"metadata":{"finalizers":null}}'
    operator.kubectl("patch", "gbj", "job", "--type=merge", "-p", patch)
    operator.kubectl("delete", "gbj", "job")
    operator.controller.send(signal.SIGCONT)
    operator.apply(inline_job("job"))
    status = operator.wait_condition("job", "Submitted")
    assert status
    assert len(operator.batches()) == 2


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--create-timeout", "31"), "--submit-grace"),
        (("--lease-duration", "10"), "--lease-renew-deadline"),
        (("--lease-retry-period", "10"), "--lease-renew-deadline"),
        (("--lease-name", "a/b"), "--lease-name"),
        (("--public-url", "https://example.com"), "--callback-keys-dir"),
        (("--public-url", "example.com"), "must be like"),
        (("--default-api-key-secret", "name-only"), "NAME/KEY"),
        (("--gemini-base-url", "http://example.com"), "--allow-insecure-gemini"),
        (("--kubeconfig", "/nowhere"), "/nowhere"),
        (("--workers", "0"), "--workers"),
    ],
)
def test_bad_configuration_is_one_line_and_status_2(
    tmp_path: Path, args: tuple[str, ...], named: str
) -> None:
    controller = Process("controller", tmp_path / "log", *args)
    with pytest.raises(RuntimeError, match="has ended"):
        controller.start()
    lines = controller.text().strip().splitlines()
    assert len(lines) == 1
    assert named in lines[0]
    assert controller.wait() == 2


def test_metrics_name_no_job_and_no_key(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job-with-a-name"))
    operator.wait_complete("job-with-a-name")
    text = operator.controller.metrics()
    assert "gemini_operator_reconcile_total" in text
    assert "job-with-a-name" not in text
    assert 'gemini_operator_gemini_requests_total{call="batches.create",result="ok"} 1.0' in text
    assert 'gemini_operator_jobs{state="Succeeded"} 1.0' in text
    assert "gemini_operator_jwks" not in text
    assert operator.namespace not in text
    assert json.dumps(operator.batches()[0]["name"])[1:-1] not in text
