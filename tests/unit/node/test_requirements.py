from pathlib import Path

import pytest
from click.testing import CliRunner

from local.errors import LocalError
from node import network, requirements
from node.__main__ import cli


@pytest.mark.parametrize(
    ("destination", "overlaps"),
    [
        ("default", False),
        ("192.0.2.0/24", False),
        ("10.96.0.0/24", True),
        ("10.244.0.7", True),
        ("10.244.255.0/24", True),
        ("10.0.0.0/8", True),
    ],
)
def test_routes_into_the_nodes_networks_are_conflicts(destination: str, overlaps: bool) -> None:
    found = network.overlap([{"dst": "default"}, {"dst": destination}])
    assert found == (destination if overlaps else None)


@pytest.mark.parametrize("directory", ["/run/node", "/var/tmp/node"])
def test_a_directory_that_the_node_cannot_see_is_refused(directory: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"is below /run or /var.*choose another directory"):
        requirements.check_directory(Path(directory), {"GEMINI_OPERATOR_CACHE": str(tmp_path)})


def test_a_cache_that_the_node_cannot_see_is_refused() -> None:
    with pytest.raises(LocalError, match="GEMINI_OPERATOR_CACHE"):
        requirements.check_directory(
            Path("/srv/node"), {"GEMINI_OPERATOR_CACHE": "/var/cache/gemini-operator"}
        )


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "program", lambda name: None if "n" in name else f"/{name}")
    monkeypatch.setattr(requirements, "CNI_PLUGINS", Path("/nowhere"))
    expected = ["containernetworking-plugins", "mount", "runc", "util-linux"]
    assert requirements.missing_packages() == expected


def test_without_root_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "a node needs root" in (requirements.check() or "")


@pytest.mark.parametrize(
    ("status", "lacking"),
    [
        ("CapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n", ""),
        ("CapEff:\t00000000a80425fb\n", "CAP_NET_ADMIN, CAP_SYS_ADMIN"),
        ("CapEff:\t0000000000000000\n", "CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_SYS_ADMIN"),
        ("", "CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_SYS_ADMIN"),
    ],
)
def test_the_root_of_a_container_lacks_capabilities(status: str, lacking: str) -> None:
    assert requirements.missing_capabilities(status) == lacking


def test_missing_packages_are_a_reason_only_after_an_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requirements, "unfit", lambda: None)
    monkeypatch.setattr(requirements, "missing_packages", lambda: ["runc"])
    now = CliRunner().invoke(cli, ["check"])
    assert isinstance(now.exception, LocalError)
    assert str(now.exception) == "packages are missing: apt-get install runc"
    later = CliRunner().invoke(cli, ["check", "--before-install"])
    assert (later.exit_code, later.output) == (0, "")
