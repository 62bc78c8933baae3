"""The grammar of every name that comes from outside (S3).

A name becomes a path segment at the API server or at Google. So no pattern allows a slash inside a
segment, and none matches `.` or `..`. The CRD has the same patterns, and each name is matched again
before a request is sent.
"""

import re
from functools import cache
from typing import Final

DNS_1123_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_1123_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DATA_KEY: Final = r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"
"""A key of a Secret or ConfigMap: like Kubernetes' own, but neither `.` nor `..` at the start."""

MODEL: Final = r"^((models|tunedModels)/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
BATCH_NAME: Final = r"^batches/[A-Za-z0-9_-]{1,128}$"
FILE_NAME: Final = r"^files/[a-z0-9-]{1,128}$"
ATTEMPT_ID: Final = r"^[0-9a-f]{16}$"
UID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
SHA256: Final = r"^[0-9a-f]{64}$"

BUCKET_URI: Final = r"^(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^?#\x00-\x20\x7f]*)?$"
"""A bucket or container, with or without a path."""

HTTPS_URL: Final = r"^https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:443)?/[^#\x00-\x20\x7f]*$"
"""An https URL; it may have a query, but no user, no password, and no port but 443."""


def matches(pattern: str, value: object) -> bool:
    """Return whether `value` is an ASCII string that matches the whole pattern."""
    # `fullmatch`, because `$` also matches before a line break at the end.
    return isinstance(value, str) and value.isascii() and bool(_compiled(pattern).fullmatch(value))


def normalise_model(model: str) -> str:
    """Return a model as Google names it: `gemini-2.5-flash` becomes `models/gemini-2.5-flash`."""
    return model if "/" in model else f"models/{model}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
