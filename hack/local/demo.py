"""One example from `kubectl apply` to its results, on a stack of its own that ends with it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import binaries
from local.cluster import PROJECT
from local.errors import LocalError
from local.kubectl import Kubectl, KubectlError
from local.stack import Report, Stack

EXAMPLES = PROJECT / "examples" / "basic"
RESULTS = "review-sentiment-results"
SHOWN = 3
SETTINGS = "GEMINI_OPERATOR_"
WAIT_SECONDS = 60


def run(report: Report) -> None:
    """Raise LocalError when a step fails. Nothing is left running, whatever happens."""
    programs = binaries.ensure(report)
    with _state_directory() as directory:
        stack = Stack(directory, programs, report, tethered=True, environment=_environment())
        try:
            stack.up()
            _show(stack.plane.kubectl, report)
        finally:
            stack.down()


def _environment() -> dict[str, str]:
    """Without the settings of somebody's own operator: the demo is the same for everyone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}


def _show(kubectl: Kubectl, report: Report) -> None:
    report(f"kubectl apply -f {EXAMPLES.relative_to(PROJECT)}/")
    report(kubectl("apply", "-f", str(EXAMPLES)).rstrip())
    report("kubectl wait --for=condition=Complete gbj --all")
    report(_wait(kubectl).rstrip())
    report("kubectl get gbj")
    report(kubectl("get", "gbj").rstrip())
    report(f"{SHOWN} of the results in ConfigMap {RESULTS}:")
    for line in _results(kubectl):
        report(line)


def _wait(kubectl: Kubectl) -> str:
    timeout = f"--timeout={WAIT_SECONDS}s"
    try:
        return kubectl(
            "wait", "--for=condition=Complete", "gbj", "--all", timeout, timeout=WAIT_SECONDS * 4
        )
    except KubectlError:
        raise LocalError(f"not every job is Complete: {_unfinished(kubectl)}") from None


def _unfinished(kubectl: Kubectl) -> str:
    """The jobs that are not Complete, each with its state and what its conditions say."""
    jobs = json.loads(kubectl("get", "gbj", "-o", "json"))["items"]
    return "; ".join(_described(job) for job in jobs if not _is_complete(job))


def _described(job: dict[str, Any]) -> str:
    status = job.get("status", {})
    said = [
        f"{condition['reason']}: {condition.get('message', '')}"
        for condition in status.get("conditions", [])
        if condition["status"] == "True"
    ]
    return f"{job['metadata']['name']} is {status.get('state', 'untouched')} ({', '.join(said)})"


def _is_complete(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)


def _results(kubectl: Kubectl) -> Iterator[str]:
    """Each as `key: what the model said <- what it was asked`."""
    asked = json.loads(kubectl("get", "configmap", "product-reviews", "-o", "json"))
    questions = _by_key(asked["data"]["requests.jsonl"])
    given = json.loads(kubectl("get", "configmap", RESULTS, "-o", "json"))
    for key, answer in list(_by_key(given["data"]["results.jsonl"]).items())[:SHOWN]:
        said = answer["response"]["candidates"][0]["content"]["parts"][0]["text"]
        question = questions[key]["request"]["contents"][0]["parts"][0]["text"]
        yield f"  {key}  {said:<8}  {question}"


def _by_key(jsonl: str) -> dict[str, Any]:
    return {line["key"]: line for line in map(json.loads, jsonl.splitlines())}


@contextmanager
def _state_directory() -> Iterator[Path]:
    """Removed at the end; after a failure the logs stay, and the error says where."""
    directory = Path(tempfile.mkdtemp(prefix="gemini-operator-demo-"))
    try:
        yield directory
    except LocalError as error:
        _keep_logs(directory)
        where = "" if str(directory) in str(error) else f" (logs: {directory})"
        raise LocalError(f"{error}{where}") from None
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory)


def _keep_logs(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix != ".log":
            path.unlink()
