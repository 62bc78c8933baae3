import json
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.credentials import admin_token
from node import credentials
from node.addresses import API_SERVICE, NODE
from node.layout import Layout


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("node"))
    layout.state.mkdir()
    credentials.prepare(layout)
    return layout


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_api_servers_certificate_is_valid_for_its_addresses_and_service(layout: Layout) -> None:
    served = certificate(layout.certificate(credentials.APISERVER))
    served.verify_directly_issued_by(certificate(layout.authority))
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert {NODE, API_SERVICE} <= set(addresses)
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize(
    "name", [credentials.APISERVER, credentials.KUBELET, credentials.KUBELET_CLIENT]
)
def test_each_key_belongs_to_its_certificate_and_is_private(layout: Layout, name: str) -> None:
    key = serialization.load_pem_private_key(layout.key(name).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate(layout.certificate(name)).public_key()
    assert layout.key(name).stat().st_mode & 0o077 == 0


def test_each_component_has_a_token_of_its_own(layout: Layout) -> None:
    lines = layout.control_plane.tokens.read_text().splitlines()
    users = {line.split(",")[1]: line.split(",")[0] for line in lines}
    assert len(set(users.values())) == len(credentials.USERS)
    kubeconfig = yaml.safe_load(layout.kubeconfig_of("kubelet").read_text())
    assert kubeconfig["users"][0]["user"]["token"] == users["system:node:node"]


def test_the_kubeconfig_is_the_administrators(layout: Layout) -> None:
    kubeconfig = yaml.safe_load(layout.kubeconfig.read_text())
    token = kubeconfig["users"][0]["user"]["token"]
    assert token == admin_token(layout.control_plane)
    assert f'{token},admin,admin,"system:masters"' in layout.control_plane.tokens.read_text()


def test_credentials_that_exist_are_kept(layout: Layout) -> None:
    before = layout.kubeconfig.read_text()
    credentials.prepare(layout)
    assert layout.kubeconfig.read_text() == before
    assert json.loads(layout.control_plane.audit_policy.read_text())
