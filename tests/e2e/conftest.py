"""A cluster with real pods: a single node made for the tests, or the one that E2E_KUBECONFIG names."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from local import binaries as local_binaries
from local.chart import CHART, RELEASE
from local.command_line import reporter
from local.kubectl import Kubectl
from node import binaries, images, requirements
from node.node import Node

JSON = dict[str, Any]
Report = Callable[[str], None]
Traces = dict[str, list[str]]

EXISTING = "E2E_KUBECONFIG"
EXISTING_IMAGE = "E2E_IMAGE"

LEFT = ("/run/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/etc/cni")
SYSCTLS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


@pytest.fixture(scope="session")
def report() -> Report:
    """Print each step with the seconds since the first."""
    return reporter()


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Path:
    """Of the node. The tests are skipped, with one line, where no node can run."""
    if EXISTING in os.environ:
        pytest.skip(f"{EXISTING} names a cluster")
    if reason := requirements.unfit():
        pytest.skip(reason)
    requirements.ensure(report)
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="session")
def before(directory: Path) -> Traces:
    """What was on the host before the node."""
    return traces(directory)


@pytest.fixture(scope="session")
def node(directory: Path, before: Traces, report: Report) -> Iterator[Node]:
    """With this project's image."""
    assert before
    node = Node(directory, binaries.ensure(report), report)
    try:
        node.up(images.ensure_pause(report))
        archive = images.build_image(directory / "image.tar", images.IMAGE, report)
        report("loading the image into the node")
        node.load(archive)
        yield node
    finally:
        node.down()


@dataclass(frozen=True)
class Cluster:
    """A cluster with real pods.

    Attributes:
        image: the chart's values for an image that it can run.
    """

    kubectl: Kubectl
    helm_program: Path
    image: JSON
    report: Report

    def helm(self, *arguments: str, values: JSON | None = None, timeout: float = 300) -> str:
        """What Helm prints. Fails the test with Helm's message."""
        given = ["--values", "-"] if values is not None else []
        done = subprocess.run(
            [str(self.helm_program), *arguments, *given],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=self.kubectl.environment(),
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def install(self, namespace: str, values: JSON) -> str:
        """Install the chart, or upgrade it; return when all pods are ready."""
        command = ("upgrade", "--install", RELEASE, str(CHART), "--namespace", namespace)
        given = {"image": self.image, **values}
        return self.helm(*command, "--wait", "--timeout", "4m", values=given)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, report: Report) -> Cluster:
    """The cluster of E2E_KUBECONFIG with the image of E2E_IMAGE; without them a node of its own."""
    if EXISTING in os.environ:
        found = local_binaries.ensure(report)
        repository, _, tag = os.environ[EXISTING_IMAGE].rpartition(":")
        kubectl = Kubectl(found.kubectl, Path(os.environ[EXISTING]))
        return Cluster(kubectl, found.helm, {"repository": repository, "tag": tag}, report)
    node: Node = request.getfixturevalue("node")
    repository, _, tag = images.IMAGE.rpartition(":")
    image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
    return Cluster(node.kubectl, binaries.ensure(report).helm, image, report)


def traces(directory: Path) -> Traces:
    """What a node could leave on the host."""
    return {
        "mounts": Path("/proc/self/mounts").read_text().splitlines(),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "routes": run("ip", "route").splitlines(),
        "iptables": [line for line in run("iptables-save").splitlines() if line[:1] != "#"],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("**/gemini-node")],
        "files": [path for path in LEFT if Path(path).exists()],
        "sysctls": [f"{name} = {Path('/proc/sys', name).read_text()}" for name in SYSCTLS],
        "processes": [str(p.pid) for p in psutil.process_iter() if _names(p, directory)],
    }


def left(before: Traces, after: Traces) -> Traces:
    """What is there after and was not before: a node also removes what a killed one left."""
    new = {kind: [one for one in after[kind] if one not in before[kind]] for kind in after}
    return {kind: ones for kind, ones in new.items() if ones}


def _names(process: psutil.Process, directory: Path) -> bool:
    try:
        return any(str(directory) in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def run(*command: str) -> str:
    """What a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout
