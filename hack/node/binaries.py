"""The programs of the node: those of the control plane, and what runs pods."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import binaries, building
from local.errors import LocalError
from local.places import KUBERNETES, MODULE, GoModule

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
HELM = GoModule(
    name="helm",
    directory=MODULE / "helm",
    requires="helm.sh/helm/v4",
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    version_variables=("helm.sh/helm/v4/internal/version.version",),
)
MODULES = (KUBERNETES, CONTAINERD, COREDNS, HELM)


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
    found: dict[str, Path] = {}
    for module in MODULES:
        found |= _of_module(module, report, environment)
    return NodeBinaries(**{name.replace("-", "_"): path for name, path in found.items()})


def _of_module(
    module: GoModule, report: Callable[[str], None], environment: Mapping[str, str]
) -> dict[str, Path]:
    places = {name: binaries.find(name, environment, module) for name in module.packages}
    if missing := [name for name, place in places.items() if place is None]:
        building.build(missing, report, environment, module)
        places = {name: binaries.find(name, environment, module) for name in module.packages}
    if missing := [name for name, place in places.items() if place is None]:
        raise LocalError(f"{', '.join(missing)} were built but are not in the cache: try again")
    return {name: place for name, place in places.items() if place}
