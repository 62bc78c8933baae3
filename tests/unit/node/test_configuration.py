import json
import tomllib
from pathlib import Path

import yaml

from node import addresses, configuration
from node.images import PAUSE
from node.layout import Layout
from node.node import DNS


def written(directory: Path) -> Layout:
    layout = Layout(directory)
    layout.state.mkdir()
    configuration.write(layout, runc="/usr/sbin/runc")
    return layout


def test_containerd_uses_the_pause_image_and_the_network(tmp_path: Path) -> None:
    layout = written(tmp_path)
    file = layout.configuration(configuration.CONTAINERD)
    plugins = tomllib.loads(file.read_text())["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == PAUSE
    directory = Path(plugins["io.containerd.cri.v1.runtime"]["cni"]["conf_dir"])
    network = json.loads(next(directory.iterdir()).read_text())
    assert network["plugins"][0]["bridge"] == addresses.BRIDGE


def test_the_kubelet_refuses_anonymous_requests(tmp_path: Path) -> None:
    layout = written(tmp_path)
    kubelet = yaml.safe_load(layout.configuration(configuration.KUBELET).read_text())
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"


def test_pods_are_told_the_address_of_the_dns_service() -> None:
    kubelet = configuration.kubelet(Layout(Path("/node")))
    objects = list(yaml.safe_load_all(DNS.read_text()))
    service = next(found for found in objects if found["kind"] == "Service")
    endpoints = next(found for found in objects if found["kind"] == "EndpointSlice")
    assert kubelet["clusterDNS"] == [service["spec"]["clusterIP"]] == [addresses.DNS_SERVICE]
    assert endpoints["endpoints"][0]["addresses"] == [addresses.NODE]
