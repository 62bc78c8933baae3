"""Renders the project's chart with Helm: the one source of accounts and rights."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from local.errors import LocalError

CHART = Path(__file__).parents[2] / "charts" / "gemini-operator"

RELEASE = "gemini-operator"

RIGHTS = ("service-accounts", "roles", "leader-election")
"""Templates in templates/rbac of the accounts of the processes, and of what they may do."""

Object = dict[str, Any]


class ChartError(LocalError):
    """Helm did not render the chart; the message is Helm's."""


def render(
    helm: Path,
    values: Mapping[str, Any],
    *,
    namespace: str,
    release: str = RELEASE,
    templates: Sequence[str] = (),
) -> list[Object]:
    """The objects of a release; of `templates` only, such as rbac/roles.yaml, if there are any.

    Raises:
        ChartError: the chart refuses the values.
    """
    command = [str(helm), "template", release, str(CHART), "--namespace", namespace]
    chosen = [f"--show-only=templates/{name}" for name in templates]
    done = subprocess.run(
        [*command, *chosen, "--values", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ChartError(done.stderr.strip())
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def rights(helm: Path, values: Mapping[str, Any], *, namespace: str) -> list[Object]:
    """The accounts of a release, their roles, and the bindings of these."""
    templates = [f"rbac/{name}.yaml" for name in RIGHTS]
    return render(helm, values, namespace=namespace, templates=templates)


def account(process: str) -> str:
    """The name of a process's ServiceAccount in a release named `RELEASE`."""
    return f"{RELEASE}-{process}"


def rules(objects: Sequence[Object], ending: str) -> list[dict[str, Any]]:
    """The rules of the roles whose name ends so, such as -controller."""
    return [
        rule
        for each in objects
        if each["kind"] in ("Role", "ClusterRole") and each["metadata"]["name"].endswith(ending)
        for rule in each["rules"]
    ]
