"""A real Kubernetes API server for the whole run, and a namespace of its own for each test."""

from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_hex

import pytest

from local import access
from local.access import Account, Rule
from local.control_plane import ControlPlane
from local.kubectl import Kubectl


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """
    It is left behind, as the control plane is thrown away.

    Finalizers would hold up its deletion once the operator has ended, and the namespace controller
    would try again and again, for the rest of the run.
    """
    name = f"test-{token_hex(4)}"
    control_plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """`kubectl("get", "pods", "-n", namespace)` → what it prints; raises KubectlError with stderr."""
    return control_plane.kubectl


KubeconfigFor = Callable[..., Path]
"""What the fixture below gives: `(rules, cluster_wide=True, seconds=3600)` → path."""


@pytest.fixture
def service_account_kubeconfig(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> KubeconfigFor:
    """`service_account_kubeconfig(rules, cluster_wide=True, seconds=3600)` → path of a kubeconfig.

    Its user is a new ServiceAccount of the test's namespace with these RBAC rules and no others.
    """

    def make(rules: Sequence[Rule], *, cluster_wide: bool = True, seconds: int = 3600) -> Path:
        api = control_plane.api
        account = Account(namespace, f"account-{token_hex(4)}")
        account.create(api)
        account.grant(api, rules, cluster_wide=cluster_wide)
        token = account.token(api, seconds=seconds)
        access.wait_effective(api, token, rules, namespace=namespace)
        return account.write_kubeconfig(api, tmp_path / account.name, seconds=seconds)

    return make
