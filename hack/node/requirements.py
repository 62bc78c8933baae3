"""What a machine needs to run a node, and the installation of what is missing."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from local.errors import LocalError
from local.places import cache_root
from node import network
from node.commands import run
from node.machine_init import PRIVATE

PROGRAMS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "nsenter": "util-linux",
    "runc": "runc",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
"""Debian's packages by the program that is looked for."""

CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21}
"""The bits of capabilities(7) that containers usually lack."""

CNI_PLUGINS = Path("/usr/lib/cni")
INSTALL_TIMEOUT = 600.0
SBIN = "/usr/sbin:/sbin"


def program(name: str) -> str | None:
    """The path of a program. Those for root are also found if they are not in PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")


def missing_packages() -> list[str]:
    """The packages to install, sorted."""
    missing = {package for name, package in PROGRAMS.items() if program(name) is None}
    if not (CNI_PLUGINS / "bridge").exists():
        missing.add("containernetworking-plugins")
    return sorted(missing)


def unfit() -> str | None:
    """Why no node can run on this machine, whatever is installed; None if one can."""
    if sys.platform != "linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root: it creates namespaces, mounts and network interfaces"
    if lacking := missing_capabilities(Path("/proc/self/status").read_text()):
        return f"a node needs the capabilities of a whole root, and this one lacks {lacking}"
    if not Path("/sys/fs/cgroup").is_dir():
        return "a node needs cgroups, and /sys/fs/cgroup is not there"
    if "\toverlay" not in Path("/proc/filesystems").read_text():
        return "a node needs the overlay file system, and this kernel has none"
    if program("ip") is not None and (conflict := network.conflict()):
        return f"the host has a route to {conflict}, which overlaps with the node's networks"
    return None


def missing_capabilities(status: str) -> str:
    """Which capabilities a process lacks: root in a container has few.

    Args:
        status: of the process, as in proc(5).
    """
    effective = re.search(r"^CapEff:\s+([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(effective[1], 16) if effective else 0
    return ", ".join(name for name, bit in CAPABILITIES.items() if not bits >> bit & 1)


def check() -> str | None:
    """Why no node can run here now, in one line; None if one can."""
    if reason := unfit():
        return reason
    if missing := missing_packages():
        return f"packages are missing: apt-get install {' '.join(missing)}"
    return None


def check_directory(directory: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Raise LocalError if the node could not see `directory` or the cache."""
    for path in (directory.resolve(), cache_root(environment).resolve()):
        if any(path.is_relative_to(private) for private in PRIVATE):
            raise LocalError(
                f"{path} is below {' or '.join(PRIVATE)}, which a node has of its own: "
                "choose another directory (--directory, GEMINI_OPERATOR_CACHE)"
            )


def ensure(report: Callable[[str], None]) -> None:
    """Install missing packages with apt-get.

    Raises:
        LocalError: no node can run here, or the installation failed.
    """
    if reason := unfit():
        raise LocalError(reason)
    if missing := missing_packages():
        if program("apt-get") is None:
            raise LocalError(f"install the equivalents of Debian's {', '.join(missing)}")
        report(f"installing {', '.join(missing)}")
        settings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], timeout=INSTALL_TIMEOUT, environment=settings)
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
        run(install, timeout=INSTALL_TIMEOUT, environment=settings)
    if reason := check():
        raise LocalError(reason)
