"""An API server that knows every kind that the chart may have."""

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from local.control_plane import ControlPlane
from local.modules import download
from tests.waiting import eventually

OTHERS = {
    ("sigs.k8s.io/gateway-api@v1.4.1", "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8="): (
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    ): (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
"""CRDs of other projects, in modules with their digests."""

Apply = Callable[..., str]


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    for (module, digest), files in OTHERS.items():
        directory = download(module, digest)
        for file in files:
            control_plane.kubectl("apply", "--server-side", "-f", str(directory / file))
    eventually(
        lambda: all(
            control_plane.api.answers(path)
            for path in (
                "/apis/gateway.networking.k8s.io/v1/httproutes",
                "/apis/monitoring.coreos.com/v1/podmonitors",
                "/apis/monitoring.coreos.com/v1/prometheusrules",
            )
        ),
        timeout=30,
        what="the kinds of other projects",
    )
    return control_plane


@pytest.fixture
def namespace(cluster: ControlPlane) -> str:
    """One in which the API server enforces Pod Security `restricted`."""
    name = f"chart-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"metadata": {"name": name, "labels": labels}}
    cluster.api.request("POST", "/api/v1/namespaces", body)
    # A controller creates it a moment later, and a Pod without it is refused.
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: cluster.api.answers(account), timeout=30, what="the default account")
    return name


@pytest.fixture
def apply(cluster: ControlPlane) -> Apply:
    """Apply objects as Helm does; `dry_run`: the API server checks them and keeps nothing."""

    def run(objects: Sequence[dict[str, Any]], *, dry_run: bool = False) -> str:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        options = ["--dry-run=server"] if dry_run else []
        return cluster.kubectl(
            "apply", "--server-side", "--force-conflicts", *options, "-f", "-", stdin=text
        )

    return run
