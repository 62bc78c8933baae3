"""Finds the programs of the control plane, and has those built that nobody has."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import building
from local.errors import LocalError
from local.places import KUBERNETES, PACKAGES, GoModule


@dataclass(frozen=True)
class Binaries:
    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


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
    """All four programs. Raise LocalError when one is nowhere."""
    found = {name: find(name, environment) for name in PACKAGES}
    if missing := [name for name, path in found.items() if path is None]:
        raise LocalError(f"{', '.join(missing)} not found: run `make binaries`, which builds them")
    return Binaries(**{name.replace("-", "_"): path for name, path in found.items() if path})


def ensure(report: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Binaries:
    """All four programs. `report` is told of every step that takes long.

    Raise LocalError when one has to be built and cannot be.
    """
    if missing := [name for name in PACKAGES if find(name, environment) is None]:
        building.build(missing, report, environment)
    return present(environment)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
