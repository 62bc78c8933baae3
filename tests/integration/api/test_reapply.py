"""What the API server and kubectl make of requests that are written into a job."""

import json
from typing import Any

import pytest

from local.control_plane import ControlPlane
from local.kubectl import KubectlError

JSON = dict[str, Any]
ZETA: JSON = {"type": "string"}
WITH_NULL: JSON = {"type": "string", "default": None}


def request(zeta: JSON) -> JSON:
    properties = {"zeta": zeta, "alpha": {"type": "integer", "minimum": -9007199254740993}}
    schema = {"type": "object", "properties": properties, "required": ["zeta", "alpha"]}
    return {"contents": [], "generationConfig": {"responseJsonSchema": schema}}


def apply(control_plane: ControlPlane, namespace: str, how: tuple[str, ...], zeta: JSON) -> JSON:
    """Apply a job that is always the same, and return its request as it is stored."""
    job = {
        "apiVersion": "gemini-operator.io/v1alpha1",
        "kind": "GeminiBatchJob",
        "metadata": {"name": "again"},
        "spec": {
            "model": "gemini-2.5-flash",
            "input": {"inline": [{"key": "one", "request": request(zeta)}]},
        },
    }
    control_plane.kubectl("-n", namespace, "apply", *how, "-f", "-", stdin=json.dumps(job))
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs/again"
    stored = control_plane.api.request("GET", path)
    return dict(stored["spec"]["input"]["inline"][0]["request"])


@pytest.mark.parametrize(
    ("how", "zeta"),
    [((), ZETA), (("--server-side",), ZETA), (("--server-side",), WITH_NULL)],
    ids=["client-side", "server-side", "server-side with a null"],
)
def test_an_unchanged_manifest_can_be_applied_again(
    control_plane: ControlPlane, namespace: str, how: tuple[str, ...], zeta: JSON
) -> None:
    first = apply(control_plane, namespace, how, zeta)
    assert first == request(zeta) == apply(control_plane, namespace, how, zeta)


def test_a_null_in_a_request_needs_server_side_apply(
    control_plane: ControlPlane, namespace: str
) -> None:
    """kubectl's own merge takes null members away, which is a change of the input."""
    apply(control_plane, namespace, (), WITH_NULL)
    with pytest.raises(KubectlError, match="input cannot be changed after creation"):
        apply(control_plane, namespace, (), WITH_NULL)


def test_members_of_a_request_are_stored_in_the_order_of_their_names(
    control_plane: ControlPlane, namespace: str
) -> None:
    stored = apply(control_plane, namespace, (), ZETA)
    schema = stored["generationConfig"]["responseJsonSchema"]
    assert list(schema["properties"]) == ["alpha", "zeta"]
