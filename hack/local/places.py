"""What the control plane and the node are made of, and where it is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
"""The programs of the control plane."""


@dataclass(frozen=True)
class GoModule:
    """
    A Go module that pins a few programs.

    Args:
        name: names its directory in the cache, together with the version.
        directory: where its go.mod is.
        requires: the module whose version is that of the programs.
        packages: what to build, by the program's name.
        version_variables: Go variables that are set to the version, such as `v1.37.2`.
    """

    name: str
    directory: Path
    requires: str
    packages: Mapping[str, str] = field(hash=False)
    version_variables: tuple[str, ...] = ()

    def version(self) -> str:
        """The version that go.mod asks for, `v1.37.2` for example."""
        file = self.directory / "go.mod"
        pattern = rf"^(?:require|\s)\s*{re.escape(self.requires)} (v\S+)"
        found = re.search(pattern, file.read_text(), re.MULTILINE)
        if not found:
            raise LocalError(f"{file} does not require {self.requires}")
        return found[1]

    def cache(self, environment: Mapping[str, str]) -> Path:
        """In `$GEMINI_OPERATOR_CACHE`, else in `~/.cache/gemini-operator`."""
        return cache_root(environment) / f"{self.name}-{self.version()}"


KUBERNETES = GoModule(
    name="kubernetes",
    directory=MODULE,
    requires="k8s.io/kubernetes",
    packages=PACKAGES
    | {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kubelet", "kube-proxy", "kube-scheduler")
    },
    version_variables=("k8s.io/component-base/version.gitVersion",),
)


HELM = GoModule(
    name="helm",
    directory=MODULE / "helm",
    requires="helm.sh/helm/v4",
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    version_variables=("helm.sh/helm/v4/internal/version.version",),
)

VERSITYGW = GoModule(
    name="versitygw",
    directory=MODULE / "versitygw",
    requires="github.com/versity/versitygw",
    packages={"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
    version_variables=("main.Version",),
)
"""An S3 server that keeps its objects in a folder."""

FAKE_GCS = GoModule(
    name="fake-gcs-server",
    directory=MODULE / "fake-gcs-server",
    requires="github.com/fsouza/fake-gcs-server",
    packages={"fake-gcs-server": "github.com/fsouza/fake-gcs-server"},
)
"""A server that speaks the protocol of Google Cloud Storage."""

KSTATUS = GoModule(
    name="kstatus",
    directory=MODULE / "kstatus",
    requires="sigs.k8s.io/cli-utils",
    packages={"kstatus": "."},
)


def cache_root(environment: Mapping[str, str]) -> Path:
    named = environment.get("GEMINI_OPERATOR_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "gemini-operator"


def kubernetes_version() -> str:
    """The version of the control plane, `v1.37.2` for example."""
    return KUBERNETES.version()


def kubernetes_cache(environment: Mapping[str, str]) -> Path:
    return KUBERNETES.cache(environment)
