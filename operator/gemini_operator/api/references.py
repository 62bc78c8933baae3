"""References from a job to things beside it: Secrets, ConfigMaps and stored objects.

None of them can name another namespace.
"""

from typing import Annotated

from gemini_operator.api import names
from gemini_operator.api.model import Model, bounded
from gemini_operator.api.named import Named

ResourceName = Annotated[
    str,
    bounded(253),
    Named(
        names.DNS_1123_SUBDOMAIN,
        "a name has lower-case letters, digits, - and . only, and begins and ends with a letter or "
        "digit",
    ),
]
DataKey = Annotated[
    str,
    bounded(253),
    Named(
        names.DATA_KEY,
        "a key has letters, digits, -, _ and . only, and does not begin with two dots",
    ),
]


class ConfigMapKeyRef(Model):
    """One key of a ConfigMap in the job's namespace."""

    name: ResourceName
    """name is the ConfigMap's name, in the namespace of the job."""

    key: DataKey
    """key is the member of the ConfigMap's data or binaryData that holds the JSONL."""


class ConfigMapRef(Model):
    """A ConfigMap in the job's namespace."""

    name: ResourceName
    """name is the ConfigMap's name, in the namespace of the job. It must not exist yet: if it
    does, and the operator did not create it for this job, the job fails before anything is sent. So
    does a job whose ConfigMap is also the output of an older job that has not ended."""


class ApiKeySecretRef(Model):
    """The key of a Secret in the job's namespace that holds a Gemini API key."""

    name: ResourceName
    """name is the Secret's name, in the namespace of the job."""

    key: DataKey
    """key is the member of the Secret's data that holds the Gemini API key, of 20 to 512 printable
    characters; a value with spaces or line breaks is treated as missing."""


class CredentialsSecretRef(Model):
    """A Secret in the job's namespace with credentials for object storage."""

    name: ResourceName
    """name is the Secret's name, in the namespace of the job. Each kind of
    storage accepts a fixed list of keys; a Secret with any other key is refused."""
