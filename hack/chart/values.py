"""All values of the chart."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from chart.exposure import HttpRoute, Ingress, NetworkPolicy, Service
from chart.model import KubernetesObject, Labels, Name, Namespace, Seconds, Values
from chart.workload import Controller, Emulator, Receiver


class Image(Values):
    """The image of all processes."""

    repository: Annotated[str, Field(min_length=1)] = "ghcr.io/gemini-operator/gemini-operator"
    """Repository of the image."""

    tag: str = ""
    """Tag of the image; empty for the chart's appVersion."""

    digest: Annotated[str, Field(pattern="^(sha256:[0-9a-f]{64})?$")] = ""
    """Digest of the image. If set, the tag is only for people."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the image is pulled."""


class PullSecret(Values):
    """A Secret for pulling the image."""

    name: Annotated[Name, Field(min_length=1)]
    """Name of the Secret, in the namespace of the release."""


class Crds(Values):
    """The CustomResourceDefinitions."""

    enabled: bool = True
    """Install the CRDs with the chart, and upgrade them with it."""

    keep: bool = True
    """Keep the CRDs, and with them all jobs, when the release is uninstalled. Without it, delete all
    jobs first: they have a finalizer that only a running controller removes."""


class Gemini(Values):
    """The Gemini API."""

    base_url: Annotated[str, Field(pattern="^(https://[^\\s]+)?$")] = ""
    """Root URL of the Gemini API; empty for Google's."""

    trust_proxy_environment: bool = False
    """Use HTTPS_PROXY and NO_PROXY of controller.extraEnv for requests to Google."""


class DefaultApiKeySecret(Values):
    """The Secret of jobs that name none."""

    name: Annotated[Name, Field(min_length=1)] = "gemini-api-key"
    """Name of the Secret, in the namespace of the job."""

    key: Annotated[str, Field(pattern="^[-._a-zA-Z0-9]+$")] = "api-key"
    """Key in the Secret."""


class ApiKeySecrets(Values):
    """The Secrets that hold Gemini API keys."""

    default: DefaultApiKeySecret = DefaultApiKeySecret()
    """The Secret of jobs without spec.apiKeySecretRef."""

    allowed_names: list[Annotated[Name, Field(min_length=1)]] = ["gemini-api-key"]
    """Names of the Secrets that the controller may read, in every namespace that it watches."""

    any_name: bool = False
    """Let the controller read every Secret. Whoever may create jobs can then have any Secret of the
    namespace sent to the Gemini API as an API key."""


class CallbackKeys(Values):
    """The keys that sign callback addresses."""

    existing_secret: Name = ""
    """Secret with the keys, instead of one that the chart makes: one entry of 64 hexadecimal
    characters for each key. Needed with GitOps tools, which render the chart without the cluster."""

    ids: Annotated[
        list[Annotated[str, Field(pattern="^[A-Za-z0-9][-._A-Za-z0-9]{0,62}$")]],
        Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    ] = ["key-1"]
    """Ids of the keys in the Secret that the chart makes. A new id gets a new random key. To rotate,
    follow docs/install.md: no step may be left out."""

    signing_id: Annotated[str, Field(pattern="^([A-Za-z0-9][-._A-Za-z0-9]{0,62})?$")] = ""
    """Id of the key that signs new addresses; empty for the first of ids."""


class Rbac(Values):
    """Roles and their bindings."""

    create: bool = True
    """Create the roles of the two processes."""

    aggregate: bool = True
    """Add jobs to the cluster's roles view, edit and admin."""


class Switch(Values):
    """Something that is on or off."""

    enabled: bool = True
    """Create it."""


class AdmissionPolicy(Switch):
    """A ValidatingAdmissionPolicy for the receiver."""

    enabled: bool = True
    """Let the receiver change status.lastEvent and nothing else, whatever its role allows."""


class PodDisruptionBudget(Switch):
    """PodDisruptionBudgets."""

    enabled: bool = True
    """Create a budget for each process with two or more pods."""

    max_unavailable: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern="^[0-9]+%$")] = 1
    """Pods of a process that may be missing while nodes are drained."""


class Monitor(Values):
    """A PodMonitor of the Prometheus operator."""

    enabled: bool = False
    """Create a PodMonitor."""

    labels: Labels = {}
    """Labels of the PodMonitor, by which a Prometheus selects it."""

    interval: Annotated[str, Field(pattern="^[0-9]+(s|m)$")] = "30s"
    """Time between two scrapes."""


class Rule(Values):
    """A PrometheusRule of the Prometheus operator."""

    enabled: bool = False
    """Create a PrometheusRule with alerts."""

    labels: Labels = {}
    """Labels of the PrometheusRule, by which a Prometheus selects it."""


class Metrics(Values):
    """Metrics of both processes."""

    pod_monitor: Monitor = Monitor()
    """Scrape the pods with the Prometheus operator."""

    prometheus_rule: Rule = Rule()
    """Alerts for the Prometheus operator."""


class Log(Values):
    """The logs of both processes."""

    format: Literal["json", "text"] = "json"
    """Format of log lines: json for machines, text for people."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level to log."""


class LeaderElection(Values):
    """How controllers agree on a leader."""

    lease_duration_seconds: Annotated[int, Field(ge=1)] = 15
    """Seconds without a renewal after which another controller takes over."""

    renew_deadline_seconds: Seconds = 10
    """Seconds without a renewal after which the leader exits; less than leaseDurationSeconds."""

    retry_period_seconds: Seconds = 2
    """Seconds between two renewals; less than renewDeadlineSeconds."""


def _emulator_is_alone(schema: dict[str, Any]) -> None:
    """With the emulator no stranger may reach the release, and Google may not be called (S24)."""
    on, off = (
        {"properties": {"enabled": {"const": True}}},
        {"properties": {"enabled": {"const": False}}},
    )
    schema["allOf"] = [
        {
            "if": {"properties": {"emulator": on}, "required": ["emulator"]},
            "then": {
                "properties": {
                    "ingress": off,
                    "httpRoute": off,
                    "publicUrl": {"const": ""},
                    "gemini": {"properties": {"baseUrl": {"const": ""}}},
                    "service": {"properties": {"type": {"const": "ClusterIP"}}},
                }
            },
        }
    ]


class ChartValues(Values):
    """Values of the chart gemini-operator."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra=_emulator_is_alone,
    )

    enabled: bool = True
    """Not used by the chart; a condition for charts that have this one as a dependency."""

    name_override: Name = ""
    """Replaces the chart's name in the names of objects."""

    fullname_override: Name = ""
    """Replaces the name that all objects begin with."""

    common_labels: Labels = {}
    """Labels of all objects."""

    common_annotations: Labels = {}
    """Annotations of all objects."""

    global_: Annotated[KubernetesObject, Field(alias="global")] = {}
    """Values that a parent chart gives to all its charts; this one uses none of them."""

    image: Image = Image()
    """The image of all processes."""

    image_pull_secrets: list[PullSecret] = []
    """Secrets for pulling the image."""

    crds: Crds = Crds()
    """The CustomResourceDefinitions."""

    namespaces: Annotated[list[Namespace], Field(json_schema_extra={"uniqueItems": True})] = []
    """Namespaces whose jobs are worked on, and the only ones in which the processes have roles. None
    for all of the cluster; with the emulator, none for the release's own."""

    public_url: Annotated[str, Field(pattern="^(https://[^\\s?#@]+)?$")] = ""
    """The receiver's URL as Google sees it; empty for the host of ingress or httpRoute. Without any,
    there are no callbacks, and the controller lists its batches every minute."""

    gemini: Gemini = Gemini()
    """The Gemini API."""

    api_key_secrets: ApiKeySecrets = ApiKeySecrets()
    """The Secrets that hold Gemini API keys."""

    callback_keys: CallbackKeys = CallbackKeys()
    """The keys that sign callback addresses."""

    controller: Controller = Controller()
    """The controller."""

    leader_election: LeaderElection = LeaderElection()
    """How controllers agree on a leader."""

    receiver: Receiver = Receiver()
    """The receiver."""

    service: Service = Service()
    """The Service of the receiver."""

    ingress: Ingress = Ingress()
    """An Ingress to the receiver."""

    http_route: HttpRoute = HttpRoute()
    """An HTTPRoute of the Gateway API to the receiver."""

    network_policy: NetworkPolicy = NetworkPolicy()
    """NetworkPolicies of all pods."""

    rbac: Rbac = Rbac()
    """Roles and their bindings."""

    admission_policy: AdmissionPolicy = AdmissionPolicy()
    """A ValidatingAdmissionPolicy for the receiver."""

    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()
    """PodDisruptionBudgets of controller and receiver."""

    metrics: Metrics = Metrics()
    """Metrics of both processes."""

    log: Log = Log()
    """The logs of both processes."""

    emulator: Emulator = Emulator()
    """A stand-in for the Gemini API, to try the operator without a key or a bill."""

    extra_objects: list[KubernetesObject | str] = []
    """Further objects of the release; strings are rendered as templates."""
