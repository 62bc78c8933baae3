"""ConfigMaps: inputs are read, outputs are created; none is ever changed (rule S8)."""

from collections.abc import Mapping
from typing import Any

from gemini_operator.kube.client import KubeClient


async def get(client: KubeClient, namespace: str, name: str) -> dict[str, Any]:
    """Raise NotFound when it isn't there."""
    return await client.get("api", "v1", "namespaces", namespace, "configmaps", name)


async def create(
    client: KubeClient, namespace: str, manifest: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Raise AlreadyExists when there is one of this name, whoever made it."""
    path = "api", "v1", "namespaces", namespace, "configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", **manifest}
    return await client.post(*path, body=body, dry_run=dry_run)
