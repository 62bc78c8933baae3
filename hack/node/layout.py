"""Where the files of a node are."""

from dataclasses import dataclass
from pathlib import Path

from local.programs import Files

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
"""In the node's own /run."""

NODE_NAME = "node"
CGROUP = "gemini-node"
"""The cgroup that holds all pods, in every hierarchy."""


@dataclass(frozen=True)
class Layout:
    """
    The directory of a node: logs and pid files, and `state`, which `down` removes.

    Args:
        directory: an absolute path.
    """

    directory: Path

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def control_plane(self) -> Files:
        return Files(self.state)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.control_plane.kubeconfig

    @property
    def machine(self) -> Path:
        return self.state / "machine"

    @property
    def authority(self) -> Path:
        return self.state / "ca.crt"

    @property
    def containerd(self) -> Path:
        return self.state / "containerd"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def cni(self) -> Path:
        return self.state / "cni"

    def certificate(self, name: str) -> Path:
        return self.state / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.state / f"{name}.key"

    def kubeconfig_of(self, component: str) -> Path:
        return self.state / f"{component}.kubeconfig"

    def configuration(self, name: str) -> Path:
        return self.state / name
