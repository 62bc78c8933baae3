"""A job's requests: read when they are sent, and checked before the write-ahead.

Messages tell the line and what is wrong with it, never the text of an input, which may be secret
(S9).
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gemini_operator.api.v1alpha1.input import REQUEST_LEVELS
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.base import nesting
from gemini_operator.kube import config_maps
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ObjectNotFound

# Characters of a request's key, as the CRD allows for inline requests.
KEY_LIMIT = 256


class InvalidInput(Exception):
    """The input can never be submitted as it is; the message tells where and why."""


class InputMissing(Exception):
    """The input does not exist yet; the message tells what to create."""


@dataclass(frozen=True)
class BatchInput:
    """The input of a batch: exactly one of the two.

    Args:
        inline: requests, `{"key": …, "request": {…}}` each.
        file_name: `files/…` in the File API.
    """

    inline: list[dict[str, Any]] | None = None
    file_name: str | None = None


async def load(
    kube: KubeClient, namespace: str, spec: Spec, stored: Mapping[str, Any]
) -> BatchInput:
    """Load the input that `spec` names.

    Args:
        kube: reads the ConfigMap.
        namespace: the job's namespace.
        spec: the parsed spec, without its inline requests.
        stored: the spec as the API server stores it, with its inline requests. Their size and depth
            were checked before (`controller.job.from_object`).

    Raises:
        InvalidInput: the input cannot be submitted.
        InputMissing: the ConfigMap or its key does not exist.
        gemini_operator.kube.errors.KubeError: the API server did not answer.
    """
    if spec.input is None:
        raise InvalidInput("the job has no input")
    if spec.input.file_name is not None:
        return BatchInput(file_name=spec.input.file_name)
    if spec.input.config_map_key_ref is not None:
        ref = spec.input.config_map_key_ref
        text = await _config_map_text(kube, namespace, ref.name, ref.key)
        return BatchInput(inline=parse_lines(text))
    return BatchInput(inline=list((stored.get("input") or {}).get("inline") or ()))


async def _config_map_text(kube: KubeClient, namespace: str, name: str, key: str) -> str:
    try:
        config_map = await config_maps.get(kube, namespace, name)
    except ObjectNotFound:
        raise InputMissing(f"namespace {namespace} has no ConfigMap {name}") from None
    # kubectl uses `binaryData` for files that are not UTF-8; other clients may use it for text too.
    if key in (config_map.get("data") or {}):
        return str(config_map["data"][key])
    encoded = (config_map.get("binaryData") or {}).get(key)
    if encoded is None:
        raise InputMissing(f"ConfigMap {name} has no key {key}")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInput(f"key {key} of ConfigMap {name} is not UTF-8 text") from None


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Parse requests from JSONL: `{"key": …, "request": {…}}` a line; blank lines are skipped.

    Raises:
        InvalidInput: names the first line that is wrong.
    """
    numbered = enumerate(text.split("\n"), start=1)
    items = [(number, _request(number, line)) for number, line in numbered if line.strip()]
    if not items:
        raise InvalidInput("the input has no requests: every line is empty")
    _refuse_duplicates(items)
    return [item for _, item in items]


def _request(number: int, line: str) -> dict[str, Any]:
    try:
        item = json.loads(line, parse_constant=_refuse)
    # Before the check of the depth below: Python's parser itself fails for about 1,000 levels.
    except RecursionError:
        raise _too_deep(number) from None
    except ValueError:
        raise InvalidInput(f"line {number} is not JSON") from None
    if not isinstance(item, dict):
        raise InvalidInput(f"line {number} is not a JSON object")
    key, request = item.get("key"), item.get("request")
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LIMIT:
        raise InvalidInput(f'line {number} has no "key" of 1 to {KEY_LIMIT} characters')
    if not isinstance(request, dict) or not request:
        raise InvalidInput(f'line {number} has no "request" object')
    if nesting.exceeds(request, REQUEST_LEVELS):
        raise _too_deep(number)
    if not _can_be_sent(item):
        raise InvalidInput(f"line {number} has a number out of range or half of a surrogate pair")
    return {"key": key, "request": request}


def _too_deep(number: int) -> InvalidInput:
    return InvalidInput(
        f"line {number} is nested deeper than {REQUEST_LEVELS} levels of objects and lists"
    )


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's parser accepts and JSON does not have."""
    raise ValueError(constant)


def _can_be_sent(item: Mapping[str, Any]) -> bool:
    """Return whether the item can be written as JSON again."""
    # Python reads 1e999 as infinity, and half of a surrogate pair, which UTF-8 cannot have.
    try:
        json.dumps(item, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_duplicates(items: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    # Results are told apart by their keys. For inline requests the CRD makes sure of that.
    seen: dict[str, int] = {}
    for number, item in items:
        first = seen.setdefault(item["key"], number)
        if first != number:
            raise InvalidInput(f"lines {first} and {number} have the same key")
