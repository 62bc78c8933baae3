"""The CustomResourceDefinition, generated from the models."""

from typing import Any

import yaml

from gemini_operator.api import group
from gemini_operator.api.structural import structural_schema
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.api.v1alpha1.status import Status

FILE_NAME = f"{group.GROUP}_{group.PLURAL}.yaml"
HEADER = "# Generated from operator/gemini_operator/api: change the models, then run `make crds`.\n"

# Fields that a list can be filtered by. Adoption needs batchName.
SELECTABLE = (".status.state", ".status.batchName", ".spec.model", ".spec.type")
# The first that there is: what Google counts, and before that, what was copied to Google.
REQUESTS = ".status['requests','inputFile']['total','records']"
# The priority of a column that `kubectl get` shows with `-o wide` only.
WIDE = 1


class _Plain(yaml.SafeDumper):
    """Writes an object that occurs twice in full twice, instead of with a YAML anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def custom_resource_definition() -> dict[str, Any]:
    """Return the definition, as the API server accepts it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{group.PLURAL}.{group.GROUP}"},
        "spec": {
            "group": group.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": group.KIND,
                "listKind": f"{group.KIND}List",
                "plural": group.PLURAL,
                "singular": group.SINGULAR,
                "shortNames": [group.SHORT_NAME],
                "categories": [group.CATEGORY],
            },
            "versions": [_version()],
        },
    }


def render() -> str:
    """Return the definition as YAML, with a first line that tells how it was generated."""
    found = custom_resource_definition()
    return HEADER + yaml.dump(found, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)


def _version() -> dict[str, Any]:
    return {
        "name": group.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": path} for path in SELECTABLE],
        "additionalPrinterColumns": [
            _column("State", ".status.state"),
            _column("Reason", ".status.reason"),
            _column("Model", ".spec.model"),
            _column("Requests", REQUESTS, kind="integer"),
            _column("Failed", ".status.requests.failed", kind="integer"),
            _column("Age", ".metadata.creationTimestamp", kind="date"),
            _column("Batch", ".status.batchName", priority=WIDE),
            _column("Uploaded", ".status.inputFile.bytes", kind="integer", priority=WIDE),
            _column("Message", '.status.conditions[?(@.type=="Stalled")].message', priority=WIDE),
            _column("Completed", ".status.completionTime", kind="date", priority=WIDE),
        ],
        "schema": {"openAPIV3Schema": _schema()},
    }


def _schema() -> dict[str, Any]:
    return {
        "description": "GeminiBatchJob is a batch job of Google's Gemini API: submitted once, "
        "followed by signed callbacks, its results delivered.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": f"apiVersion is {group.API_VERSION}.",
                "type": "string",
            },
            "kind": {"description": f"kind is {group.KIND}.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": {
                **structural_schema(Spec, defaults=True),
                "description": "spec is what the job asks for.",
            },
            "status": {
                **structural_schema(Status, defaults=False),
                "description": "status is what the operator reports; it cannot be applied.",
                # kstatus takes an object without any status for one that is done.
                "default": {"observedGeneration": -1},
            },
        },
    }


def _column(name: str, path: str, *, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": priority} if priority else column
