"""Finds the programs of the control plane, Helm and an S3 server; has those built that nobody has."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import building
from local.errors import LocalError
from local.places import HELM, KUBERNETES, PACKAGES, VERSITYGW, GoModule

PROGRAMS: Mapping[str, GoModule] = {
    **dict.fromkeys(PACKAGES, KUBERNETES),
    "helm": HELM,
    "versitygw": VERSITYGW,
}
"""What the local control plane needs, and the module of each program."""


@dataclass(frozen=True)
class Binaries:
    """Where each program is."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
    helm: Path
    versitygw: Path


def find(
    name: str, environment: Mapping[str, str] = os.environ, module: GoModule = KUBERNETES
) -> Path | None:
    """The program in `KUBEBUILDER_ASSETS` or in the cache of its module.

    Each is looked for by itself: what setup-envtest installs has no kube-controller-manager.
    """
    assets = environment.get("KUBEBUILDER_ASSETS")
    places = [*([Path(assets).absolute()] if assets else ()), module.cache(environment)]
    return next((place / name for place in places if _is_program(place / name)), None)


def present(environment: Mapping[str, str] = os.environ) -> Binaries:
    """All programs. Raise LocalError when one is nowhere."""
    return Binaries(**members(_found(PROGRAMS, environment)))


def ensure(report: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Binaries:
    """All programs. `report` is told of every step that takes long.

    Raise LocalError when one has to be built and cannot be.
    """
    build_missing(PROGRAMS, report, environment)
    return present(environment)


def build_missing(
    programs: Mapping[str, GoModule], report: Callable[[str], None], environment: Mapping[str, str]
) -> dict[str, Path]:
    """Build those of `programs` that are nowhere, and return where each one is.

    Raise LocalError when one cannot be built.
    """
    for module in dict.fromkeys(programs.values()):
        names = [name for name, its in programs.items() if its is module]
        if missing := [name for name in names if find(name, environment, module) is None]:
            building.build(missing, report, environment, module)
    return _found(programs, environment)


def members(found: Mapping[str, Path]) -> dict[str, Path]:
    """The programs by names that a dataclass can have."""
    return {name.replace("-", "_"): path for name, path in found.items()}


def _found(programs: Mapping[str, GoModule], environment: Mapping[str, str]) -> dict[str, Path]:
    places = {name: find(name, environment, module) for name, module in programs.items()}
    if missing := [name for name, path in places.items() if path is None]:
        raise LocalError(f"{', '.join(missing)} not found: run `make binaries`, which builds them")
    return {name: path for name, path in places.items() if path}


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
