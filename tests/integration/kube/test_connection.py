import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gemini_operator.kube import connection
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ApiServerUnavailable, Forbidden, Unauthorized
from local.control_plane import ControlPlane


def changed(kubeconfig: Path, target: Path, **user: Any) -> str:
    """A copy of `kubeconfig` with another user."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = user
    target.write_text(yaml.safe_dump(config))
    return str(target)


async def read_namespaces(kubeconfig: str) -> dict[str, Any]:
    client = KubeClient(await connection.load(kubeconfig))
    try:
        return await client.get("api", "v1", "namespaces")
    finally:
        await client.close()


async def test_a_kubeconfig_with_a_token_connects(control_plane: ControlPlane) -> None:
    loaded = await connection.load(str(control_plane.kubeconfig))
    assert loaded.server == control_plane.server
    assert loaded.namespace == "default"
    assert (await read_namespaces(str(control_plane.kubeconfig)))["items"]


async def test_a_service_accounts_token_has_its_rights_and_namespace(
    service_account_kubeconfig: Callable[..., Path], namespace: str
) -> None:
    kubeconfig = str(service_account_kubeconfig([]))
    assert (await connection.load(kubeconfig)).namespace == namespace
    with pytest.raises(Forbidden):
        await read_namespaces(kubeconfig)


async def test_a_wrong_token_is_unauthorized(control_plane: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = changed(control_plane.kubeconfig, tmp_path / "wrong", token="wrong")
    with pytest.raises(Unauthorized):
        await read_namespaces(kubeconfig)


async def test_a_token_file_is_read_again_when_its_time_has_come(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("first\n")
    path = changed(control_plane.kubeconfig, tmp_path / "kubeconfig", tokenFile=str(token))
    loaded = await connection.load(path, clock=lambda: now[0])
    token.write_text("second\n")
    assert await loaded.headers() == {"Authorization": "Bearer first"}
    now[0] += connection.REFRESH_INTERVAL
    assert await loaded.headers() == {"Authorization": "Bearer second"}


async def test_a_token_whose_file_is_gone_is_kept(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("first")
    path = changed(control_plane.kubeconfig, tmp_path / "kubeconfig", tokenFile=str(token))
    loaded = await connection.load(path, clock=lambda: now[0])
    token.unlink()
    now[0] += connection.REFRESH_INTERVAL
    assert await loaded.headers() == {"Authorization": "Bearer first"}


async def test_an_exec_plugin_gives_the_token(control_plane: ControlPlane, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\necho \'{"apiVersion": "client.authentication.k8s.io/v1",'
        ' "kind": "ExecCredential", "status": {"token": "from-plugin"}}\'\n'
    )
    plugin.chmod(0o700)
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}
    path = changed(control_plane.kubeconfig, tmp_path / "kubeconfig", exec=command)
    loaded = await connection.load(path)
    assert await loaded.headers() == {"Authorization": "Bearer from-plugin"}


async def test_another_servers_certificate_is_refused(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    authority, _ = certificate(tmp_path, "stranger")
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["certificate-authority"] = str(authority)
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ApiServerUnavailable):
        await read_namespaces(str(path))


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority, key = certificate(tmp_path, "server")
    client_certificate, client_key = certificate(tmp_path, "client")
    async with mutual_tls_peer(authority, key, client_certificate) as server:
        cluster = {"server": server, "certificate-authority": str(authority)}
        user = {"client-certificate": str(client_certificate), "client-key": str(client_key)}
        config = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        assert await read_namespaces(str(path)) == {"subject": "client"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "just words", "{", "clusters: []\ncontexts: []\ncurrent-context: x\n"],
    ids=["empty", "list", "words", "broken", "no context"],
)
async def test_what_is_no_kubeconfig_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"no connection to Kubernetes from .*kubeconfig") as error:
        await connection.load(str(path))
    assert "\n" not in str(error.value)


async def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no kubeconfig at .*absent"):
        await connection.load(str(tmp_path / "absent"))


async def test_without_a_kubeconfig_the_environments_is_used(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    assert (await connection.load(None)).server == control_plane.server


async def test_a_pod_without_its_token_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ValueError, match="the pod's service account"):
        await connection.load(None)


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@asynccontextmanager
async def mutual_tls_peer(own: Path, key: Path, client: Path) -> AsyncIterator[str]:
    """Answers every request with the common name of the certificate it was shown."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(client))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own, key)

    async def answer(request: web.Request) -> web.Response:
        assert request.transport
        shown = request.transport.get_extra_info("peercert")
        return web.json_response({"subject": shown["subject"][0][0][1]})

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
