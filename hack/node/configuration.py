"""The configuration files of containerd, CNI, the kubelet and CoreDNS."""

import json
from typing import Any

import yaml

from node import credentials
from node.addresses import BRIDGE, DNS_DOMAIN, DNS_SERVICE, NODE, PODS
from node.images import PAUSE
from node.layout import CGROUP, CONTAINERD_SOCKET, Layout

CONTAINERD = "containerd.toml"
KUBELET = "kubelet.yaml"
COREDNS = "Corefile"
RESOLVER = "resolv.conf"


def write(layout: Layout, *, runc: str) -> None:
    """Write all configuration files.

    Args:
        layout: of the node.
        runc: the path of runc.
    """
    layout.cni.mkdir(exist_ok=True)
    files = {
        CONTAINERD: containerd(layout, runc),
        KUBELET: yaml.safe_dump(kubelet(layout), sort_keys=False),
        COREDNS: corefile(layout),
        RESOLVER: "# The node has no resolver outside the cluster.\n",
    }
    for name, text in files.items():
        layout.configuration(name).write_text(text)
    (layout.cni / "10-bridge.conflist").write_text(json.dumps(network(), indent=2) + "\n")


def containerd(layout: Layout, runc: str) -> str:
    """`restrict_oom_score_adj`: without it runc fails where it may not lower the score."""
    return f"""\
version = 3
root = "{layout.containerd}"
state = "/run/containerd"

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{layout.cni}"

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  SystemdCgroup = false
"""


def network() -> dict[str, Any]:
    """The CNI network: every pod on the bridge."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": PODS, "gateway": NODE}]]}
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses | {"routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "gemini-node", "plugins": [bridge, ports]}


def kubelet(layout: Layout) -> dict[str, Any]:
    """Nothing is evicted or removed for lack of space: the disk is shared with the host."""
    signals = "memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.authority)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DNS_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": dict.fromkeys(signals, "0%"),
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "5s",
        "resolvConf": str(layout.configuration(RESOLVER)),
        "shutdownGracePeriod": "0s",
        "tlsCertFile": str(layout.certificate(credentials.KUBELET)),
        "tlsPrivateKeyFile": str(layout.key(credentials.KUBELET)),
    }


def corefile(layout: Layout) -> str:
    """Names outside the cluster do not exist, so a lookup of one fails at once."""
    return f"""\
{DNS_DOMAIN} in-addr.arpa ip6.arpa {{
    bind {NODE}
    errors
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {layout.kubeconfig_of("coredns")}
        ttl 5
    }}
}}

. {{
    bind {NODE}
    errors
    ready {NODE}:8181
    template IN ANY {{
        rcode NXDOMAIN
    }}
}}
"""
