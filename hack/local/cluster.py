"""What the operator finds in the local cluster: its kind, its accounts, its keys."""

import secrets
from pathlib import Path

import yaml

from local import chart, object_store, waiting
from local.access import Account
from local.api import MERGE_PATCH
from local.control_plane import ControlPlane
from local.credentials import write_private
from local.errors import LocalError
from local.object_store import ObjectStore
from local.services import SIGNING_KEY, Services

PROJECT = Path(__file__).parents[2]
CRDS = PROJECT / "crds"

OPERATOR_NAMESPACE = "gemini-operator"
TOKEN_SECONDS = 365 * 24 * 3600

SECRETS = "/api/v1/namespaces/default/secrets"
VALUES = {"controller": {"objectStore": {"allowedSecretNames": [object_store.NAME]}}}
"""Of the chart: the controller may read the S3 server's access key."""


def prepare(plane: ControlPlane, services: Services, store: ObjectStore) -> None:
    """Bring it all up to date; what is there already and needs no change stays."""
    apply_crds(plane)
    _apply_rights(plane)
    for name in ("controller", "receiver"):
        account = Account(OPERATOR_NAMESPACE, chart.account(name))
        path = services.kubeconfig(name)
        account.write_kubeconfig(plane.api, path, seconds=TOKEN_SECONDS)
    _create_callback_key(services)
    _create_api_key(plane)
    _put_storage_key(plane, store)


def _apply_rights(plane: ControlPlane) -> None:
    """As an installation of the chart grants them."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE}}
    objects = [namespace, *chart.rights(plane.binaries.helm, VALUES, namespace=OPERATOR_NAMESPACE)]
    plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def apply_crds(plane: ControlPlane) -> None:
    """Return when the API server serves the project's kinds."""
    if not list(CRDS.glob("*.yaml")):
        raise LocalError(f"there is no CRD in {CRDS}: run `make crds`")
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    if not waiting.until(lambda: _established(plane), timeout=30):
        raise LocalError("the API server does not serve the project's kinds after 30 s")


def _established(plane: ControlPlane) -> bool:
    """Asked by request: `kubectl wait` ends with an error while a new CRD has no conditions."""
    listed = plane.api.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    return all(
        any(
            condition["type"] == "Established" and condition["status"] == "True"
            for condition in crd.get("status", {}).get("conditions") or ()
        )
        for crd in listed["items"]
    )


def _create_callback_key(services: Services) -> None:
    services.callback_keys.mkdir(mode=0o700, exist_ok=True)
    key = services.callback_keys / SIGNING_KEY
    if not key.exists():
        write_private(key, secrets.token_hex(32) + "\n")


def _create_api_key(plane: ControlPlane) -> None:
    """One that the emulator takes and Google never would."""
    if plane.api.answers(f"{SECRETS}/gemini-api-key"):
        return
    key = {"api-key": f"emulator-local-{secrets.token_hex(16)}"}
    body = {"metadata": {"name": "gemini-api-key"}, "stringData": key}
    plane.api.request("POST", SECRETS, body)


def _put_storage_key(plane: ControlPlane, store: ObjectStore) -> None:
    """Let jobs of the default namespace use the S3 server."""
    path = f"{SECRETS}/{object_store.NAME}"
    body = {"metadata": {"name": object_store.NAME}, "stringData": store.key()}
    if plane.api.answers(path):
        plane.api.request("PATCH", path, body, MERGE_PATCH)
    else:
        plane.api.request("POST", SECRETS, body)
