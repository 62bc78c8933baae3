"""The grammar of every name that a stranger may choose.

A name becomes a path segment at the API server or at Google, so each pattern leaves out `/` and
never matches `.` or `..`. The same constants stand in the CRD, where the API server refuses other
names, and are matched again before a request is sent.
"""

import re
from functools import cache
from typing import Final

DNS_1123_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_1123_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DATA_KEY: Final = r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"
"""A key of a Secret or ConfigMap: like Kubernetes', never `.` nor anything that starts with `..`."""

MODEL: Final = r"^((models|tunedModels)/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
BATCH_NAME: Final = r"^batches/[A-Za-z0-9_-]{1,128}$"
FILE_NAME: Final = r"^files/[a-z0-9-]{1,128}$"
ATTEMPT_ID: Final = r"^[0-9a-f]{16}$"
UID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
SHA256: Final = r"^[0-9a-f]{64}$"

BUCKET_URI: Final = r"^(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^?#\x00-\x20\x7f]*)?$"
"""A bucket or container, with or without a path in it."""

HTTPS_URL: Final = r"^https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:443)?/[^#\x00-\x20\x7f]*$"
"""An https URL that may carry a query, but no user, password or port of its own."""


def matches(pattern: str, value: object) -> bool:
    """Tell whether the whole of `value` is an ASCII string that the pattern describes."""
    return isinstance(value, str) and value.isascii() and bool(_compiled(pattern).fullmatch(value))


def normalise_model(model: str) -> str:
    """Write a model the way Google answers: `gemini-2.5-flash` becomes `models/gemini-2.5-flash`."""
    return model if "/" in model else f"models/{model}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
