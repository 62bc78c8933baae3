from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from gemini_operator.kube import connection
from gemini_operator.kube.client import KubeClient
from local.control_plane import ControlPlane

ConfigMapMaker = Callable[..., None]
"""`(name, data=None, binary=None, annotations=None)`."""


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    client = KubeClient(await connection.load(str(control_plane.kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def make_config_map(control_plane: ControlPlane, namespace: str) -> ConfigMapMaker:
    def make(
        name: str,
        data: Mapping[str, str] | None = None,
        binary: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        body = {
            "metadata": {"name": name, "annotations": dict(annotations or {})},
            "data": dict(data or {}),
            "binaryData": dict(binary or {}),
        }
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        control_plane.api.request("POST", path, body)

    return make
