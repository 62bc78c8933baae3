"""The builder with a Go of the test's own in front of the machine's."""

import os
import threading
from pathlib import Path

import pytest

from local import building
from local.errors import LocalError
from local.places import kubernetes_cache

# Counts its builds, and writes the file named after -o.
GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go99.0 linux/amd64"; exit; fi
echo build >> "$0.log"
for argument; do [ "$previous" = -o ] && target=$argument; previous=$argument; done
{body}
"""
BUILDS = 'echo "#!/bin/sh" > "$target"; chmod +x "$target"'
FAILS = 'echo "cannot find module" >&2; echo half > "$target"; exit 1'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"GEMINI_OPERATOR_CACHE": str(tmp_path / "cache")}


def install_go(directory: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    go = directory / "go"
    go.write_text(GO.format(body=body))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return go


def test_each_program_is_built_once_and_said_to_be(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = install_go(tmp_path, monkeypatch, BUILDS)
    said: list[str] = []
    for _ in range(2):
        building.build(["etcd", "kubectl"], said.append, environment)
    assert Path(f"{go}.log").read_text().count("build") == 2
    assert [line for line in said if "built in" in line] == [
        "  etcd: built in 0 s",
        "  kubectl: built in 0 s",
    ]


def test_a_failed_build_tells_the_compilers_last_line_and_leaves_nothing(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_go(tmp_path, monkeypatch, FAILS)
    with pytest.raises(LocalError, match="cannot find module"):
        building.build(["etcd"], lambda _: None, environment)
    assert [path.name for path in kubernetes_cache(environment).iterdir()] == [".lock"]


def test_two_builders_build_once(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "release"
    waits = f'while [ ! -e "{release}" ]; do sleep 0.05; done; {BUILDS}'
    go = install_go(tmp_path, monkeypatch, waits)
    waiting = threading.Event()

    def second(line: str) -> None:
        if "waiting" in line:
            waiting.set()

    first_started = threading.Event()
    first = threading.Thread(
        target=building.build,
        args=(["etcd"], lambda line: first_started.set() if "…" in line else None, environment),
    )
    other = threading.Thread(target=building.build, args=(["etcd"], second, environment))
    first.start()
    assert first_started.wait(10)
    other.start()
    assert waiting.wait(10)
    release.touch()
    first.join(10)
    other.join(10)
    assert Path(f"{go}.log").read_text().count("build") == 1
