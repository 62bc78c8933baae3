"""The rights of each process, as the local cluster grants them."""

from pathlib import Path
from typing import Any

import yaml

from documents.table import code, table

HEAD = ("API group", "resource", "verbs")
RBAC = Path(__file__).parents[1] / "local" / "rbac.yaml"


def access(process: str, kind: str = "ClusterRole") -> str:
    """One row for each rule of the process's ClusterRole, or of its Role in its own namespace."""
    return table(HEAD, (_row(rule) for rule in rules(process, kind)))


def rules(process: str, kind: str = "ClusterRole") -> list[dict[str, list[str]]]:
    """The rules of the ClusterRole or Role `gemini-operator-<process>`."""
    every = list(yaml.safe_load_all(RBAC.read_text(encoding="utf-8")))
    name = f"gemini-operator-{process}"
    role: dict[str, Any] = next(
        each for each in every if each["kind"] == kind and each["metadata"]["name"] == name
    )
    return list(role["rules"])


def _row(rule: dict[str, list[str]]) -> list[str]:
    group, resource, verbs = rule["apiGroups"], rule["resources"], rule["verbs"]
    return [
        ", ".join(code(each) or "core" for each in group),
        ", ".join(map(code, resource)),
        ", ".join(map(code, verbs)),
    ]
