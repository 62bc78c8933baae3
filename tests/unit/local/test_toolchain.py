from pathlib import Path

import pytest

from local import toolchain
from local.errors import LocalError
from local.places import MODULE


def go_that_says(directory: Path, version: str) -> Path:
    go = directory / "go"
    go.write_text(f"#!/bin/sh\necho '{version}'\n")
    go.chmod(0o755)
    return go


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.26 darwin/arm64", (1, 26)),
        ("go version go1.27rc1 linux/amd64", (1, 27)),
        ("go version devel +abc", ()),
        ("", ()),
    ],
)
def test_a_toolchain_says_its_version(tmp_path: Path, said: str, version: tuple[int, ...]) -> None:
    assert toolchain.version_of(go_that_says(tmp_path, said)) == version


def test_the_pinned_toolchain_can_build_the_module() -> None:
    pinned = tuple(int(part) for part in toolchain.pinned_version().split("."))
    assert pinned >= toolchain.required_version(MODULE)


def test_the_machines_toolchain_is_used_where_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = go_that_says(tmp_path, "go version go99.0 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert toolchain.find_go(MODULE, tmp_path, print) == go


def test_an_older_toolchain_is_passed_over_for_the_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_that_says(tmp_path, "go version go1.20 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    installed = tmp_path / f"go-{toolchain.pinned_version()}" / "go" / "bin"
    installed.mkdir(parents=True)
    (installed / "go").touch()
    assert toolchain.find_go(MODULE, tmp_path, print) == installed / "go"


def test_a_module_without_a_go_line_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n")
    with pytest.raises(LocalError, match="no go line"):
        toolchain.required_version(tmp_path)
