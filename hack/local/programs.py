"""The command lines of the control plane's three programs."""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
ISSUER = "https://kubernetes.default.svc"

# What tests and operators need of the thirty-odd controllers; the others would only use the processor.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "validatingadmissionpolicy-status-controller",
)


@dataclass(frozen=True)
class Files:
    """Where everything of one control plane lies."""

    directory: Path

    @property
    def etcd_data(self) -> Path:
        return self.directory / "etcd-data"

    @property
    def certificates(self) -> Path:
        return self.directory / "certificates"

    @property
    def authority(self) -> Path:
        """The API server's own certificate, which it signs itself and writes at its first start."""
        return self.certificates / "apiserver.crt"

    @property
    def account_key(self) -> Path:
        return self.directory / "service-accounts.key"

    @property
    def account_public_key(self) -> Path:
        return self.directory / "service-accounts.pub"

    @property
    def tokens(self) -> Path:
        return self.directory / "tokens.csv"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def audit_policy(self) -> Path:
        return self.directory / "audit-policy.json"

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.jsonl"


def etcd(program: Path, files: Files, *, port: int, peer_port: int) -> list[str]:
    """No fsync: a crash of the machine may lose this data, a crash of etcd does not."""
    client, peer = f"http://{HOST}:{port}", f"http://{HOST}:{peer_port}"
    return [
        str(program),
        f"--data-dir={files.etcd_data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(
    program: Path, files: Files, *, port: int, etcd_port: int, audit: bool
) -> list[str]:
    """`--endpoint-reconciler-type=none`: with any other the loopback address is refused."""
    auditing = [f"--audit-policy-file={files.audit_policy}", f"--audit-log-path={files.audit_log}"]
    return [
        str(program),
        f"--etcd-servers=http://{HOST}:{etcd_port}",
        f"--cert-dir={files.certificates}",
        f"--secure-port={port}",
        f"--bind-address={HOST}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={files.account_public_key}",
        f"--service-account-signing-key-file={files.account_key}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={files.tokens}",
        *(auditing if audit else ()),
    ]


def kube_controller_manager(program: Path, files: Files) -> list[str]:
    return [
        str(program),
        f"--kubeconfig={files.kubeconfig}",
        f"--service-account-private-key-file={files.account_key}",
        f"--root-ca-file={files.authority}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
