"""The documents say what is so: links, names, flags and tables are compared with the thing itself."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml

import documents
from chart.generated import leaves
from chart.values import ChartValues
from gemini_emulator.app import Emulator
from gemini_emulator.create_request import parse_create_request
from gemini_emulator.errors import ApiError
from gemini_emulator.faults import parse_fault
from gemini_emulator.result_options import OPTIONS, Form, parse_result_options
from gemini_emulator.settings import EmulatorSettings
from gemini_operator.api import group
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.cli import COMMANDS
from local import binaries
from local.places import HELM
from tests.markdown import commands, fences, inline_code, prose, rows, slugs, text_of

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])
PROMISE = (
    "one kept batch per job; a duplicate needs Google to hide a batch beyond the grace, "
    "and is then found and cancelled."
)
# What runs make; none of it is in the repository.
MADE = (".local", ".venv", "build")
HOSTS = {
    "127.0.0.1",
    "ai.google.dev",
    "gemini-callbacks.example.com",
    "generativelanguage.googleapis.com",
    "github.com",
    "keepachangelog.com",
    "semver.org",
    "storage.example.com",
}
# Words of the same shape that are no hosts: API groups, and a place for one.
NO_HOSTS = {
    "argocd.argoproj.io",
    "cert-manager.io",
    "coordination.k8s.io",
    "events.k8s.io",
    "gemini-operator.io",
    "geminibatchjob.gemini-operator.io",
    "geminibatchjobs.gemini-operator.io",
    "host",
    "kustomize.toolkit.fluxcd.io",
}
DIAGRAMS = ("flowchart LR", "sequenceDiagram", "stateDiagram-v2")

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT))
)


def every_document_with(language: str) -> pytest.MarkDecorator:
    """Those that have a block in that language."""
    found = [path for path in DOCUMENTS if fences(text_of(path), language)]
    return pytest.mark.parametrize(
        "document", found, ids=lambda path: str(path.relative_to(PROJECT))
    )


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(document))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.exists(), target
        assert file.is_relative_to(PROJECT), target
        assert not anchor or anchor in slugs(text_of(file)), target


def test_every_page_is_found_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            links = re.findall(r"\]\(([^)#\s]+\.md)[^)]*\)", text_of(page))
            waiting += [(page.parent / link).resolve() for link in links]
    assert set(DOCS.rglob("*.md")) <= seen


@every_document
def test_every_make_target_exists(document: Path) -> None:
    makefile = text_of(PROJECT / "Makefile")
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    for command in commands(text_of(document)):
        for target in re.findall(r"(?:^|\s)make ([a-z]+)$", command):
            assert target in targets, command


@every_document
def test_every_named_file_exists(document: Path) -> None:
    """A path in code that begins like one of this repository is one of this repository."""
    tops = {
        path.name for path in PROJECT.iterdir() if path.name not in MADE and path.name != "docs"
    }
    for code in commands(text_of(document)):
        for word in re.findall(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:toml|md)\b", code):
            if word.split("/")[0] in tops:
                assert (PROJECT / word).exists(), word


@every_document
def test_every_flag_in_a_command_is_known(document: Path) -> None:
    for command in commands(text_of(document)):
        words = command.split()
        if words[:1] in (["helm"], ["kubectl"]):
            continue
        called = [word for word in words if word.endswith("gemini-operator")]
        if not called or words[-1] == called[0]:
            continue
        name, *rest = words[words.index(called[0]) + 1 :]
        if name == "|":
            continue
        known = {option.opts[0] for option in documents.options(name)}
        assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known, command


@every_document
def test_every_value_in_a_command_is_the_charts(document: Path) -> None:
    named = re.findall(r"--set ([A-Za-z.]+)=", " ".join(commands(text_of(document))))
    assert set(named) <= leaves().keys()


def test_flags_of_configuration_are_those_of_click() -> None:
    every = {option.opts[0] for name in COMMANDS for option in documents.options(name)}
    text = text_of(DOCS / "configuration.md")
    named = {word for code in inline_code(text) for word in re.findall(r"^--[a-z-]+", code)}
    assert named == every


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GEMINI_OPERATOR_ and the flag, as docs/configuration.md says."""
    command = documents.command(name)
    context = click.Context(command, **command.context_settings)
    for option in documents.options(name):
        variable = "GEMINI_OPERATOR_" + option.opts[0].removeprefix("--").replace("-", "_").upper()
        monkeypatch.setenv(variable, "given")
        assert option.resolve_envvar_value(context) == "given", variable


def test_every_option_explains_itself() -> None:
    assert not [o.opts for name in COMMANDS for o in documents.options(name) if not o.help]


def test_tables_from_the_code_are_fresh() -> None:
    if binaries.find("helm", module=HELM) is None:
        pytest.skip("`make binaries` first: the tables of rights are rendered with Helm")
    stale = [str(page.relative_to(PROJECT)) for page in documents.stale()]
    assert not stale, "run `make tables` and commit the result"


def test_every_table_from_the_code_has_its_place() -> None:
    placed = [name for page in DOCS.rglob("*.md") for name in documents.tables_of(text_of(page))]
    assert sorted(placed) == sorted(documents.TABLES)


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_of_the_crd_is_described(part: str) -> None:
    crd = yaml.safe_load(text_of(PROJECT / "crds" / "gemini-operator.io_geminibatchjobs.yaml"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part]
    shown = [cells[0].strip("`") for cells in rows(text_of(DOCS / "api.md"), f"## {part.title()}")]
    assert sorted(shown) == sorted(paths(part, schema))
    assert all(member.get("description") for _, member, _ in documents.described(part))


def paths(prefix: str, schema: Any) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" + ("[]" if "items" in member else "")
        yield path
        yield from paths(path, member.get("items", member))


def test_metrics_are_named_as_they_are_exposed() -> None:
    every = {documents.exposed(metric) for _, metric in documents.every_metric()}
    text = text_of(DOCS / "operations.md") + text_of(DOCS / "configuration.md")
    assert set(re.findall(r"`(gemini_operator_\w+)", text)) == every


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of(PROJECT / "pyproject.toml"))
    text = text_of(DOCS / "dependencies.md")
    for heading, wanted in (
        ("## At run time", project["project"]["dependencies"]),
        ("## For development", project["dependency-groups"]["dev"]),
    ):
        names = [re.split(r"[<>=~! ]", requirement)[0] for requirement in wanted]
        assert [cells[0].strip("`") for cells in rows(text, heading)] == names
    assert f"## [{project['project']['version']}]" in text_of(PROJECT / "CHANGELOG.md")


# Of other tools; tests/integration/controller/test_gitops.py runs them.
OTHERS = {"ConfigMap", "Kustomization"}


@every_document_with("yaml")
def test_manifests_fit_the_models(document: Path) -> None:
    for block in fences(text_of(document), "yaml"):
        manifest = yaml.safe_load(block)
        if "apiVersion" not in manifest:
            ChartValues.model_validate(manifest)
            continue
        if manifest["kind"] in OTHERS:
            continue
        assert (manifest["apiVersion"], manifest["kind"]) == (group.API_VERSION, group.KIND)
        spec = Spec.model_validate(manifest["spec"])
        dumped = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert dumped == manifest["spec"], "a field that the models do not know"


def test_readme_shows_an_example_as_it_is() -> None:
    example = text_of(PROJECT / "examples" / "basic" / "20-review-sentiment.yaml")
    (shown,) = fences(text_of(PROJECT / "README.md"), "yaml")
    assert example.endswith(shown)


@every_document_with("mermaid")
def test_diagrams_have_something_in_them(document: Path) -> None:
    for block in fences(text_of(document), "mermaid"):
        kind, *lines = block.strip().splitlines()
        assert kind in DIAGRAMS
        assert sum("->" in line for line in lines) >= 3
        if kind == "sequenceDiagram":
            parts = set(re.findall(r"^\s*(?:actor|participant) (\w+)", block, re.MULTILINE))
            spoken = re.findall(r"^\s*(\w+)-?->>(\w+):", block, re.MULTILINE)
            assert {name for pair in spoken for name in pair} == parts


@every_document
def test_no_document_names_a_machine_or_a_registry(document: Path) -> None:
    text = text_of(document)
    assert not re.search(r"/(?:root|home|work|Users|tmp|opt)/|[A-Z]:\\", text)
    domains = re.findall(r"\b(?:[a-z0-9-]+\.)+(?:org|io|dev|com|net|cloud)\b", text)
    addresses = re.findall(r"https?://([\w.-]+)", text)
    assert {*domains, *addresses} - NO_HOSTS <= HOSTS


def test_p12_the_promise_is_kept_word_for_word() -> None:
    text = " ".join(text_of(DOCS / "submission.md").replace("> ", "").split())
    assert PROMISE.capitalize().replace("google", "Google") in text


def test_security_begins_with_the_two_sentences() -> None:
    _, first, second, *_ = text_of(DOCS / "security.md").split("\n\n")
    assert " ".join(first.split()) == (
        "*The Gemini project (API key) is the isolation boundary between tenants.*"
    )
    assert " ".join(second.split()) == (
        "*Whoever knows a job's callback URL and owns a Gemini account can make Google sign an "
        "event for it, so a callback is never more than a hint.*"
    )


def test_the_emulators_routes_are_all_there(tmp_path: Path) -> None:
    text = text_of(DOCS / "emulator.md")
    emulator = Emulator(EmulatorSettings(), tmp_path, lambda: 0.0)
    emulator.application()
    names = {route.name for route in emulator._routes()}
    shown = [code for code in inline_code(text) if re.fullmatch(r"[a-z]+\.[a-zA-Z]+|jwks", code)]
    assert set(shown) - {"data.id"} == names
    emulator.counters.close()


def test_the_emulators_forms_and_options_of_results_are_all_there() -> None:
    text = text_of(DOCS / "emulator.md")
    _, section = text.split("\n## Results on demand\n")
    options = {row[0].strip("`") for row in rows(text, "## Results on demand")}
    _, table = section.split("| form | the result |\n", 1)
    forms = re.findall(r"^\| `([a-z]+)` \|", table.split("\n\n", 1)[0], re.MULTILINE)
    assert forms == list(get_args(Form))
    assert options - {"batch"} == set(OPTIONS)


def test_the_bodies_in_the_emulators_examples_are_accepted_or_refused_as_it_says() -> None:
    text = " ".join(fences(text_of(DOCS / "emulator.md"), "sh"))
    found = re.findall(r"(?<=:8085/)(\S+).*?-d '(.*?)'", text, re.DOTALL)
    assert {path for path, _ in found} >= {"emulator/results", "emulator/faults"}
    for path, body in found:
        match path:
            case "emulator/results":
                parse_result_options(json.loads(body))
            case "emulator/faults":
                parse_fault(json.loads(body))
            case _:
                with pytest.raises(ApiError, match="Invalid value at"):
                    parse_create_request(json.loads(body), kind="GenerateContent", model="models/m")


def test_every_rule_that_is_cited_is_explained() -> None:
    explained = re.findall(r"^- \*\*([PS]\d+)\*\* ", text_of(DOCS / "rules.md"), re.MULTILINE)
    sources = [*PROJECT.glob("operator/**/*.py"), *PROJECT.glob("tests/**/*.py"), *DOCUMENTS]
    cited: set[str] = set()
    for path in sources:
        text = text_of(path)
        cited |= set(re.findall(r"\b[PS][1-9]\d?\b", text))
        cited |= {f"{k.upper()}{int(n)}" for k, n in re.findall(r"\btest_([ps])(\d\d)_", text)}
    assert len(explained) == len(set(explained))
    assert cited <= set(explained)


@pytest.mark.parametrize("document", sorted(DOCS.glob("decisions/0*.md")), ids=lambda p: p.stem)
def test_decisions_have_their_three_parts(document: Path) -> None:
    number = int(document.stem[:4])
    text = text_of(document)
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Consequences"]
