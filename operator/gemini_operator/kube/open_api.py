"""The schema of our kind that the API server publishes to every account."""

from collections.abc import Mapping
from typing import Any

from gemini_operator.api.group import GROUP, KIND, VERSION
from gemini_operator.kube.client import KubeClient

_OURS = {"group": GROUP, "version": VERSION, "kind": KIND}


async def schema(client: KubeClient) -> Mapping[str, Any] | None:
    """Return the OpenAPI 3 schema of the kind; `None` while the API server has not published it.

    If the kind has no status subresource, the property `status` is left out: the API server would
    not keep one that is written there.

    Source: kube-apiserver publishes each structural schema below `/openapi/v3` some seconds after
    its CRD is applied. The role `system:discovery` lets every account read it.

    Raises:
        KubeError: no answer, or no permission.
    """
    document = await client.get("openapi", "v3", "apis", GROUP, VERSION)
    schemas = document.get("components", {}).get("schemas", {})
    found = next((each for each in schemas.values() if _is_ours(each)), None)
    if found is None or any(path.endswith("/{name}/status") for path in document.get("paths", ())):
        return found
    kept = {name: each for name, each in found.get("properties", {}).items() if name != "status"}
    return {**found, "properties": kept}


def _is_ours(candidate: Mapping[str, Any]) -> bool:
    return _OURS in candidate.get("x-kubernetes-group-version-kind", ())
