"""The command lines of the node's programs."""

from pathlib import Path

from local import programs
from local.programs import ISSUER
from node import configuration, credentials
from node.addresses import API_PORT, NODE, PODS, SERVICES
from node.binaries import NodeBinaries
from node.layout import NODE_NAME, Layout

ETCD_PORT, ETCD_PEER_PORT = 2379, 2380
"""On the loopback address of the node's network namespace, where nothing else listens."""


def etcd(binaries: NodeBinaries, layout: Layout) -> list[str]:
    files = layout.control_plane
    return programs.etcd(binaries.etcd, files, port=ETCD_PORT, peer_port=ETCD_PEER_PORT)


def kube_apiserver(binaries: NodeBinaries, layout: Layout) -> list[str]:
    files = layout.control_plane
    return [
        str(binaries.kube_apiserver),
        f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
        f"--cert-dir={files.certificates}",
        f"--tls-cert-file={layout.certificate(credentials.APISERVER)}",
        f"--tls-private-key-file={layout.key(credentials.APISERVER)}",
        f"--client-ca-file={layout.authority}",
        f"--bind-address={NODE}",
        f"--advertise-address={NODE}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={files.account_public_key}",
        f"--service-account-signing-key-file={files.account_key}",
        "--authorization-mode=RBAC,Node",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--token-auth-file={files.tokens}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={layout.authority}",
        f"--kubelet-client-certificate={layout.certificate(credentials.KUBELET_CLIENT)}",
        f"--kubelet-client-key={layout.key(credentials.KUBELET_CLIENT)}",
    ]


def kube_controller_manager(binaries: NodeBinaries, layout: Layout) -> list[str]:
    return [
        str(binaries.kube_controller_manager),
        f"--kubeconfig={layout.kubeconfig_of('kube-controller-manager')}",
        f"--service-account-private-key-file={layout.control_plane.account_key}",
        f"--root-ca-file={layout.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def kube_scheduler(binaries: NodeBinaries, layout: Layout) -> list[str]:
    return [
        str(binaries.kube_scheduler),
        f"--kubeconfig={layout.kubeconfig_of('kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def containerd(binaries: NodeBinaries, layout: Layout) -> list[str]:
    return [str(binaries.containerd), "--config", _configuration(layout, configuration.CONTAINERD)]


def kubelet(binaries: NodeBinaries, layout: Layout) -> list[str]:
    return [
        str(binaries.kubelet),
        f"--config={_configuration(layout, configuration.KUBELET)}",
        f"--kubeconfig={layout.kubeconfig_of('kubelet')}",
        f"--root-dir={layout.kubelet}",
        f"--cert-dir={layout.kubelet / 'pki'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE}",
    ]


def kube_proxy(binaries: NodeBinaries, layout: Layout) -> list[str]:
    """It leaves the kernel's connection tracking as it is: that belongs to the host."""
    return [
        str(binaries.kube_proxy),
        f"--kubeconfig={layout.kubeconfig_of('kube-proxy')}",
        f"--hostname-override={NODE_NAME}",
        f"--cluster-cidr={PODS}",
        "--proxy-mode=iptables",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        *(() if Path("/proc/sys/net/bridge").exists() else ("--masquerade-all",)),
    ]


def coredns(binaries: NodeBinaries, layout: Layout) -> list[str]:
    return [str(binaries.coredns), "-conf", _configuration(layout, configuration.COREDNS)]


def _configuration(layout: Layout, name: str) -> str:
    return str(layout.configuration(name))
