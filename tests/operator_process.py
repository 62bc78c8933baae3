"""The controller and the receiver as processes of their own, in one namespace of a real cluster."""

import copy
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from local import access, binaries, chart
from local.access import Account
from local.control_plane import ControlPlane
from tests import program
from tests.callback_keys import KEY
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.program import Child
from tests.waiting import eventually

SIGNING_KEY = "key-1"

Right = tuple[str, str]
"""A resource and a verb."""

GROUP = "gemini-operator.io"

QUICK_GRACE = ("--create-timeout", "2", "--submit-grace", "4")
"""For tests that wait until a batch is known not to be there."""

_DEADLINE = 90.0


class Process:
    """One `gemini-operator` process; its ports stay the same through every restart."""

    def __init__(self, command: str, log: Path, *args: str) -> None:
        self.command = command
        self.log = log
        self.args = list(args)
        self.url = ""
        self._process: Child | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"the {self.command} is not running"
        return self._process.pid

    def start(self, *more: str) -> None:
        """Start and wait until it serves its first port."""
        assert self._process is None, f"the {self.command} is running already"
        offset = self.log.stat().st_size if self.log.exists() else 0
        self._process = program.start([self.command, *self.args, *more], self.log)
        self.url = eventually(
            lambda: self._address(offset), timeout=_DEADLINE, what=f"the {self.command} to listen"
        )

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def readiness(self) -> str:
        """What /readyz answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def metrics(self) -> str:
        """What /metrics of the first port answers."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL, at whatever it is doing."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it with SIGTERM; answers with the exit status."""
        return self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for it to end by itself."""
        assert self._process is not None
        status = self._process.wait(_DEADLINE)
        self._process = None
        return status

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def text(self) -> str:
        """Everything it has printed and logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _address(self, offset: int) -> str | None:
        assert self._process is not None
        ended = self._process.poll() is not None
        text = self.log.read_bytes()[offset:].decode(errors="replace")
        whole = text[: text.rfind("\n") + 1].splitlines()  # the last one may still be written
        lines = [line for line in whole if line.startswith("listening on ")]
        if lines:
            return lines[0].removeprefix("listening on ").replace("0.0.0.0", "127.0.0.1")
        if ended:
            raise RuntimeError(f"the {self.command} has ended: {text}")
        return None

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Operator:
    """A controller, a receiver and the emulator, around one namespace."""

    def __init__(
        self,
        namespace: str,
        control_plane: ControlPlane,
        directory: Path,
        emulator: EmulatorProcess,
        kubeconfigs: Mapping[str, Path],
    ) -> None:
        self.namespace = namespace
        self.emulator = emulator
        self.control_plane = control_plane
        keys = directory / "callback-keys"
        keys.mkdir()
        (keys / SIGNING_KEY).write_text(KEY + "\n")
        self.receiver = Process(
            "receiver",
            directory / "receiver.log",
            *("--kubeconfig", str(kubeconfigs["receiver"])),
            *("--host", "127.0.0.1", "--health-host", "127.0.0.1", "--metrics-port", "0"),
            *("--callback-keys-dir", str(keys)),
            *("--allow-insecure-jwks", "--log-level", "debug"),
        )
        self.controller = Process(
            "controller",
            directory / "controller.log",
            *("--kubeconfig", str(kubeconfigs["controller"]), "--namespaces", namespace),
            *("--gemini-base-url", emulator.url, "--allow-insecure-gemini"),
            *("--callback-keys-dir", str(keys), "--callback-signing-key", SIGNING_KEY),
            *("--health-host", "127.0.0.1", "--metrics-port", "0"),
            *("--create-timeout", "10", "--submit-grace", "20", "--credentials-ttl", "0.5"),
            *("--log-level", "debug"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.controller.stop()
        self.receiver.stop()
        sys.stdout.write(self._story())

    def elsewhere(self, namespace: str) -> Self:
        """The same processes, in the hands of a tenant of another namespace."""
        tenant = copy.copy(self)
        tenant.namespace = namespace
        return tenant

    def start(self, *controller_args: str) -> None:
        """The receiver, the API key's Secret, then the controller with callbacks."""
        self.start_receiver()
        self.put_key(API_KEY)
        self.start_controller(*controller_args)

    def start_receiver(self, jwks_url: str | None = None) -> None:
        port = self.receiver.url.rpartition(":")[2] if self.receiver.url else "0"
        self.receiver.start("--port", port, "--jwks-url", jwks_url or self.emulator.jwks_url)

    def start_controller(self, *args: str) -> None:
        public = ("--public-url", self.receiver.url) if self.receiver.url else ()
        self.controller.start(*public, *args)

    def _story(self) -> str:
        """What pytest shows of a test that failed."""
        logs = [f"--- {p.command}\n{p.text()[-6000:]}" for p in (self.controller, self.receiver)]
        objects = self.kubectl("get", "gbj", "-o", "yaml", "--ignore-not-found")
        return "\n".join([*logs, f"--- objects\n{objects[-6000:]}"])

    def put_key(self, value: str, name: str = "gemini-api-key", key: str = "api-key") -> None:
        """Create or replace the Secret with the API key."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": {key: value},
        }
        self.apply(secret)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def path(self, plural: str = "geminibatchjobs", name: str = "") -> str:
        base = f"/apis/{GROUP}/v1alpha1" if plural == "geminibatchjobs" else "/api/v1"
        return f"{base}/namespaces/{self.namespace}/{plural}/{name}".rstrip("/")

    def get(self, name: str, plural: str = "geminibatchjobs") -> Any:
        return self.control_plane.api.request("GET", self.path(plural, name))

    def exists(self, name: str, plural: str = "geminibatchjobs") -> bool:
        return self.control_plane.api.answers(self.path(plural, name))

    def batches_of(self, name: str) -> list[Any]:
        """Those of `batches` that were created for the job."""
        start = f"{self.namespace}/{name} ["
        return [batch for batch in self.batches() if batch["displayName"].startswith(start)]

    def events_of(self, name: str) -> list[str]:
        """The reasons of the job's Events, in order."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = self.control_plane.api.request("GET", path)["items"]
        mine = [item for item in items if item["regarding"]["name"] == name]
        return [item["reason"] for item in sorted(mine, key=lambda item: str(item["eventTime"]))]

    def results(self, config_map: str) -> list[Any]:
        """The delivered results, one decoded line each."""
        text = self.get(config_map, "configmaps")["data"]["results.jsonl"]
        return [json.loads(line) for line in text.splitlines()]

    def status(self, name: str) -> Any:
        return self.get(name).get("status") or {}

    def condition(self, name: str, kind: str) -> Any:
        conditions = self.status(name).get("conditions") or ()
        return next((c for c in conditions if c["type"] == kind), {})

    def wait_condition(self, name: str, kind: str, reason: str = "", timeout: float = 30) -> Any:
        """Wait until a condition is True (with that reason); answers with the condition."""

        def holds() -> Any:
            condition = self.condition(name, kind)
            fits = condition.get("status") == "True" and condition["reason"].startswith(reason)
            return condition if fits else None

        return eventually(holds, timeout=timeout, interval=0.1, what=f"{name}: {kind} {reason}")

    def wait_problem(self, name: str, reason: str, timeout: float = 30) -> Any:
        """Wait until the job waits, or is stalled, for that reason; answers with the condition."""

        def shown() -> Any:
            condition = self.condition(name, "Stalled")
            return condition if condition.get("reason") == reason else None

        return eventually(shown, timeout=timeout, interval=0.1, what=f"{name}: {reason}")

    def wait_complete(self, name: str, timeout: float = 30) -> Any:
        """`kubectl wait`, as a user does it; answers with the status."""
        self.kubectl("wait", "--for=condition=Complete", f"gbj/{name}", f"--timeout={timeout:g}s")
        return self.status(name)

    def submitted(self, name: str, **spec: Any) -> str:
        """Apply a job with inline requests, wait for its batch and answer with the batch's name."""
        self.apply(inline_job(name, **spec))
        self.wait_condition(name, "Submitted")
        return str(self.status(name)["batchName"])

    def set(self, name: str, **spec: Any) -> None:
        """Change members of the job's spec."""
        self.kubectl("patch", "gbj", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def annotate(self, name: str, **annotations: str) -> None:
        """Set annotations of our group, dashes for underscores."""
        given = [f"{GROUP}/{key.replace('_', '-')}={value}" for key, value in annotations.items()]
        self.kubectl("annotate", "--overwrite", "gbj", name, *given)

    def patch_status(self, name: str, patch: list[dict[str, Any]]) -> None:
        """A JSON patch of the status as the cluster's administrator."""
        body = json.dumps(patch)
        self.kubectl("patch", "gbj", name, "--subresource=status", "--type=json", "-p", body)

    def delete_at_google(self, batch: str, key: str = API_KEY) -> None:
        """What a person does in Google's console."""
        request = urllib.request.Request(
            f"{self.emulator.url}/v1beta/{batch}", method="DELETE", headers={"x-goog-api-key": key}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def batches(self) -> list[Any]:
        """Google's side: every batch that was ever created and not deleted."""
        return list(self.emulator.state()["jobs"])


def kubeconfigs(
    control_plane: ControlPlane,
    namespace: str,
    directory: Path,
    *,
    home: str = "",
    seconds: int = 3600,
    without: Right | None = None,
) -> dict[str, Path]:
    """One for each process, with the rights that the chart grants, for so many seconds.

    `home`: another namespace for the accounts, whose rights are then cluster-wide. `without`: a
    right that is left out.
    """
    api, own = control_plane.api, home or namespace
    objects = granted(own, () if home else (namespace,))
    if without is not None:
        objects = [_without(each, without) for each in objects]
    access.create(api, objects)
    paths = {}
    for process in ("controller", "receiver"):
        account = Account(own, chart.account(process))
        rules = chart.rules(objects, f"-{process}")
        if process == "controller":
            rules += chart.rules(objects, "-leader-election")
        access.wait_effective(api, account.token(api, seconds=seconds), rules, namespace=own)
        path = directory / f"{process}.kubeconfig"
        paths[process] = account.write_kubeconfig(api, path, seconds=seconds)
    return paths


def granted(namespace: str, namespaces: Sequence[str] = (), **values: Any) -> list[dict[str, Any]]:
    """The accounts and rights of a release in `namespace`; its tests name Secrets as they like."""
    values |= {"namespaces": list(namespaces), "apiKeySecrets": {"anyName": True}}
    return chart.rights(binaries.present().helm, values, namespace=namespace)


@cache
def receiver_rules(*, static: bool = False) -> list[dict[str, Any]]:
    """What the chart lets the receiver do; `static`: with a static webhook."""
    webhook = {"namespace": "team-a", "name": "reviews", "secretName": "webhook"}
    receiver = {"staticWebhooks": [webhook] if static else []}
    return chart.rules(granted(chart.RELEASE, receiver=receiver), "-receiver")


def _without(role: dict[str, Any], right: Right) -> dict[str, Any]:
    resource, verb = right
    rules = [
        {**rule, "verbs": [each for each in rule["verbs"] if each != verb]}
        if resource in rule["resources"]
        else rule
        for rule in role.get("rules", ())
    ]
    return {**role, "rules": [rule for rule in rules if rule["verbs"]]} if rules else role


def through(kubeconfig: Path, url: str) -> Path:
    """A copy of a kubeconfig that goes to the API server by way of `url`."""
    content = yaml.safe_load(kubeconfig.read_text())
    for entry in content["clusters"]:
        entry["cluster"] = {"server": url}
    copy = kubeconfig.with_name(f"{kubeconfig.name}-road")
    copy.write_text(yaml.safe_dump(content))
    return copy


def generate(text: str) -> dict[str, Any]:
    """A GenerateContentRequest."""
    return {"contents": [{"parts": [{"text": text}], "role": "user"}]}


def inline_job(name: str, texts: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A job with inline requests, complete but for its namespace."""
    texts = texts or {"greeting": "Say hello."}
    requests = [{"key": key, "request": generate(text)} for key, text in texts.items()]
    return job(name, {"inline": requests}, **spec)


def job(name: str, source: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A job with that input, complete but for its namespace."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "GeminiBatchJob",
        "metadata": {"name": name},
        "spec": {"model": "gemini-2.5-flash", "input": source, **spec},
    }
