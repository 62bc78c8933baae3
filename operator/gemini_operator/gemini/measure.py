"""Counts and times requests to Google."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.base import metrics
from gemini_operator.gemini.errors import GeminiError

_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


@contextmanager
def measured(call: str) -> Iterator[None]:
    """Count the block as one request, by what it raises.

    Args:
        call: Google's name of the method, such as `batches.create`.
    """
    begun = time.perf_counter()
    result = "interrupted"
    try:
        yield
        result = "ok"
    except GeminiError as error:
        result = result_of(type(error))
        raise
    except Exception:
        result = "error"
        raise
    finally:
        metrics.GEMINI_REQUESTS.labels(call, result).inc()
        metrics.GEMINI_REQUEST_SECONDS.labels(call).observe(time.perf_counter() - begun)


def result_of(error: type[GeminiError]) -> str:
    """Return the label of an error, such as `credentials_rejected`."""
    return _NEW_WORD.sub("_", error.__name__).lower()
