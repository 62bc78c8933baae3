"""The chart on real pods: installed, used, broken, upgraded and uninstalled, step by step."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest

from local.chart import RELEASE
from local.kubectl import KubectlError
from local.waiting import until
from tests.e2e.conftest import JSON, Cluster
from tests.operator_process import inline_job

pytestmark = pytest.mark.timeout(1800)  # the first run builds the programs and the base image

VALUES: JSON = {
    "emulator": {
        "enabled": True,
        "schedule": "pending=1s,running=8s",
        "extraArgs": ["--max-open-batches=1000"],
    },
    "controller": {"replicas": 2, "maxOpenBatchesPerKey": 1000},
    "receiver": {"replicas": 2},
}

STATE = """
import os, urllib.request
url = "http://127.0.0.1:8085/emulator/state"
token = os.environ["GEMINI_OPERATOR_CONTROL_TOKEN"]
request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
print(urllib.request.urlopen(request).read().decode())
"""


class Installation:
    """A release in emulator mode, in a namespace that enforces Pod Security `restricted`."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        return self.cluster.kubectl(
            "--namespace", self.namespace, *arguments, stdin=stdin, timeout=timeout
        )

    def apply(self, prefix: str, count: int) -> None:
        """Create so many jobs, as fast as kubectl can."""
        items = [inline_job(f"{prefix}-{number}") for number in range(count)]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.kubectl("create", "--filename", "-", stdin=text, timeout=180)

    def jobs(self) -> list[Any]:
        return list(json.loads(self.kubectl("get", "gbj", "--output=json"))["items"])

    def complete(self, prefix: str, count: int, timeout: float) -> None:
        """Return when the jobs are complete. Each must have one batch, and no other."""

        def ended() -> bool:
            mine = [job for job in self.jobs() if job["metadata"]["name"].startswith(f"{prefix}-")]
            states = Counter((job.get("status") or {}).get("state") for job in mine)
            return states == {"Succeeded": count}

        if not until(ended, timeout=timeout, interval=1):
            pytest.fail(self.kubectl("get", "gbj", "--output=wide"))
        state = self.emulator()
        batches = Counter(
            re.sub(r" \[.*", "", str(batch["displayName"])) for batch in state["jobs"]
        )
        wanted = [f"{self.namespace}/{prefix}-{number}" for number in range(count)]
        assert [name for name in wanted if batches[name] != 1] == []
        assert state["deletedJobs"] == []

    def emulator(self) -> JSON:
        """What the emulator has seen, through its pod."""
        said = self.kubectl("exec", f"deploy/{RELEASE}-emulator", "--", "python3", "-c", STATE)
        state: JSON = json.loads(said)
        return state

    def restart(self, process: str) -> None:
        self.kubectl("rollout", "restart", f"deployment/{RELEASE}-{process}")

    def rolled_out(self, process: str) -> None:
        deployment = f"deployment/{RELEASE}-{process}"
        self.kubectl("rollout", "status", deployment, "--timeout=180s", timeout=190)


@pytest.fixture(scope="module")
def installation(cluster: Cluster) -> Iterator[Installation]:
    namespace = f"e2e-{token_hex(3)}"
    kubectl = cluster.kubectl
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    cluster.report("helm install, with the emulator")
    try:
        said = cluster.install(namespace, VALUES)
        assert "nothing is billed" in said
        yield Installation(cluster, namespace)
    finally:
        cluster.report("cleaning up")
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(autouse=True)
def story(request: pytest.FixtureRequest) -> Iterator[None]:
    """Show the pods and their logs if a test failed."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        return
    found: Installation = request.getfixturevalue("installation")
    for command in (
        ("get", "pods,events", "--output=wide"),
        ("logs", "--selector=app.kubernetes.io/component=controller", "--tail=60", "--prefix"),
        ("logs", "--selector=app.kubernetes.io/component=receiver", "--tail=40", "--prefix"),
        ("logs", "--selector=app.kubernetes.io/component=test", "--tail=40"),
    ):
        try:
            found.cluster.report(found.kubectl(*command))
        except KubectlError as error:
            found.cluster.report(str(error))


def test_the_examples_complete_as_the_readme_shows(installation: Installation) -> None:
    installation.cluster.report("kubectl apply -f examples/basic, and wait for Complete")
    installation.kubectl("apply", "--filename", "examples/basic")
    complete = ("--for=condition=Complete", "gbj", "--all", "--timeout=120s")
    installation.kubectl("wait", *complete, timeout=130)
    shown = installation.kubectl("get", "gbj")
    installation.cluster.report(shown.rstrip())
    assert [line.split()[1] for line in shown.splitlines()[1:]] == ["Succeeded"] * 3
    results = installation.kubectl("get", "configmap", "review-sentiment-results", "-o", "json")
    assert json.loads(results)["data"]["results.jsonl"].count("\n") == 25


def test_callbacks_arrive(installation: Installation) -> None:
    delivered = {row["outcome"] for row in installation.emulator()["deliveries"]}
    assert delivered == {"delivered"}


def test_helm_test_passes(installation: Installation) -> None:
    installation.cluster.report("helm test")
    said = installation.cluster.helm("test", RELEASE, "--namespace", installation.namespace)
    assert "Succeeded" in said


def test_killed_pods_lose_nothing_and_pay_nothing_twice(installation: Installation) -> None:
    installation.cluster.report("20 jobs; every controller and receiver is killed meanwhile")
    installation.apply("killed", 20)
    pods = "app.kubernetes.io/component in (controller, receiver)"
    now = ("--grace-period=0", "--force", "--wait=false")
    installation.kubectl("delete", "pods", f"--selector={pods}", *now)
    installation.complete("killed", 20, timeout=180)


def test_an_upgrade_leaves_running_jobs_alone(installation: Installation) -> None:
    installation.cluster.report("10 jobs; helm upgrade meanwhile")
    installation.apply("upgraded", 10)
    controller = {**VALUES["controller"], "workers": 32, "podAnnotations": {"upgrade": "1"}}
    receiver = {**VALUES["receiver"], "podAnnotations": {"upgrade": "1"}}
    before = callback_keys(installation)
    values = {**VALUES, "controller": controller, "receiver": receiver}
    installation.cluster.install(installation.namespace, values)
    assert callback_keys(installation) == before
    installation.complete("upgraded", 10, timeout=120)


def callback_keys(installation: Installation) -> JSON:
    secret = installation.kubectl("get", "secret", f"{RELEASE}-callback-keys", "--output=json")
    found: JSON = json.loads(secret)["data"]
    return found


def test_a_rolling_update_under_deliveries_loses_and_doubles_none(
    installation: Installation,
) -> None:
    installation.cluster.report("200 jobs; both processes are rolled over while they end")
    installation.apply("rolled", 200)
    for process in ("receiver", "controller"):
        installation.restart(process)
    for process in ("receiver", "controller"):
        installation.rolled_out(process)
    installation.cluster.report("rolled out; waiting for the jobs")
    installation.complete("rolled", 200, timeout=240)
    state = installation.emulator()
    mine = {
        batch["name"].removeprefix("batches/")
        for batch in state["jobs"]
        if "/rolled-" in batch["displayName"]
    }
    rows = [row for row in state["deliveries"] if row["job"].removeprefix("batches/") in mine]
    tries = Counter(row["id"] for row in rows)
    installation.cluster.report(f"{len(tries)} callbacks in {len(rows)} tries")
    assert len(tries) == 200
    lost = {row["id"] for row in rows} - {r["id"] for r in rows if r["outcome"] == "delivered"}
    assert lost == set()
    assert {row["outcome"] for row in rows} == {"delivered"}


def test_nothing_but_the_crds_is_left_after_an_uninstallation(installation: Installation) -> None:
    cluster, namespace = installation.cluster, installation.namespace
    cluster.report("kubectl delete gbj --all, and helm uninstall")
    installation.kubectl("delete", "gbj", "--all", "--timeout=240s", timeout=250)
    assert installation.emulator()["jobs"] == []
    cluster.helm("uninstall", RELEASE, "--namespace", namespace, "--wait")
    kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies"
    left = cluster.kubectl("get", kinds, f"--selector=app.kubernetes.io/instance={RELEASE}")
    assert left == ""
    crds = cluster.kubectl("get", "crds", "--output=name")
    assert "geminibatchjobs.gemini-operator.io" in crds
    cluster.report("kubectl delete namespace")
    cluster.kubectl("delete", "namespace", namespace, "--timeout=90s", timeout=100)
    cluster.kubectl("delete", "crd", "geminibatchjobs.gemini-operator.io")
