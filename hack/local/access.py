"""ServiceAccounts with just the rights they are given, and kubeconfigs that hold their tokens."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import credentials
from local.api import AdminApi
from local.errors import LocalError
from local.waiting import until

Rule = Mapping[str, Sequence[str]]
"""One rule of a Role: `{"apiGroups": […], "resources": […], "verbs": […]}`."""

RBAC = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


_COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": f"/apis/{RBAC}/v1/namespaces/{{namespace}}/roles",
    "RoleBinding": f"/apis/{RBAC}/v1/namespaces/{{namespace}}/rolebindings",
    "ClusterRole": f"/apis/{RBAC}/v1/clusterroles",
    "ClusterRoleBinding": f"/apis/{RBAC}/v1/clusterrolebindings",
}


@dataclass(frozen=True)
class Account:
    """A ServiceAccount by its place."""

    namespace: str
    name: str

    def create(self, api: AdminApi) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        api.request("POST", path, {"metadata": {"name": self.name}})

    def grant(self, api: AdminApi, rules: Sequence[Rule], *, cluster_wide: bool) -> None:
        """Bind a role of these rules, in all namespaces or in the account's own."""
        scope = "" if cluster_wide else f"/namespaces/{self.namespace}"
        prefix = "Cluster" if cluster_wide else ""
        base = f"/apis/{RBAC}/v1{scope}/{prefix.lower()}role"
        name = f"{self.namespace}-{self.name}"
        role = {"metadata": {"name": name}, "rules": [dict(rule) for rule in rules]}
        api.request("POST", f"{base}s", role)
        subject = {"kind": "ServiceAccount", "namespace": self.namespace, "name": self.name}
        reference = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": name}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        api.request("POST", f"{base}bindings", binding)

    def token(self, api: AdminApi, *, seconds: int) -> str:
        """A token of the TokenRequest API, valid for `seconds` (at least 600)."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}/token"
        answer = api.request("POST", path, {"spec": {"expirationSeconds": seconds}})
        return str(answer["status"]["token"])

    def write_kubeconfig(self, api: AdminApi, path: Path, *, seconds: int) -> Path:
        return credentials.write_kubeconfig(
            path,
            server=api.server,
            authority=api.authority,
            token=self.token(api, seconds=seconds),
            namespace=self.namespace,
        )


def create(api: AdminApi, objects: Sequence[Mapping[str, Any]]) -> None:
    """Create accounts, roles and bindings. Raise KeyError for an object of another kind."""
    for each in objects:
        path = _COLLECTIONS[each["kind"]]
        api.request("POST", path.format(namespace=each["metadata"].get("namespace")), dict(each))


def wait_effective(api: AdminApi, token: str, rules: Sequence[Rule], *, namespace: str) -> None:
    """Return when the API server, which learns of new bindings by a watch, allows all of `rules`.

    Raise LocalError after 10 s.
    """
    reviews = [_review(rule, namespace) for rule in rules]
    with closing(AdminApi(api.server, api.authority, token)) as account:
        if not until(lambda: all(_allowed(account, review) for review in reviews), timeout=10):
            raise LocalError("the new role was not in effect after 10 s")


def _review(rule: Rule, namespace: str) -> dict[str, Any]:
    resource, _, subresource = rule["resources"][0].partition("/")
    attributes = {
        "namespace": namespace,
        "verb": rule["verbs"][0],
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": next(iter(rule.get("resourceNames", ())), ""),
    }
    return {"spec": {"resourceAttributes": attributes}}


def _allowed(account: AdminApi, review: dict[str, Any]) -> bool:
    return bool(account.request("POST", REVIEWS, review)["status"]["allowed"])
