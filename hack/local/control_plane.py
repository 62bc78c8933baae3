"""etcd, kube-apiserver and kube-controller-manager in one directory, on free ports."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from local import credentials, programs
from local.api import AdminApi
from local.binaries import Binaries
from local.errors import LocalError
from local.kubectl import Kubectl
from local.ports import PortBook, listens
from local.processes import Process
from local.programs import HOST, Files

START_TIMEOUT = 60.0


@dataclass
class ControlPlane:
    """A real API server. As a context manager it runs inside the block and leaves no process.

    `audit`: writes to this project's kind and its neighbours are listed in `audit_events()`.
    `tethered`: the programs die with this process, however it ends.
    """

    directory: Path
    binaries: Binaries
    audit: bool = False
    tethered: bool = True
    report: Callable[[str], None] = field(default=lambda _: None, repr=False)

    def __post_init__(self) -> None:
        self.directory = self.directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.files = Files(self.directory)
        self.ports = PortBook(self.directory / "ports.json")
        self.etcd = self._process("etcd")
        self.apiserver = self._process("kube-apiserver")
        self.controller_manager = self._process("kube-controller-manager")
        self._api: AdminApi | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{HOST}:{self.ports.get('kube-apiserver')}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.files.kubeconfig

    @property
    def processes(self) -> tuple[Process, ...]:
        return self.etcd, self.apiserver, self.controller_manager

    @cached_property
    def kubectl(self) -> Kubectl:
        """As the administrator."""
        return Kubectl(self.binaries.kubectl, self.kubeconfig)

    @property
    def api(self) -> AdminApi:
        """As the administrator; its connections last until `stop`."""
        if self._api is None:
            token = credentials.admin_token(self.files)
            self._api = AdminApi(self.server, self.files.authority, token)
        return self._api

    def start(self) -> None:
        """Start what is not running; return when namespaces and service accounts work.

        Raise LocalError with the last log line of the program that failed.
        """
        credentials.prepare(self.files)
        self.start_etcd()
        self.start_apiserver()
        self.start_controller_manager()

    def stop(self) -> None:
        """The API server before etcd: without etcd it would hold its port for a minute."""
        if self._api is not None:
            self._api.close()
            self._api = None
        for process in reversed(self.processes):
            process.stop(grace=3)

    def start_etcd(self) -> None:
        if self.etcd.running():
            return
        self.report("starting etcd")
        port, peer_port = self.ports.claim("etcd"), self.ports.claim("etcd-peer")
        command = programs.etcd(self.binaries.etcd, self.files, port=port, peer_port=peer_port)
        self.etcd.start(command)
        self.etcd.wait_ready(lambda: listens(port), timeout=START_TIMEOUT)

    def start_apiserver(self) -> None:
        """On the port and the data it had before."""
        if self.apiserver.running():
            return
        self.report("starting kube-apiserver")
        command = programs.kube_apiserver(
            self.binaries.kube_apiserver,
            self.files,
            port=self.ports.claim("kube-apiserver"),
            etcd_port=self.ports.get("etcd"),
            audit=self.audit,
        )
        self.apiserver.start(command)
        self.apiserver.wait_ready(self._serves, timeout=START_TIMEOUT)
        self._write_kubeconfig()

    def stop_apiserver(self, *, kill: bool = False) -> None:
        """An outage: connections break, the port is closed. `kill`: without a farewell."""
        if kill:
            self.apiserver.kill()
        else:
            self.apiserver.stop(grace=3)

    def start_controller_manager(self) -> None:
        if self.controller_manager.running():
            return
        self.report("starting kube-controller-manager")
        program = self.binaries.kube_controller_manager
        self.controller_manager.start(programs.kube_controller_manager(program, self.files))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.controller_manager.wait_ready(lambda: self.api.answers(account), timeout=START_TIMEOUT)

    def audit_events(self) -> Iterator[dict[str, Any]]:
        """What the API server was asked, in order: audit.k8s.io/v1 Events of level Metadata."""
        if not self.audit:
            raise LocalError("this control plane was started without an audit log")
        with self.files.audit_log.open() as log:
            yield from (json.loads(line) for line in log if line.endswith("\n"))

    def _serves(self) -> bool:
        return self.files.authority.exists() and self.api.answers("/readyz")

    def _write_kubeconfig(self) -> None:
        credentials.write_kubeconfig(
            self.kubeconfig,
            server=self.server,
            authority=self.files.authority,
            token=credentials.admin_token(self.files),
        )

    def _process(self, name: str) -> Process:
        return Process(name, self.directory, tethered=self.tethered)
