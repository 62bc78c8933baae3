"""ConfigMaps: inputs are read, outputs are created, and none is ever changed (S8)."""

from collections.abc import Mapping
from typing import Any

from gemini_operator.kube.client import KubeClient


async def get(client: KubeClient, namespace: str, name: str) -> dict[str, Any]:
    """Return a ConfigMap.

    Raises:
        ObjectNotFound: it does not exist.
    """
    return await client.get("api", "v1", "namespaces", namespace, "configmaps", name)


async def create(client: KubeClient, namespace: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Create a ConfigMap.

    Raises:
        AlreadyExists: there is one of this name.
    """
    path = "api", "v1", "namespaces", namespace, "configmaps"
    return await client.post(*path, body={"apiVersion": "v1", "kind": "ConfigMap", **manifest})
