"""Where a job's results go."""

from pydantic import ConfigDict

from gemini_operator.api.model import Model
from gemini_operator.api.references import ConfigMapRef, CredentialsSecretRef
from gemini_operator.api.rules import exactly_one, rules
from gemini_operator.api.uri import OUTPUT_URI, ObjectUri


class OutputObject(Model):
    """A place to write to: s3, gs or az."""

    model_config = ConfigDict(json_schema_extra=rules(OUTPUT_URI))

    uri: ObjectUri
    """uri is the bucket or container, with or without a path: s3://bucket/path, gs://bucket/path or
    az://container/path. The results are written below it, to <namespace>/<name>/<uid>.jsonl."""

    credentials_secret_ref: CredentialsSecretRef | None = None
    """credentialsSecretRef names the Secret with the credentials. When absent, an administrator
    must have allowed the operator's own for this location."""


class Output(Model):
    """Where the results go: exactly one of the members."""

    model_config = ConfigDict(json_schema_extra=rules(exactly_one("configMap", "object")))

    config_map: ConfigMapRef | None = None
    """configMap is created to hold the results as JSONL under the key results.jsonl, up to 900 KiB.
    With larger results the job becomes Failed with reason OutputTooLarge, and they stay at Google.
    The ConfigMap is kept when the job is deleted."""

    object: OutputObject | None = None
    """object is a location in object storage below which the results are written as JSONL."""
