"""The node's certificate authority, its certificates, and a token for each component."""

import datetime as dt
import ipaddress
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local import credentials
from local.credentials import write_kubeconfig, write_private
from node.addresses import API_SERVICE, DNS_DOMAIN, NODE, SERVER
from node.layout import NODE_NAME, Layout

LIFETIME = dt.timedelta(days=365)

APISERVER = "apiserver"
KUBELET = "kubelet-server"
KUBELET_CLIENT = "kubelet-client"
"""What the API server shows to the kubelet, for logs and exec."""

USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "coredns": ("system:coredns", ""),
}
"""User and group of each component. The admin's token comes first in the token file."""


class Authority:
    """A certificate authority that lives as long as this object; its key is never written."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("gemini-operator-node")
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = _key_usage(signs_certificates=True)
        self.certificate = builder.add_extension(usage, critical=True).sign(
            self._key, hashes.SHA256()
        )

    def issue(
        self, name: str, organization: str, hosts: Sequence[str]
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Issue a certificate, for a server if it has `hosts`, else for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(_name(name, organization), self._name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()), key


def prepare(layout: Layout) -> None:
    """Write all keys, certificates, tokens and kubeconfigs, unless they are there."""
    if layout.kubeconfig.exists():
        return
    _write_certificates(layout)
    tokens = {component: secrets.token_hex(32) for component in USERS}
    lines = [
        f'{tokens[component]},{user},{user},"{group}"\n'
        for component, (user, group) in USERS.items()
    ]
    write_private(layout.control_plane.tokens, "".join(lines))
    credentials.prepare(layout.control_plane)
    for component, token in tokens.items():
        path = layout.kubeconfig_of(component)
        write_kubeconfig(path, server=SERVER, authority=layout.authority, token=token)
    layout.kubeconfig_of("admin").replace(layout.kubeconfig)


def _write_certificates(layout: Layout) -> None:
    authority = Authority()
    service = "kubernetes.default.svc"
    names = ["kubernetes", "kubernetes.default", service, f"{service}.{DNS_DOMAIN}", "localhost"]
    write_private(layout.authority, _pem(authority.certificate))
    hosts = [*names, NODE, API_SERVICE, "127.0.0.1"]
    node = f"system:node:{NODE_NAME}"
    _write(layout, APISERVER, *authority.issue("kube-apiserver", "", hosts))
    _write(layout, KUBELET, *authority.issue(node, "", [NODE_NAME, NODE]))
    client = authority.issue("kube-apiserver", "system:masters", [])
    _write(layout, KUBELET_CLIENT, *client)


def _write(
    layout: Layout, file: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    write_private(layout.certificate(file), _pem(certificate))
    _write_key(layout.key(file), key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(path, text.decode())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
