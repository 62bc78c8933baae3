"""The CRD in the cluster, changed for a while as older versions of it were, or as nobody should."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gemini_operator.api.group import GROUP, PLURAL
from local import cluster
from local.control_plane import ControlPlane
from tests.waiting import eventually

PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
OPEN_API = f"/openapi/v3/apis/{GROUP}/v1alpha1"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

Change = Callable[[dict[str, Any]], None]
"""Changes the one version of the CRD in place."""


@contextmanager
def changed(control_plane: ControlPlane, change: Change) -> Iterator[None]:
    """With the CRD so changed that the API server serves it; the project's own again afterwards."""
    try:
        replace(control_plane, change)
        yield
    finally:
        restore(control_plane)


def replace(control_plane: ControlPlane, change: Change) -> None:
    api = control_plane.api
    definition = api.request("GET", PATH)
    before = copy.deepcopy(definition["spec"])
    change(definition["spec"]["versions"][0])
    assert definition["spec"] != before
    api.request("PUT", PATH, definition)
    _wait_served(control_plane, definition["spec"]["versions"][0])


def restore(control_plane: ControlPlane) -> None:
    cluster.apply_crds(control_plane)
    version = control_plane.api.request("GET", PATH)["spec"]["versions"][0]
    _wait_served(control_plane, version)


def without(*path: str) -> Change:
    """Take one member out of the schema: `without("status", "attempt", "batchName")`."""

    def change(version: dict[str, Any]) -> None:
        node = version["schema"]["openAPIV3Schema"]
        for name in path[:-1]:
            node = node["properties"][name]
            node = node.get("items", node)
        del node["properties"][path[-1]]
        node["required"] = [name for name in node.get("required", ()) if name != path[-1]]
        selector = "." + ".".join(path)
        version["selectableFields"] = [
            each for each in version["selectableFields"] if each["jsonPath"] != selector
        ]

    return change


def anything(version: dict[str, Any]) -> None:
    """A CRD that takes whatever it is given."""
    version["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {"spec": ANYTHING, "status": ANYTHING},
    }
    version.pop("selectableFields", None)


def _wait_served(control_plane: ControlPlane, version: dict[str, Any]) -> None:
    """The API server publishes a changed schema some seconds after it has begun to go by it."""
    wanted = version["schema"]["openAPIV3Schema"]["properties"]

    def served() -> bool:
        if not control_plane.api.answers(OPEN_API):
            return False
        schemas = control_plane.api.request("GET", OPEN_API)["components"]["schemas"]
        ours = next(each for name, each in schemas.items() if name.endswith(".GeminiBatchJob"))
        return all(_names(ours["properties"][part]) == _names(wanted[part]) for part in wanted)

    eventually(served, timeout=60, interval=0.2, what="the API server to serve the changed CRD")


def _names(schema: dict[str, Any]) -> Any:
    inner = schema.get("items", schema)
    return {name: _names(member) for name, member in inner.get("properties", {}).items()}
