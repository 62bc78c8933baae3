"""A job's requests, read when they are sent and checked before anything is written ahead.

Messages carry line numbers and what is wrong, never the text of an input (rule S9).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.kube import config_maps
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import Forbidden, ObjectNotFound
from gemini_operator.payload import request_checks, request_lines
from gemini_operator.payload.request_checks import RequestType


class InvalidInput(Exception):
    """The input can never be submitted as it is; the message says where and why."""


class InputMissing(Exception):
    """The input is not there yet; the message says what to create."""


class InputRefused(Exception):
    """The operator may not read the input; the message says what refuses it."""


@dataclass(frozen=True)
class BatchInput:
    """Exactly one of: requests, or a file of the File API.

    Each request is `{"key": …, "request": {…}}`, with `metadata` where the user gave it some.
    """

    inline: list[dict[str, Any]] | None = None
    file_name: str | None = None


async def load(
    kube: KubeClient, namespace: str, spec: Spec, stored: Mapping[str, Any]
) -> BatchInput:
    """The input that `spec` names.

    Args:
        kube: reads the ConfigMap.
        namespace: the job's namespace.
        spec: the parsed spec; its inline requests may have been left out.
        stored: the spec as the API server stores it, inline requests included; their size and depth
            have been looked at (`controller.job.from_object`).

    Raises:
        InvalidInput: it cannot be submitted.
        InputMissing: the ConfigMap or its key is not there.
        InputRefused: the ConfigMap may not be read.
        gemini_operator.kube.errors.KubeError: the API server did not answer.
    """
    if spec.input is None:
        raise InvalidInput("the job has no input")
    if spec.input.file_name is not None:
        return BatchInput(file_name=spec.input.file_name)
    if spec.input.config_map_key_ref is not None:
        ref = spec.input.config_map_key_ref
        text = await _config_map_text(kube, namespace, ref.name, ref.key)
        # In a thread: a megabyte of short lines takes a fifth of a second (S10).
        return BatchInput(inline=await in_work_thread(_parsed, text, spec.type, ref.name, ref.key))
    items = list((stored.get("input") or {}).get("inline") or ())
    for number, item in enumerate(items, start=1):
        if not item["request"]:
            raise InvalidInput(
                f"request {number} of input.inline is empty: write the request into it"
            )
        try:
            request_checks.check_type(item["request"], spec.type)
        except request_checks.Wrong as wrong:
            raise InvalidInput(f"request {number} of input.inline {wrong}") from None
        if (item.get("metadata") or {}).get("key", item["key"]) != item["key"]:
            raise InvalidInput(
                f"request {number} of input.inline has another key in metadata than beside it: "
                "leave metadata.key out"
            )
    return BatchInput(inline=items)


def digest(items: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256, in hexadecimal, of what decides which result is whose: keys and metadata in order."""
    identities = [[item["key"], item.get("metadata")] for item in items]
    return hashlib.sha256(json.dumps(identities, sort_keys=True).encode()).hexdigest()


async def _config_map_text(kube: KubeClient, namespace: str, name: str, key: str) -> str:
    try:
        config_map = await config_maps.get(kube, namespace, name)
    except ObjectNotFound:
        raise InputMissing(f"namespace {namespace} has no ConfigMap {name}") from None
    except Forbidden as error:
        raise InputRefused(
            f"the API server does not let the operator read ConfigMap {name}: {error.message}"
        ) from None
    if key in (config_map.get("data") or {}):
        return str(config_map["data"][key])
    encoded = (config_map.get("binaryData") or {}).get(key)
    if encoded is None:
        raise InputMissing(f"ConfigMap {name} has no key {key}")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInput(f"key {key} of ConfigMap {name} is not UTF-8 text") from None


def _parsed(text: str, expected: RequestType, name: str, key: str) -> list[dict[str, Any]]:
    try:
        return request_lines.parse(text, expected)
    except request_lines.InvalidLines as error:
        raise InvalidInput(f"ConfigMap {name}, key {key}: {error}") from None
