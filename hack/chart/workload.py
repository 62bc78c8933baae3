"""The values that every Deployment of the chart has."""

from typing import Annotated

from pydantic import Field

from chart.model import DnsLabel, KubernetesList, KubernetesObject, Labels, Name, Namespace, Values


class ServiceAccount(Values):
    """The ServiceAccount of one process."""

    create: bool = True
    """Create the ServiceAccount."""

    name: Name = ""
    """Name of the ServiceAccount; empty for a name made from the release's."""

    annotations: Labels = {}
    """Annotations of the ServiceAccount."""


def resources(cpu: str, memory: str, limit: str) -> KubernetesObject:
    """Requests, and a limit of memory; a limit of CPU would only slow the process down."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


class Workload(Values):
    """A Deployment and its pods."""

    replicas: Annotated[int, Field(ge=0)] = 1
    """Number of pods."""

    resources: KubernetesObject = resources("50m", "128Mi", "512Mi")
    """Requests and limits of the container."""

    service_account: ServiceAccount = ServiceAccount()
    """The ServiceAccount of the pods."""

    extra_args: list[str] = []
    """Further flags of the process; see docs/configuration.md."""

    extra_env: KubernetesList = []
    """Further environment variables of the container."""

    extra_env_from: KubernetesList = []
    """ConfigMaps and Secrets that hold further environment variables of the container."""

    extra_init_containers: KubernetesList = []
    """Containers that run before the process starts."""

    extra_volumes: KubernetesList = []
    """Further volumes of the pods."""

    extra_volume_mounts: KubernetesList = []
    """Further volume mounts of the container."""

    extra_containers: KubernetesList = []
    """Further containers of the pods."""

    deployment_annotations: Labels = {}
    """Annotations of the Deployment."""

    pod_annotations: Labels = {}
    """Annotations of the pods."""

    pod_labels: Labels = {}
    """Labels of the pods."""

    pod_security_context: KubernetesObject = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """Security context of the pods. The default passes Pod Security `restricted`."""

    security_context: KubernetesObject = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    """Security context of the container. The default passes Pod Security `restricted`."""

    liveness_probe: KubernetesObject = {"periodSeconds": 10, "failureThreshold": 6}
    """Timing of the liveness probe."""

    readiness_probe: KubernetesObject = {"periodSeconds": 5}
    """Timing of the readiness probe."""

    startup_probe: KubernetesObject = {"periodSeconds": 1, "failureThreshold": 60}
    """Timing of the startup probe."""

    node_selector: Labels = {}
    """Labels of the nodes that the pods may run on."""

    tolerations: KubernetesList = []
    """Taints of nodes that the pods tolerate."""

    affinity: KubernetesObject = {}
    """Affinity of the pods."""

    topology_spread_constraints: KubernetesList = []
    """How the pods are spread. Without any, two or more pods are spread over nodes where possible."""

    priority_class_name: Name = ""
    """PriorityClass of the pods."""

    dns_policy: Annotated[
        str, Field(pattern="^(ClusterFirst|Default|ClusterFirstWithHostNet|None)$")
    ] = "ClusterFirst"
    """DNS policy of the pods."""

    dns_config: KubernetesObject = {}
    """DNS options of the pods."""

    strategy: KubernetesObject = {}
    """Strategy of the Deployment; empty for a rolling update that never has fewer pods than replicas."""

    termination_grace_period_seconds: Annotated[int, Field(ge=1)] = 30
    """Seconds that the process has to end in good order."""

    revision_history_limit: Annotated[int, Field(ge=0)] = 3
    """Old ReplicaSets that are kept for a rollback."""


class AmbientLocation(Values):
    """A location for which the operator's own identity is used."""

    namespace: Namespace
    """Namespace of the jobs."""

    uri: Annotated[str, Field(pattern=r"^(s3|gs|az)://[^\s,=]+$")]
    """The location, such as s3://bucket/team-a."""


class ObjectStore(Values):
    """Inputs and outputs in object storage; see docs/object-storage.md."""

    endpoints: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^(s3|gs|az)(://[a-z0-9][-._a-z0-9]*)?$")],
            Annotated[str, Field(pattern=r"^https?://[^\s,@?#]+$")],
        ],
        Field(json_schema_extra={"additionalProperties": False}),
    ] = {}
    """Addresses of storage services instead of the providers', by s3, gs or az, or by one bucket,
    such as s3://bucket. Their ports are added to the controller's NetworkPolicy."""

    allow_insecure: bool = False
    """Allow addresses in endpoints with plain http, which exposes objects on the network."""

    allowed_secret_names: list[Annotated[Name, Field(min_length=1)]] = []
    """Names of the Secrets with credentials for storage and https inputs that the controller may
    read, in every namespace that it watches."""

    ambient: list[AmbientLocation] = []
    """Locations for which jobs may use the operator's own identity at the cloud."""


Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]


class HttpsInput(Values):
    """Inputs behind https URLs."""

    allow: list[Cidr] = []
    """Private networks whose hosts may be read from, such as those of a company's own servers."""

    deny: list[Cidr] = []
    """Networks that are refused although they are public, such as that of the cluster's Services."""


class Controller(Workload):
    """The controller, which submits jobs, reads their batches and delivers their results."""

    replicas: Annotated[int, Field(ge=0)] = 1
    """Number of controllers: one is the leader, the others are on standby."""

    termination_grace_period_seconds: Annotated[int, Field(ge=25)] = 40
    """Seconds that the process has to end in good order. Reconciles get up to 20 of them."""

    max_open_batches_per_key: Annotated[int, Field(ge=1)] = 100
    """Maximum number of open batches per API key; further jobs wait."""

    max_reads_per_second_per_key: Annotated[int, Field(ge=1)] = 200
    """Maximum number of batches read per second with one API key; a 429 of Google lowers it."""

    max_priority: int | None = None
    """Maximum priority of a batch; a higher spec.priority is lowered to it. Null for no maximum."""

    workers: Annotated[int, Field(ge=1, le=256)] = 64
    """Jobs that are reconciled at the same time."""

    sweep_interval_seconds: Annotated[float, Field(gt=0)] = 900
    """Seconds between two lists of each API key's batches; at most 60 without a public URL."""

    submit_grace_seconds: Annotated[float, Field(gt=0)] = 60
    """Seconds for which a new batch may be missing from Google's list."""

    create_timeout_seconds: Annotated[float, Field(gt=0)] = 25
    """Seconds to wait for Google's answer to a create; at most half of submitGraceSeconds."""

    object_store: ObjectStore = ObjectStore()
    """Inputs and outputs in object storage."""

    https_input: HttpsInput = HttpsInput()
    """Inputs behind https URLs. Public addresses and port 443 only, unless allowed."""


class StaticWebhook(Values):
    """A webhook that is registered at Google for a whole project."""

    namespace: Namespace
    """Namespace of the jobs that its events are about."""

    name: DnsLabel
    """Its name in the address `/v1/static/<namespace>/<name>`."""

    secret_name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    """Secret in the release's namespace; each of its entries is a signing secret (whsec_…)."""


class Receiver(Workload):
    """The receiver, which verifies Google's callbacks."""

    static_webhooks: list[StaticWebhook] = []
    """Static webhooks that are served; see docs/static-webhooks.md."""

    replicas: Annotated[int, Field(ge=0)] = 2
    """Number of receivers; all of them work."""

    termination_grace_period_seconds: Annotated[int, Field(ge=25)] = 40
    """Seconds that the process has to end in good order. It needs up to 21: 5 until no more requests
    are sent to it, and 16 for those that it has accepted."""

    resources: KubernetesObject = resources("50m", "96Mi", "256Mi")
    """Requests and limits of the container."""


class EmulatedObjectStore(Values):
    """An S3 server (versitygw) with one bucket, `demo`, whose objects go with its pod."""

    enabled: bool = False
    """Deploy the S3 server, and use it for s3 URIs. Needs emulator.enabled."""

    image: Annotated[str, Field(min_length=1)] = "versity/versitygw:v1.8.0"
    """Image of the S3 server."""

    secret_name: Annotated[Name, Field(min_length=1)] = "object-store"  # noqa: S105 -- a name
    """Secret that the chart makes in the release's namespace, with an access key for jobs there."""

    resources: KubernetesObject = resources("50m", "64Mi", "512Mi")
    """Requests and limits of the container."""


class Emulator(Workload):
    """A stand-in for the Gemini API: no key, no bill, no traffic to Google."""

    enabled: bool = False
    """Deploy the emulator, and use it in place of Google."""

    replicas: Annotated[int, Field(ge=0, le=1)] = 1
    """Number of emulators: its state is in one process."""

    schedule: Annotated[str, Field(pattern=r"^\S+$")] = "pending=1s,running=2s"
    """How long a batch stays in each state."""

    object_store: EmulatedObjectStore = EmulatedObjectStore()
    """An S3 server to try object storage with."""
