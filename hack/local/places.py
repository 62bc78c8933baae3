"""What the control plane is made of, and where it is kept."""

import re
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError

MODULE = Path(__file__).parents[1] / "kubernetes"
"""The Go module that names the programs and pins their versions."""

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}


def kubernetes_version() -> str:
    """The version that go.mod asks for, `v1.37.2` for example."""
    file = MODULE / "go.mod"
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", file.read_text(), re.MULTILINE)
    if not found:
        raise LocalError(f"{file} does not require k8s.io/kubernetes")
    return found[1]


def kubernetes_cache(environment: Mapping[str, str]) -> Path:
    """In `$GEMINI_OPERATOR_CACHE`, else in `~/.cache/gemini-operator`."""
    named = environment.get("GEMINI_OPERATOR_CACHE")
    root = Path(named).absolute() if named else Path.home() / ".cache" / "gemini-operator"
    return root / f"kubernetes-{kubernetes_version()}"
