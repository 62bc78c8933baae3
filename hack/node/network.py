"""The node's bridge, and the link between the host and the node."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.waiting import until
from node import addresses
from node.commands import run, succeeds
from node.machine import Machine

LINK = Path("/sys/class/net") / addresses.HOST_LINK
REMOVE_TIMEOUT = 10.0


def check_free() -> None:
    """Raise LocalError while another node uses the addresses. The link of an ended one goes soon."""
    if not until(lambda: not LINK.exists(), timeout=REMOVE_TIMEOUT):
        raise LocalError(
            f"the link {addresses.HOST_LINK} exists: a node of another directory is running; "
            "end it with `python -m node down`"
        )


def connect(machine: Machine) -> None:
    """Give the node its bridge, and the host a route to the node, its pods and its Services."""
    inside, outside = addresses.NODE_LINK, addresses.HOST_LINK
    peer = ("peer", "name", inside, "netns", str(machine.pid))
    run(["ip", "link", "add", outside, "type", "veth", *peer])
    run(["ip", "address", "add", f"{addresses.HOST_ADDRESS}/30", "dev", outside])
    run(["ip", "link", "set", outside, "up"])
    machine.run("ip", "address", "add", f"{addresses.UPLINK_ADDRESS}/30", "dev", inside)
    machine.run("ip", "link", "set", inside, "up")
    # The bridge has its address before anything uses it: it is the node's.
    machine.run("ip", "link", "add", addresses.BRIDGE, "type", "bridge")
    machine.run("ip", "address", "add", f"{addresses.NODE}/24", "dev", addresses.BRIDGE)
    machine.run("ip", "link", "set", addresses.BRIDGE, "up")
    # A Service without endpoints then refuses connections, as it does on any other node.
    machine.run("ip", "route", "add", addresses.SERVICES, "dev", addresses.BRIDGE)
    for network in (addresses.PODS, addresses.SERVICES):
        run(["ip", "route", "add", network, "via", addresses.UPLINK_ADDRESS])


def disconnect() -> None:
    """Return when the link is gone. The kernel removes it, and its routes, with the node's end.

    Raises:
        LocalError: it cannot be removed.
    """
    if until(lambda: not LINK.exists(), timeout=REMOVE_TIMEOUT):
        return
    succeeds(["ip", "link", "delete", addresses.HOST_LINK])
    if not until(lambda: not LINK.exists(), timeout=REMOVE_TIMEOUT):
        raise LocalError(
            f"the link {addresses.HOST_LINK} could not be removed: use `ip link delete`"
        )


def conflict() -> str | None:
    """A route of the host that overlaps with the node's networks, except those of a node."""
    routes: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-4", "route"]))
    return overlap([route for route in routes if route.get("dev") != addresses.HOST_LINK])


def overlap(routes: list[dict[str, Any]]) -> str | None:
    """The first destination among `routes` that overlaps with the node's networks."""
    ours = [ip_network(network) for network in (addresses.PODS, addresses.SERVICES)]
    ours.append(ip_network(f"{addresses.HOST_ADDRESS}/30", strict=False))
    for route in routes:
        destination = str(route["dst"])
        if destination != "default" and any(ip_network(destination).overlaps(o) for o in ours):
            return destination
    return None
