"""What the models of the chart's values have in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Values(BaseModel):
    """A closed object of values: a member that is not here is an error, not ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )


Labels = dict[str, str]

KubernetesObject = dict[str, Any]
"""A part of a Kubernetes object, which the API server checks."""

KubernetesList = list[dict[str, Any]]

Name = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")]
"""The name of a Kubernetes object, or nothing."""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]

Namespace = DnsLabel

HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")]
"""A DNS name without a wildcard, or nothing."""

Port = Annotated[int, Field(ge=1, le=65535)]

Seconds = Annotated[float, Field(gt=0)]
