"""The values that decide who can reach the receiver, and whom the pods can reach."""

from typing import Annotated, Literal

from pydantic import Field

from chart.model import HostName, KubernetesList, Labels, Name, Port, Values


class Service(Values):
    """The Service of the receiver."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Type of the Service."""

    port: Port = 80
    """Port of the Service. The receiver speaks plain HTTP; terminate TLS in front of it."""

    node_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port on every node, for the types NodePort and LoadBalancer; 0 for any."""

    annotations: Labels = {}
    """Annotations of the Service, such as those of a cloud's load balancer."""

    labels: Labels = {}
    """Labels of the Service."""

    load_balancer_class: str = ""
    """Class of the load balancer, for the type LoadBalancer."""

    load_balancer_source_ranges: list[str] = []
    """Addresses that may use the load balancer, for the type LoadBalancer."""

    external_traffic_policy: Literal["", "Cluster", "Local"] = ""
    """Whether nodes pass callbacks on to other nodes; empty for the cluster's default."""


class Ingress(Values):
    """An Ingress to the receiver."""

    enabled: bool = False
    """Create an Ingress. It serves the path of the callbacks and no other."""

    class_name: Name = ""
    """IngressClass; empty for the cluster's default."""

    host: HostName = ""
    """Host name of the receiver."""

    tls_secret_name: Name = ""
    """Secret with the certificate of the host. Without it the Ingress has no TLS section."""

    annotations: Labels = {}
    """Annotations of the Ingress, such as those of cert-manager."""

    labels: Labels = {}
    """Labels of the Ingress."""


class HttpRoute(Values):
    """An HTTPRoute of the Gateway API to the receiver."""

    enabled: bool = False
    """Create an HTTPRoute. It serves the path of the callbacks and no other."""

    parent_refs: KubernetesList = []
    """Gateways that the route attaches to."""

    hostnames: list[Annotated[str, Field(min_length=1)]] = []
    """Host names of the receiver; the first one is in the public URL."""

    annotations: Labels = {}
    """Annotations of the HTTPRoute."""

    labels: Labels = {}
    """Labels of the HTTPRoute."""


class NetworkPolicy(Values):
    """NetworkPolicies of all pods."""

    enabled: bool = True
    """Create NetworkPolicies. They have an effect where the cluster's network enforces them."""

    receiver_from: KubernetesList = []
    """Peers that may reach the receiver's port for callbacks; none for everybody."""

    metrics_from: KubernetesList = [{"namespaceSelector": {}}]
    """Peers that may reach the port for health and metrics; none for nobody. Probes come from the
    node, which network policies let pass."""

    api_server_ports: list[Port] = [443, 6443]
    """Ports of the Kubernetes API server, as pods reach it."""

    extra_egress: KubernetesList = []
    """Further rules for connections of controller and receiver, such as to a proxy."""
