"""What a person sees of the kind through kubectl."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from gemini_operator.api import group
from gemini_operator.api.crd import custom_resource_definition
from gemini_operator.payload.objects.credentials import from_secret
from local.kubectl import Kubectl, KubectlError
from tests.integration.api.jobs import Jobs, minimal

ROOT = Path(__file__).parents[3]
FENCED_YAML = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def condition(kind: str, reason: str) -> dict[str, str]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


@pytest.fixture
def three_jobs(jobs: Jobs) -> None:
    """One that runs, one that failed, one that nobody has looked at yet."""
    running = jobs.create(minimal(), name="running")
    jobs.replace_status(
        running,
        {
            "state": "Running",
            "reason": "CredentialsRejected",
            "batchName": "batches/abc",
            "requests": {"total": 25, "succeeded": 20, "failed": 2, "pending": 3},
            "conditions": [condition("Stalled", "CredentialsRejected")],
        },
    )
    failed = jobs.create(minimal(model="models/gemini-2.5-pro"), name="failed")
    jobs.replace_status(
        failed,
        {
            "state": "Failed",
            "reason": "RemoteFailed",
            "completionTime": "2026-01-01T00:00:00Z",
            "conditions": [
                condition("Submitted", "Submitted"),
                condition("Failed", "RemoteFailed"),
                condition("Stalled", "RemoteFailed") | {"message": "Google ended it."},
            ],
        },
    )
    jobs.create(minimal(), name="new")


def table(text: str) -> dict[str, dict[str, str]]:
    """kubectl's table by the first column; columns start where their headings start."""
    heading, *lines = text.splitlines()
    starts = [(found.start(), found.group()) for found in re.finditer(r"\S+", heading)]
    ends = [start for start, _ in starts[1:]] + [None]
    rows = [
        {name: line[start:end].strip() for (start, name), end in zip(starts, ends, strict=True)}
        for line in lines
    ]
    return {row["NAME"]: row for row in rows}


@pytest.mark.usefixtures("three_jobs")
def test_the_columns_tell_how_a_job_stands(kubectl: Kubectl, namespace: str) -> None:
    rows = table(kubectl("get", "gbj", "-n", namespace))

    columns = ["NAME", "STATE", "REASON", "MODEL", "REQUESTS", "FAILED", "AGE"]
    assert list(rows["running"]) == columns
    assert list(rows["running"].values())[:6] == [
        "running",
        "Running",
        "CredentialsRejected",
        "gemini-2.5-flash",
        "25",
        "2",
    ]
    assert rows["failed"]["MODEL"] == "models/gemini-2.5-pro"
    assert rows["new"]["STATE"] == ""


FILE = {"fileName": "files/a-1", "bytes": 9, "sha256": "0" * 64}
COUNTS = {"succeeded": 0, "failed": 0, "pending": 25}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"inputFile": {"fileName": "files/a-1"}}, ""),
        ({"inputFile": FILE | {"records": 24}}, "24"),
        ({"inputFile": FILE | {"records": 24}, "requests": {"total": 25, **COUNTS}}, "25"),
        ({"inputFile": FILE | {"records": 24}, "requests": {"total": 0, **COUNTS}}, "0"),
        ({"requests": {"total": 25, **COUNTS}}, "25"),
        ({"output": {"records": 7, "bytes": 9}}, ""),
    ],
)
def test_the_number_of_requests_is_known_before_google_counts_them(
    jobs: Jobs, kubectl: Kubectl, namespace: str, status: dict[str, Any], shown: str
) -> None:
    jobs.replace_status(jobs.create(minimal(), name="one"), {"state": "Pending", **status})
    assert table(kubectl("get", "gbj", "-n", namespace))["one"]["REQUESTS"] == shown


@pytest.mark.usefixtures("three_jobs")
def test_the_wide_columns_tell_why(kubectl: Kubectl, namespace: str) -> None:
    rows = table(kubectl("get", "gbj", "-o", "wide", "-n", namespace))

    assert list(rows["running"])[6:] == ["AGE", "BATCH", "UPLOADED", "MESSAGE", "COMPLETED"]
    assert rows["running"]["BATCH"] == "batches/abc"
    assert rows["failed"]["REASON"] == "RemoteFailed"
    assert rows["failed"]["MESSAGE"] == "Google ended it."
    assert re.fullmatch(r"\d+[dy]\w*", rows["failed"]["COMPLETED"])


@pytest.mark.usefixtures("three_jobs")
@pytest.mark.parametrize(
    ("selector", "names"),
    {
        "status.state=Running": ["running"],
        "status.state!=Running": ["failed", "new"],
        "status.batchName=batches/abc": ["running"],
        "spec.model=models/gemini-2.5-pro": ["failed"],
        "spec.model=gemini-2.5-flash,status.state=": ["new"],
        "spec.type=EmbedContent": [],
    }.items(),
)
def test_jobs_are_selected_by_field(
    kubectl: Kubectl, namespace: str, selector: str, names: list[str]
) -> None:
    found = json.loads(
        kubectl("get", "gbj", "-n", namespace, "--field-selector", selector, "-o", "json")
    )

    assert [item["metadata"]["name"] for item in found["items"]] == names


@pytest.mark.parametrize("name", ["gbj", "geminibatchjob", "geminibatchjobs", "gemini"])
@pytest.mark.usefixtures("three_jobs")
def test_the_kind_answers_to_its_names(kubectl: Kubectl, namespace: str, name: str) -> None:
    assert len(kubectl("get", name, "-n", namespace, "-o", "name").splitlines()) == 3


def test_explain_has_text_for_every_field(kubectl: Kubectl) -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    for path, node in objects("gbj.spec", schema["spec"]):
        told = kubectl("explain", path)
        for name, member in node["properties"].items():
            words = " ".join(member["description"].split()[:5])
            assert words in " ".join(told.split()), f"{path}.{name}"
        assert "<no description>" not in told


@pytest.mark.row(102)
def test_kubectl_warns_of_a_member_that_does_not_exist(kubectl: Kubectl, namespace: str) -> None:
    manifest = {
        "apiVersion": group.API_VERSION,
        "kind": group.KIND,
        "metadata": {"name": "job"},
        "spec": minimal(backofflimit=3),
    }

    with pytest.raises(KubectlError, match=r'unknown field "spec.backofflimit"'):
        kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(manifest))


def test_the_api_server_finds_no_fault_with_the_definition(kubectl: Kubectl) -> None:
    name = f"{group.PLURAL}.{group.GROUP}"
    found = json.loads(kubectl("get", "crd", name, "-o", "json"))["status"]["conditions"]

    assert {item["type"]: item["status"] for item in found} == {
        "NamesAccepted": "True",
        "Established": "True",
    }


def test_the_examples_in_the_documentation_are_accepted(kubectl: Kubectl, namespace: str) -> None:
    jobs = list(documented_jobs())
    assert jobs
    for source, job in jobs:
        job["metadata"].pop("namespace", None)
        try:
            kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", stdin=json.dumps(job))
        except KubectlError as error:
            pytest.fail(f"{source}: {error}")


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "examples").rglob("*.yaml")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_example_can_be_applied(path: Path, kubectl: Kubectl, namespace: str) -> None:
    """Its Secrets and ConfigMaps too, and no field is unknown."""
    given = [each for each in yaml.safe_load_all(path.read_text()) if each]
    command = ("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-o", "name")
    applied = kubectl(*command, "-f", str(path)).splitlines()
    assert [name.rpartition("/")[2] for name in applied] == [
        each["metadata"]["name"] for each in given
    ]


def test_each_source_and_each_sink_has_an_example() -> None:
    folder = ROOT / "examples"
    kinds = {"s3", "gs", "az"}
    assert {path.stem for path in (folder / "sources").iterdir()} == {
        *("inline", "config-map", "file", "https"),
        *kinds,
    }
    assert {path.stem for path in (folder / "sinks").iterdir()} == {"config-map", *kinds}


@pytest.mark.parametrize("kind", ["sources", "sinks"])
def test_the_secrets_of_the_examples_have_the_keys_that_are_taken(kind: str) -> None:
    account = {
        "client_email": "reader@project.iam.gserviceaccount.com",
        "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "private_key_id": "abc",
    }
    values = {"service_account.json": json.dumps(account), "account_name": "storage"}
    for path in sorted((ROOT / "examples" / kind).iterdir()):
        for secret in yaml.safe_load_all(path.read_text()):
            if secret["kind"] != "Secret":
                continue
            data = {
                key: SecretStr(values.get(key, value.replace("REPLACE", "c2VjcmV0")))
                for key, value in secret["stringData"].items()
            }
            metadata = secret["metadata"]
            from_secret(metadata["name"], data, path.stem, metadata.get("annotations"))


def documented_jobs() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every GeminiBatchJob in the examples, the documentation and the README."""
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        yield from jobs_in(path, path.read_text())
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in FENCED_YAML.findall(path.read_text()):
            yield from jobs_in(path, block)


def jobs_in(path: Path, text: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for document in yaml.safe_load_all(text):
        if isinstance(document, dict) and document.get("kind") == group.KIND:
            yield path, document


def objects(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a schema that has members, with the path that kubectl explain takes."""
    if "properties" in node:
        yield path, node
    for name, member in node.get("properties", {}).items():
        yield from objects(f"{path}.{name}", member.get("items", member))
