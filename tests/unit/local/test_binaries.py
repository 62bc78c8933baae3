from pathlib import Path

import pytest

from local import binaries
from local.errors import LocalError
from local.places import (
    HELM,
    PACKAGES,
    VERSITYGW,
    kubernetes_cache,
    kubernetes_version,
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    assets, cache = tmp_path / "assets", tmp_path / "cache"
    found = {"KUBEBUILDER_ASSETS": str(assets), "GEMINI_OPERATOR_CACHE": str(cache)}
    for directory in (assets, kubernetes_cache(found), HELM.cache(found), VERSITYGW.cache(found)):
        directory.mkdir(parents=True)
    return found


def place(directory: str | Path, *names: str) -> None:
    for name in names:
        program = Path(directory) / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)


def test_what_setup_envtest_installed_is_completed_from_the_cache(
    environment: dict[str, str],
) -> None:
    assets, cache = environment["KUBEBUILDER_ASSETS"], kubernetes_cache(environment)
    place(assets, "etcd", "kube-apiserver", "kubectl")
    place(cache, *PACKAGES)
    place(HELM.cache(environment), "helm")
    place(VERSITYGW.cache(environment), "versitygw")
    found = binaries.present(environment)
    assert found.kube_apiserver == Path(assets) / "kube-apiserver"
    assert found.kube_controller_manager == cache / "kube-controller-manager"


def test_a_file_that_cannot_be_run_is_not_found(environment: dict[str, str]) -> None:
    (Path(environment["KUBEBUILDER_ASSETS"]) / "etcd").write_text("")
    assert binaries.find("etcd", environment) is None


def test_what_is_missing_is_named_with_the_way_to_get_it(environment: dict[str, str]) -> None:
    place(environment["KUBEBUILDER_ASSETS"], "etcd", "kube-apiserver", "kubectl")
    with pytest.raises(
        LocalError,
        match=r"^kube-controller-manager, helm, versitygw not found: run `make binaries`",
    ):
        binaries.present(environment)


def test_the_cache_is_below_the_home_directory_and_named_after_the_version() -> None:
    expected = Path.home() / ".cache" / "gemini-operator" / f"kubernetes-{kubernetes_version()}"
    assert kubernetes_cache({}) == expected
