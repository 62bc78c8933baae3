"""The rights that the chart grants: each is needed, and there are no others."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from local import access, chart
from local.access import Account
from local.api import AdminApi
from local.control_plane import ControlPlane
from tests.emulator_process import FAST, EmulatorProcess
from tests.integration.chart.rendering import render
from tests.operator_process import Operator, Right, granted, inline_job, job, kubeconfigs
from tests.waiting import eventually

ELECTION = (
    *("--leader-elect", "--lease-duration", "2"),
    *("--lease-renew-deadline", "1", "--lease-retry-period", "0.2"),
)

CONTROLLER = [
    (resource, verb)
    for rule in [
        *chart.rules(granted("n", ["n"]), "-controller"),
        *chart.rules(granted("n", ["n"]), "-leader-election"),
    ]
    for resource in rule["resources"]
    for verb in rule["verbs"]
]


@contextmanager
def running(
    plane: ControlPlane, namespace: str, directory: Path, without: Right | None
) -> Iterator[Operator]:
    """An operator whose accounts lack a right."""
    accounts = kubeconfigs(plane, namespace, directory, without=without)
    with (
        EmulatorProcess(directory / "emulator", "--schedule", FAST) as emulator,
        Operator(namespace, plane, directory, emulator, accounts) as operator,
    ):
        operator.start_receiver()
        operator.put_key("emulator-" + token_hex(16))
        operator.controller.start("--public-url", operator.receiver.url, *ELECTION)
        yield operator


def everything(operator: Operator) -> None:
    """Jobs that need each right once: requests and results in ConfigMaps, and a TTL."""
    lines = '{"key": "a", "request": {"contents": [{"parts": [{"text": "Say a."}]}]}}'
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "in"}}
    reference = {"configMapKeyRef": {"name": "in", "key": "lines"}}
    output = {"configMap": {"name": "out"}}
    operator.apply(
        {**source, "data": {"lines": lines}},
        job("one", reference, output=output, ttlSecondsAfterFinished=0),
    )


def repeated_event(operator: Operator) -> None:
    """A job that is suspended twice says so, also after a restart: one Event that is counted."""
    # Without an API key it is not submitted in between.
    operator.kubectl("delete", "secret", "gemini-api-key")
    operator.apply(inline_job("two", suspend=True))
    eventually(lambda: "Suspended" in operator.events_of("two"), timeout=30, what="Event")
    operator.apply(inline_job("two", suspend=False))
    operator.wait_problem("two", "CredentialsMissing")
    operator.controller.kill()
    operator.controller.start(*ELECTION)
    operator.apply(inline_job("two", suspend=True))


TOLD_BY_THE_JOB = {
    ("secrets", "get"),
    ("configmaps", "get"),
    ("configmaps", "create"),
    ("geminibatchjobs", "patch"),
}
"""Rights without which a job cannot go on, and has a status that says so."""


def said(operator: Operator, right: Right) -> str:
    """What a user would see of it, and an administrator."""
    job = operator.kubectl("describe", "gbj")
    if right in TOLD_BY_THE_JOB:
        return job
    return job + operator.controller.text() + operator.receiver.text()


@pytest.mark.parametrize("right", CONTROLLER, ids=" ".join)
def test_without_one_right_of_the_controller_something_named_breaks(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, right: Right
) -> None:
    resource, verb = right
    name, _, subresource = resource.partition("/")
    message = f'cannot {verb} resource \\"{name}{"/" * bool(subresource)}{subresource}\\"'
    plain = message.replace("\\", "")
    with running(control_plane, namespace, tmp_path, right) as operator:
        (repeated_event if right == ("events", "patch") else everything)(operator)
        eventually(
            lambda: message in (shown := said(operator, right)) or plain in shown,
            timeout=60,
            interval=0.5,
            what=message,
        )


def test_with_all_rights_a_job_runs_from_its_requests_to_its_end(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with running(control_plane, namespace, tmp_path, None) as operator:
        everything(operator)
        eventually(lambda: operator.exists("out", "configmaps"), timeout=30, what="results")
        eventually(lambda: not operator.exists("one"), timeout=30, what="the TTL")
        assert "forbidden" not in operator.controller.text() + operator.receiver.text()


# Nothing else


@pytest.mark.parametrize("process", ["controller", "receiver"])
@pytest.mark.parametrize("cluster_wide", [True, False])
def test_an_account_of_the_chart_may_do_nothing_else(
    control_plane: ControlPlane, namespace: str, process: str, *, cluster_wide: bool
) -> None:
    values = {} if cluster_wide else {"namespaces": [namespace]}
    kinds = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    objects = [
        each
        for each in render(values, namespace=namespace)
        if each["kind"] in kinds and not each["metadata"]["name"].endswith(("-view", "-edit"))
    ]
    access.create(control_plane.api, objects)
    wanted = chart.rules(objects, f"-{process}")
    wanted += chart.rules(objects, "-leader-election") if process == "controller" else []
    account = Account(namespace, chart.account(process))
    token = account.token(control_plane.api, seconds=600)
    access.wait_effective(control_plane.api, token, wanted, namespace=namespace)
    api = control_plane.api
    nobody = Account(namespace, "nobody")
    nobody.create(api)
    basics = allowed(api, nobody.token(api, seconds=600), namespace)
    assert allowed(api, token, namespace) - basics == {
        line for rule in wanted for line in _lines(rule)
    }


def allowed(api: AdminApi, token: str, namespace: str) -> set[tuple[str, str, str, str]]:
    """What the account says that it may do: group, resource, name and verb."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    with closing(AdminApi(api.server, api.authority, token)) as own:
        review = own.request("POST", path, {"spec": {"namespace": namespace}})
    return {line for rule in review["status"]["resourceRules"] for line in _lines(rule)}


def _lines(rule: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    return {
        (group, resource, name, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
    }


def test_users_get_jobs_and_neither_status_nor_finalizers() -> None:
    roles = [o for o in render() if o["kind"] == "ClusterRole" and "rules" in o]
    users = [r for r in roles if r["metadata"]["name"].endswith(("-view", "-edit"))]
    assert len(users) == 2
    for role in users:
        [rule] = role["rules"]
        assert rule["resources"] == ["geminibatchjobs"]
        assert any("aggregate-to" in label for label in role["metadata"]["labels"])
