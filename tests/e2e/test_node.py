"""The image in real pods, and what a node leaves behind: nothing. Needs Linux and root."""

from pathlib import Path

import psutil
import pytest

from local.waiting import until
from node import images
from node.node import PROCESSES, Node
from tests.e2e.conftest import Traces, left, traces

pytestmark = pytest.mark.timeout(1800)  # the first run builds the programs and the base image
MANIFEST = Path(__file__).with_name("restricted.yaml")


def kill(directory: Path, *programs: str) -> None:
    """Return when they are dead: `up` would still see one that is about to die as running."""
    killed = [psutil.Process(int((directory / f"{name}.pid").read_text())) for name in programs]
    for process in killed:
        process.kill()
    assert until(lambda: all(map(_is_dead, killed)), timeout=10)


def _is_dead(process: psutil.Process) -> bool:
    # A program whose first thread is dead holds its ports until the last one is.
    threads = list(Path(f"/proc/{process.pid}/task").iterdir())
    return process.status() == psutil.STATUS_ZOMBIE and len(threads) == 1


def test_s25_the_image_runs_restricted_and_is_reached_by_the_name_of_its_service(
    node: Node,
) -> None:
    node.kubectl("apply", "--filename", str(MANIFEST))
    node.kubectl("--namespace=image", "rollout", "status", "deployment/emulator", "--timeout=50s")
    succeeded = "--for=jsonpath={.status.phase}=Succeeded"
    node.kubectl("--namespace=image", "wait", succeeded, "pod/client", "--timeout=50s")
    assert node.kubectl("--namespace=image", "logs", "client") == "200 65532 65532\n"


def test_the_image_has_no_installer_and_no_compiler(node: Node) -> None:
    code = (
        "import importlib.util as u, shutil; "
        "print([m for m in ('pip', 'ensurepip', 'setuptools') if u.find_spec(m)]"
        " + [p for p in ('pip', 'pip3', 'cc', 'gcc') if shutil.which(p)])"
    )
    command = ("exec", "deployment/emulator", "--", "python3", "-c", code)
    assert node.kubectl("--namespace=image", *command) == "[]\n"


def test_killed_programs_are_started_again_and_pods_go_on(node: Node) -> None:
    kill(node.layout.directory, "containerd", "etcd", "kubelet")
    node.up(images.ensure_pause(print))
    node.kubectl("--namespace=image", "rollout", "status", "deployment/emulator", "--timeout=50s")


def test_nothing_is_left_after_a_kill_of_every_program(node: Node, before: Traces) -> None:
    directory = node.layout.directory
    kill(directory, *PROCESSES)
    for _ in range(2):
        node.down()
        assert left(before, traces(directory)) == {}
