"""A node: starts its programs in their order, loads images, and removes everything again."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from local import credentials as local_credentials
from local.api import AdminApi
from local.errors import LocalError
from local.kubectl import Kubectl
from local.processes import Process
from local.stack import locked
from node import addresses, configuration, credentials, network, programs, requirements
from node.binaries import NodeBinaries
from node.layout import CONTAINERD_SOCKET, NODE_NAME, Layout
from node.machine import Machine

START_TIMEOUT = 90.0
IMPORT_TIMEOUT = 300.0
TIE = ("setpriv", "--pdeathsig=KILL", "--")
"""A program ends with the nsenter that started it, whose number is in the pid file."""

DNS = Path(__file__).with_name("dns.yaml")

# In the order in which they start.
PROCESSES = (
    "etcd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)

Report = Callable[[str], None]


class Node:
    """
    A single-node cluster in one directory.

    Args:
        directory: for state, logs and pid files.
        binaries: the node's programs.
        report: is told of each step.
    """

    def __init__(self, directory: Path, binaries: NodeBinaries, report: Report) -> None:
        self.layout = Layout(directory.resolve())
        self.machine = Machine(self.layout)
        self.kubectl = Kubectl(binaries.kubectl, self.layout.kubeconfig)
        self._processes = _processes(self.layout)
        self._binaries = binaries
        self._report = report

    def up(self, pause: Path) -> Path:
        """Start what is not running; return when pods can run.

        Args:
            pause: the docker-archive of the pause image.

        Returns:
            the administrator's kubeconfig.

        Raises:
            LocalError: with the last log line of the program that failed.
        """
        with locked(self.layout.directory):
            if not self.machine.running():
                self._create_machine()
            with self._admin() as api:
                self._start_all(api, pause)
        return self.layout.kubeconfig

    def down(self) -> None:
        """End the node and remove its state. Logs stay. Fine when nothing runs.

        Raises:
            LocalError: a process, cgroup or link cannot be removed.
        """
        with locked(self.layout.directory):
            _remove(self.layout, self.machine, self._processes, self._report)

    def load(self, archive: Path) -> None:
        """Import a docker-archive, so that pods can use its image.

        Raises:
            LocalError: the node is not running, or containerd refused the archive.
        """
        if not archive.is_file():
            raise LocalError(f"{archive} is not there: build one with `python -m node image`")
        ctr = [str(self._binaries.ctr), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"]
        command = [*ctr, "images", "import", "--local", str(archive.resolve())]
        self.machine.run(*command, timeout=IMPORT_TIMEOUT)

    def _create_machine(self) -> None:
        """Start afresh: what an earlier node left in the directory is removed first."""
        runc = requirements.program("runc")
        if runc is None:
            raise LocalError("runc is not installed: run `python -m node check`")
        _remove(self.layout, self.machine, self._processes, self._report)
        network.check_free()
        self._report("creating the node's namespaces and network")
        self.machine.start()
        network.connect(self.machine)
        credentials.prepare(self.layout)
        configuration.write(self.layout, runc=runc)

    def _start_all(self, api: AdminApi, pause: Path) -> None:
        self._start("etcd", programs.etcd, lambda: True)
        self._start("containerd", programs.containerd, lambda: True)
        self._start("kube-apiserver", programs.kube_apiserver, lambda: api.answers("/readyz"))
        self._start("kube-controller-manager", programs.kube_controller_manager, lambda: True)
        self._start("kube-scheduler", programs.kube_scheduler, lambda: True)
        self._processes["containerd"].wait_ready(self._containerd_answers, timeout=START_TIMEOUT)
        self.load(pause)
        self._start("kubelet", programs.kubelet, lambda: True)
        self._start("kube-proxy", programs.kube_proxy, lambda: True)
        self.kubectl("apply", "--filename", str(DNS))
        self._start("coredns", programs.coredns, lambda: True)
        self._report("waiting for the node to be Ready")
        self._processes["kubelet"].wait_ready(lambda: _is_ready(api), timeout=START_TIMEOUT)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        manager = self._processes["kube-controller-manager"]
        manager.wait_ready(lambda: api.answers(account), timeout=START_TIMEOUT)

    def _start(
        self,
        name: str,
        command: Callable[[NodeBinaries, Layout], Sequence[str]],
        ready: Callable[[], object],
    ) -> None:
        process = self._processes[name]
        if not process.running():
            self._report(f"starting {name}")
            tied = [*TIE, *command(self._binaries, self.layout)]
            process.start(self.machine.command(tied), self._path())
        process.wait_ready(ready, timeout=START_TIMEOUT)

    def _path(self) -> dict[str, str]:
        """PATH leads containerd to its shim, and the kubelet and kube-proxy to mount and iptables."""
        shim = self._binaries.containerd_shim_runc_v2.parent
        path = f"{shim}:{os.environ.get('PATH', '')}:{requirements.SBIN}"
        return {**os.environ, "PATH": path}

    def _containerd_answers(self) -> bool:
        ctr = self._binaries.ctr
        try:
            self.machine.run(str(ctr), "--address", CONTAINERD_SOCKET, "version", timeout=10)
        except LocalError:
            return False
        return True

    @contextmanager
    def _admin(self) -> Iterator[AdminApi]:
        token = local_credentials.admin_token(self.layout.control_plane)
        with closing(AdminApi(addresses.SERVER, self.layout.authority, token)) as api:
            yield api


def down(directory: Path, report: Report) -> None:
    """As `Node.down`, without its programs: those of an unfinished build may be missing."""
    layout = Layout(directory.resolve())
    if layout.directory.is_dir():
        with locked(layout.directory):
            _remove(layout, Machine(layout), _processes(layout), report)


def _processes(layout: Layout) -> dict[str, Process]:
    return {name: Process(name, layout.directory, tethered=False) for name in PROCESSES}


def _remove(
    layout: Layout, machine: Machine, processes: Mapping[str, Process], report: Report
) -> None:
    was_running = machine.running()
    if was_running:
        report("ending the node's processes")
    machine.stop()
    for process in processes.values():
        process.stop(grace=5)
    if was_running:
        network.disconnect()
    shutil.rmtree(layout.state, ignore_errors=True)


def _is_ready(api: AdminApi) -> bool:
    try:
        node = api.request("GET", f"/api/v1/nodes/{NODE_NAME}")
    except LocalError:
        return False
    conditions = node["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
