"""Prepare the node's namespaces, then stay: the kernel ends everything in them with this process.

Run as a script, as the first process of new mount, network and PID namespaces: `machine_init.py DIRECTORY`.
It writes `DIRECTORY/ready` when programs may start.
"""

import signal
import subprocess
import sys
from pathlib import Path

PRIVATE = ("/run", "/var")
"""Replaced by empty file systems, so that no program of the node leaves anything on the host."""

KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet would set for the whole machine. It reads these values instead and sets nothing."""

NETWORK_SETTINGS = {
    "ipv4/ip_forward": "1",
    "bridge/bridge-nf-call-iptables": "1",
}
"""Of this network namespace alone."""


def main(directory: str) -> None:
    state = Path(directory)
    _run("mount", "--make-rshared", "/")
    for path in PRIVATE:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for path in ("/var/lib", "/var/log", "/var/tmp"):  # noqa: S108 -- this file system is ours
        Path(path).mkdir()
    Path("/var/run").symlink_to("/run")
    _pretend_kernel_settings(state / "sysctl")
    _run("ip", "link", "set", "lo", "up")
    for name, value in NETWORK_SETTINGS.items():
        _set(Path("/proc/sys/net") / name, value)
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    # The kernel reaps every orphan of the namespace, so none stays as a zombie.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    (state / "ready").touch()
    signal.sigwait(signals)


def _pretend_kernel_settings(directory: Path) -> None:
    for name, value in KERNEL_SETTINGS.items():
        setting, pretended = Path("/proc/sys") / name, directory / name
        if setting.exists():
            pretended.parent.mkdir(parents=True, exist_ok=True)
            pretended.write_text(f"{value}\n")
            _run("mount", "--bind", str(pretended), str(setting))


def _set(setting: Path, value: str) -> None:
    if setting.exists():
        setting.write_text(value)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30)


if __name__ == "__main__":
    main(*sys.argv[1:])
