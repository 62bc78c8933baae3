import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from gemini_operator.api import group
from gemini_operator.api.crd import HEADER, custom_resource_definition, render
from gemini_operator.api.rules import KEY
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.api.v1alpha1.status import Status

Schema = dict[str, Any]

CRD = custom_resource_definition()
VERSION = CRD["spec"]["versions"][0]
MEMBERS: Schema = VERSION["schema"]["openAPIV3Schema"]["properties"]


def nodes(path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    """Every schema in a schema, with its path; list items end in [], map values in {}."""
    yield path, node
    for name, member in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", member)
    if "items" in node:
        yield from nodes(f"{path}[]", node["items"])
    if "additionalProperties" in node:
        yield from nodes(path + "{}", node["additionalProperties"])


ALL = dict([*nodes("spec", MEMBERS["spec"]), *nodes("status", MEMBERS["status"])])


def of_type(kind: str) -> list[str]:
    return [path for path, node in ALL.items() if node["type"] == kind]


def test_names() -> None:
    assert CRD["metadata"]["name"] == "geminibatchjobs.gemini-operator.io"
    assert CRD["spec"]["scope"] == "Namespaced"
    assert CRD["spec"]["names"] == {
        "kind": "GeminiBatchJob",
        "listKind": "GeminiBatchJobList",
        "plural": "geminibatchjobs",
        "singular": "geminibatchjob",
        "shortNames": ["gbj"],
        "categories": ["gemini"],
    }
    assert group.API_VERSION == "gemini-operator.io/v1alpha1"


def test_columns_narrow_and_wide() -> None:
    columns = VERSION["additionalPrinterColumns"]

    def names(priority: int) -> list[str]:
        return [each["name"] for each in columns if each.get("priority", 0) == priority]

    assert names(0) == ["State", "Reason", "Model", "Requests", "Failed", "Age"]
    assert names(1) == ["Batch", "Uploaded", "Message", "Completed"]


def test_status_is_a_subresource_and_four_fields_select() -> None:
    assert VERSION["subresources"] == {"status": {}}
    assert VERSION["selectableFields"] == [
        {"jsonPath": ".status.state"},
        {"jsonPath": ".status.batchName"},
        {"jsonPath": ".spec.model"},
        {"jsonPath": ".spec.type"},
    ]


@pytest.mark.parametrize(("member", "model"), [("spec", Spec), ("status", Status)])
def test_every_field_of_the_models_is_there(member: str, model: type[Spec] | type[Status]) -> None:
    assert list(MEMBERS[member]["properties"]) == [
        field.alias for field in model.model_fields.values()
    ]


@pytest.mark.parametrize("path", [path for path in ALL if re.search(r"\w$", path)])
def test_a_description_starts_with_the_name_of_its_field(path: str) -> None:
    name = path.rpartition(".")[2]
    description = ALL[path]["description"]

    assert re.match(rf"{name} \S+ \S+", description)
    assert description.endswith(".")
    assert "\n" not in description


@pytest.mark.parametrize("path", of_type("string"))
def test_every_string_is_bounded(path: str) -> None:
    assert ALL[path].keys() & {"maxLength", "enum"}


@pytest.mark.parametrize("path", of_type("array"))
def test_every_list_is_bounded_and_says_how_it_merges(path: str) -> None:
    assert ALL[path]["maxItems"] <= 1000
    assert ALL[path]["x-kubernetes-list-type"] in {"map", "atomic"}


@pytest.mark.parametrize(
    "path", [path for path in of_type("object") if "properties" not in ALL[path]]
)
def test_every_map_is_bounded(path: str) -> None:
    assert ALL[path]["maxProperties"] <= 64


@pytest.mark.parametrize("path", of_type("integer"))
def test_only_the_priority_may_be_negative(path: str) -> None:
    assert ("minimum" in ALL[path]) == (path != "spec.priority")


def test_the_schema_is_structural() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "title", "nullable"}

    assert [path for path, node in ALL.items() if forbidden & node.keys()] == []
    assert [path for path, node in ALL.items() if node.get("default", ...) is None] == []


def test_only_the_spec_has_defaults_and_the_generation_that_nobody_has_observed() -> None:
    assert {path: node["default"] for path, node in ALL.items() if "default" in node} == {
        "spec.type": "GenerateContent",
        "spec.priority": 0,
        "spec.suspend": False,
        "spec.backoffLimit": 0,
        "status": {"observedGeneration": -1},
    }


def test_only_requests_and_their_metadata_keep_what_the_schema_does_not_know() -> None:
    free = [path for path, node in ALL.items() if "x-kubernetes-preserve-unknown-fields" in node]

    assert free == ["spec.input.inline[].request", "spec.input.inline[].metadata"]


def test_lists_that_are_maps_name_their_keys() -> None:
    keys = {path: ALL[path].get("x-kubernetes-list-map-keys") for path in of_type("array")}

    assert keys == {
        "spec.input.inline": ["key"],
        "status.conditions": ["type"],
        "status.supersededAttempts": None,
    }


@pytest.mark.parametrize("path", [path for path in ALL if KEY in ALL[path]])
def test_every_rule_has_a_message_for_people_and_blames_a_field_that_exists(path: str) -> None:
    for found in ALL[path][KEY]:
        assert 20 <= len(found["message"]) <= 250
        assert not found["message"].endswith(".")
        if "fieldPath" in found:
            assert path + found["fieldPath"] in ALL


def test_the_words_of_the_state_are_not_enumerated() -> None:
    assert "enum" not in ALL["status.state"]


def test_it_is_written_as_plain_yaml() -> None:
    text = render()

    assert text.startswith(HEADER)
    assert yaml.safe_load(text) == CRD
    assert "&id" not in text
    assert text == render()
