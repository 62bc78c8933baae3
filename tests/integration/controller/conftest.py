"""A whole operator for a test or for a module: emulator, receiver, controller, the least rights."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from local.control_plane import ControlPlane
from tests.emulator_process import API_KEY, FAST, EmulatorProcess
from tests.object_servers import S3Server
from tests.operator_process import Operator, kubeconfigs

NEVER = "pending=1h,running=1h"
SLOW = pytest.mark.parametrize("schedule", [NEVER])
"""For tests that decide themselves when a batch ends."""


@pytest.fixture
def schedule() -> str:
    return FAST


@pytest.fixture
def emulator(tmp_path: Path, schedule: str) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path / "emulator", "--schedule", schedule) as process:
        yield process


@pytest.fixture
def operator(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, emulator: EmulatorProcess
) -> Iterator[Operator]:
    """For a test that kills, stops or misleads something; not started yet."""
    with _operator(control_plane, namespace, tmp_path, emulator) as processes:
        yield processes


@pytest.fixture
def cluster_operator(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, emulator: EmulatorProcess
) -> Iterator[Operator]:
    """As `operator`, with an account outside the namespace: that one may be deleted."""
    home = f"home-{token_hex(4)}"
    api = control_plane.api
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": home}})
    with _operator(control_plane, namespace, tmp_path, emulator, home=home) as processes:
        yield processes


@pytest.fixture
def second_namespace(control_plane: ControlPlane) -> str:
    """Of another tenant, for `cluster_operator`."""
    name, api = f"test-{token_hex(4)}", control_plane.api
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def queued(tenant: Operator, name: str, reason: str = "Queued") -> bool:
    """Whether the job waits for its turn, for that reason."""
    said = tenant.condition(name, "Submitted")
    return bool(tenant.status(name).get("state") == "Queued" and said.get("reason") == reason)


@pytest.fixture
def outage(request: pytest.FixtureRequest) -> float:
    """Seconds for which something is away: longer than every timeout of one call."""
    return 60.0 if request.config.getoption("exhaustive") else 12.0


@pytest.fixture
def name() -> str:
    """A job name that no other test of the module has."""
    return f"job-{token_hex(3)}"


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    """One running operator for a whole module, whose tests use job names of their own.

    A module may set SCHEDULE (of the emulator) and CONTROLLER_ARGS.
    """
    schedule = getattr(request.module, "SCHEDULE", FAST)
    arguments = getattr(request.module, "CONTROLLER_ARGS", ())
    directory = tmp_path_factory.mktemp("shared")
    with running_operator(control_plane, directory, *arguments, schedule=schedule) as processes:
        yield processes


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def running_operator(
    control_plane: ControlPlane, directory: Path, *arguments: str, schedule: str = FAST
) -> Iterator[Operator]:
    """A started operator in a namespace of its own, with its emulator.

    Args:
        control_plane: the API server.
        directory: for logs and state; the namespace is named after it.
        arguments: of the controller.
        schedule: of the emulator.
    """
    namespace = f"{directory.name}-{token_hex(4)}"
    path = "/api/v1/namespaces"
    control_plane.api.request("POST", path, {"metadata": {"name": namespace}})
    with (
        EmulatorProcess(directory / "emulator", "--schedule", schedule) as emulator,
        _operator(control_plane, namespace, directory, emulator) as processes,
    ):
        processes.start(*arguments)
        yield processes


@contextmanager
def _operator(
    control_plane: ControlPlane,
    namespace: str,
    directory: Path,
    emulator: EmulatorProcess,
    home: str = "",
) -> Iterator[Operator]:
    """`home`: another namespace for the accounts, whose rights are then cluster-wide."""
    accounts = kubeconfigs(control_plane, namespace, directory, home=home)
    with Operator(namespace, control_plane, directory, emulator, accounts) as processes:
        yield processes


def upload(emulator: EmulatorProcess, content: bytes) -> str:
    """Put a file into the File API, as a user does: with Google's own SDK."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=emulator.url, api_version="v1beta")
    with genai.Client(api_key=API_KEY, http_options=options) as client:
        config = types.UploadFileConfig(mime_type="application/jsonl")
        name = client.files.upload(file=io.BytesIO(content), config=config).name
    assert name is not None
    return name
