"""Where a job's requests come from."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gemini_operator.api import names
from gemini_operator.api.model import Model, bounded
from gemini_operator.api.named import Named
from gemini_operator.api.references import ConfigMapKeyRef, CredentialsSecretRef
from gemini_operator.api.rules import exactly_one, rule, rules
from gemini_operator.api.uri import INPUT_URI, ObjectUri

INLINE_LIMIT = 1000
"""Requests in `input.inline`."""

INLINE_BYTES = 200 * 1024
"""Of all of `input.inline` together, as JSON."""

REQUEST_LEVELS = 64
"""Levels of objects and lists in one request; the request itself is the first."""


class InputObject(Model):
    """An object to read: s3, gs, az or https."""

    model_config = ConfigDict(json_schema_extra=rules(INPUT_URI))

    uri: ObjectUri
    """uri is where the JSONL is: s3://bucket/path, gs://bucket/path, az://container/path or
    https://host/path. An https URL may have a query, but no user, no password and no port other than
    443; redirects are not followed."""

    credentials_secret_ref: CredentialsSecretRef | None = None
    """credentialsSecretRef names the Secret with the credentials. When absent, an https URL is
    read without credentials; for other URIs an administrator must allow the operator's own."""


class InlineRequest(Model):
    """One request, written into the job itself."""

    key: Annotated[str, bounded(256)]
    """key names the request within the job; its result carries the same key."""

    request: Annotated[
        dict[str, Any],
        Field(
            max_length=64,
            json_schema_extra={
                "x-kubernetes-preserve-unknown-fields": True,
                "additionalProperties": None,
            },
        ),
    ]
    """request is a GenerateContentRequest or EmbedContentRequest of the Gemini API as JSON, passed
    on unchanged, of at most 64 levels of objects and lists. A model in it is ignored; spec.model
    is used."""

    metadata: (
        Annotated[
            dict[str, Any],
            Field(
                max_length=64,
                json_schema_extra={
                    "x-kubernetes-preserve-unknown-fields": True,
                    "additionalProperties": None,
                },
            ),
        ]
        | None
    ) = None
    """metadata is anything else about the request, as a JSON object. It is sent to Google with the
    request, and its result carries it."""


class Input(Model):
    """Where the requests come from: exactly one of the members."""

    model_config = ConfigDict(
        json_schema_extra=rules(exactly_one("inline", "configMapKeyRef", "fileName", "object"))
    )

    inline: (
        Annotated[
            tuple[InlineRequest, ...],
            Field(
                min_length=1,
                max_length=INLINE_LIMIT,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["key"],
                    **rules(
                        rule(
                            "self.map(item, item.key) == oldSelf.map(item, item.key)",
                            "inline cannot be reordered after creation",
                        )
                    ),
                },
            ),
        ]
        | None
    ) = None
    """inline holds the requests themselves: at most 1000, at most 200 KiB together, each with its
    own key. Results come in the same order."""

    config_map_key_ref: ConfigMapKeyRef | None = None
    """configMapKeyRef names a ConfigMap with one request per line, as {"key": …, "request": …}.
    It is read when a batch is submitted, and once more to put the results in its order. Later changes
    do not reach that batch."""

    file_name: (
        Annotated[
            str,
            bounded(134),
            Named(
                names.FILE_NAME, "fileName must be files/ and the file's id, such as files/abc-123"
            ),
        ]
        | None
    ) = None
    """fileName is a file that already exists in Google's File API, such as files/abc-123. The operator
    never deletes it."""

    object: InputObject | None = None
    """object is JSONL in object storage or behind an https URL, streamed into the File API."""
