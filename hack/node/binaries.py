"""The programs of the node: those of the control plane, and what runs pods."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import binaries
from local.places import HELM, KUBERNETES, MODULE, GoModule

CONTAINERD = GoModule(
    name="containerd",
    directory=MODULE / "containerd",
    requires="github.com/containerd/containerd/v2",
    packages={
        name: f"github.com/containerd/containerd/v2/cmd/{name}"
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    version_variables=("github.com/containerd/containerd/v2/version.Version",),
)
COREDNS = GoModule(
    name="coredns",
    directory=MODULE / "coredns",
    requires="github.com/coredns/coredns",
    packages={"coredns": "github.com/coredns/coredns"},
)
MODULES = (KUBERNETES, CONTAINERD, COREDNS, HELM)
PROGRAMS: Mapping[str, GoModule] = {name: module for module in MODULES for name in module.packages}


@dataclass(frozen=True)
class NodeBinaries:
    """Where each program is."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
    kubelet: Path
    kube_proxy: Path
    kube_scheduler: Path
    containerd: Path
    containerd_shim_runc_v2: Path
    ctr: Path
    coredns: Path
    helm: Path


def ensure(
    report: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> NodeBinaries:
    """Find all programs, and build what is missing.

    Raises:
        LocalError: a program has to be built and cannot be.
    """
    return NodeBinaries(**binaries.members(binaries.build_missing(PROGRAMS, report, environment)))
