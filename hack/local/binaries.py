"""Finds the programs of the control plane; builds what nobody has."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

MODULE = Path(__file__).parents[1] / "kubernetes"

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}


@dataclass(frozen=True)
class Binaries:
    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


def kubernetes_version(module: Path = MODULE) -> str:
    """The version that go.mod asks for, `v1.37.2` for example."""
    found = re.search(
        r"^\s*k8s\.io/kubernetes (v\S+)", (module / "go.mod").read_text(), re.MULTILINE
    )
    if not found:
        raise LocalError(f"{module / 'go.mod'} does not require k8s.io/kubernetes")
    return found[1]


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$GEMINI_OPERATOR_CACHE`, else `~/.cache/gemini-operator`."""
    named = environment.get("GEMINI_OPERATOR_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "gemini-operator"


def find(name: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The program in `KUBEBUILDER_ASSETS` or in the cache.

    Each is looked for by itself: what setup-envtest installs has no kube-controller-manager.
    """
    assets = environment.get("KUBEBUILDER_ASSETS")
    cache = cache_directory(environment) / f"kubernetes-{kubernetes_version()}"
    places = [*([Path(assets).absolute()] if assets else ()), cache]
    return next((place / name for place in places if os.access(place / name, os.X_OK)), None)


def present(environment: Mapping[str, str] = os.environ) -> Binaries:
    """All four programs. Raise LocalError when one is nowhere."""
    found = {name: find(name, environment) for name in PACKAGES}
    if missing := [name for name, path in found.items() if path is None]:
        raise LocalError(f"{', '.join(missing)} not found: run `make binaries`, which builds them")
    return Binaries(**{name.replace("-", "_"): path for name, path in found.items() if path})


def ensure(report: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Binaries:
    """All four programs. `report` is told of every step that takes long.

    Raise LocalError when one has to be built and cannot be.
    """
    missing = [name for name in PACKAGES if find(name, environment) is None]
    if missing:
        from local import building  # noqa: PLC0415 -- it imports this module

        building.build(missing, report, environment)
    return present(environment)
