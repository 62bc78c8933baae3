"""Which result belongs to which request: lines in the order of the input, and what they count to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gemini_operator.payload import json_lines
from gemini_operator.payload.results import DOMAIN, OWN_REASONS, BatchResult, ResultKind, kind_of

WHY = {
    ResultKind.EMPTY: "Google returned a result with neither a response nor an error.",
    ResultKind.MISSING: "Google returned no result for this request.",
    ResultKind.UNREADABLE: "What Google returned for this request is not JSON: {problem}.",
}
"""What the operator says of a request for which Google's result says nothing."""


@dataclass(frozen=True)
class Request:
    """What tells one request of the input from the others; `metadata` is what the user gave it."""

    key: str
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Matched:
    """Results and the requests that they belong to.

    Attributes:
        lines: JSON Lines, one for each request; for each result where the requests are not known.
        counts: requests by what became of them.
        extra: results that belong to no request, or to one that has a result already, and have no line.
        repeated: results that have the key of an earlier one, and a line.
        in_order: whether the lines are in the order of the requests.
    """

    lines: tuple[str, ...] = field(repr=False)
    counts: Counter[ResultKind]
    extra: int = 0
    repeated: int = 0
    in_order: bool = True

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def succeeded(self) -> int:
        return self.counts[ResultKind.SUCCEEDED]


def match(requests: Sequence[Request], results: Sequence[BatchResult]) -> Matched:
    """One line for each of `requests`, in their order.

    A result belongs to the request with its key. A result without a key belongs to the request at
    its position, if there are as many results as requests and no other result has that key. If that
    leaves a result without a key over, nobody can tell whose it is, and the lines are `as_sent`.
    """
    found, extra = _by_key(requests, results)
    nameless = [result for result in results if result.key is None and result.problem is None]
    if len(results) == len(requests):
        for request, result in zip(requests, results, strict=True):
            if result.key is None and request.key not in found:
                found[request.key] = result
                extra -= 1
    placed = {id(result) for result in found.values()}
    if any(id(result) not in placed for result in nameless):
        return as_sent(results, len(requests), unique_keys=True, named=True)
    rows = [(request, found.get(request.key)) for request in requests]
    counts = Counter(_kind_of(result) for _, result in rows)
    return Matched(tuple(_line_of(*row) for row in rows), counts, extra)


def as_sent(
    results: Iterable[BatchResult],
    expected: int | None = None,
    *,
    unique_keys: bool = False,
    named: bool = False,
) -> Matched:
    """One line for each result, in Google's order: what the requests were is not known.

    Args:
        results: Google's.
        expected: how many requests there were, if that is known; what is missing is counted.
        unique_keys: whether each request has a key of its own, so that results of one key are of one
            request.
        named: whether the operator put the keys into the metadata of the requests. The lines are then
            those of `match`, so that a delivery that was interrupted finds its own lines again.
    """
    all_results = list(results)
    firsts = list(_firsts(all_results)) if unique_keys else all_results
    counts = Counter(map(kind_of, firsts))
    missing = max(0, (expected or 0) - len(firsts))
    if missing:
        counts[ResultKind.MISSING] = missing
    repeated = len(all_results) - len(firsts)
    lines = map(unmatched_line if named else _line, all_results)
    return Matched(tuple(lines), counts, repeated=repeated, in_order=False)


def _firsts(results: Iterable[BatchResult]) -> Iterator[BatchResult]:
    """Yield the results but those that have the key of an earlier one."""
    keys: set[str] = set()
    for result in results:
        key = result.request_key
        if key not in keys:
            yield result
        if key is not None:
            keys.add(key)


def unmatched_line(result: BatchResult) -> str:
    """One line for a result whose request is not known, in the form of the line for a known one."""
    key = result.request_key
    return _line(result) if key is None else _line_of(Request(key), result)


def _by_key(
    requests: Sequence[Request], results: Sequence[BatchResult]
) -> tuple[dict[str, BatchResult], int]:
    """The first result of each key, and the number of results that belong to no request by key."""
    keys = {request.key for request in requests}
    found: dict[str, BatchResult] = {}
    extra = 0
    for result in results:
        key = result.request_key
        if key is None or key not in keys or key in found:
            extra += 1
        else:
            found[key] = result
    return found, extra


def _kind_of(result: BatchResult | None) -> ResultKind:
    return ResultKind.MISSING if result is None else kind_of(result)


def _line_of(request: Request, result: BatchResult | None) -> str:
    metadata = _metadata(request, result)
    extra = {} if metadata is None else {"metadata": metadata}
    return json_lines.encode({"key": request.key, **extra, **_content(result)})


def _metadata(request: Request, result: BatchResult | None) -> Mapping[str, Any] | None:
    """Return what Google sent back, without the key that the operator put in."""
    given = request.metadata
    if result is None or not isinstance(result.metadata, Mapping):
        return given
    sent = result.metadata
    if "key" in sent and "key" not in (given or {}):
        sent = {name: value for name, value in sent.items() if name != "key"}
    return sent or given


def _line(result: BatchResult) -> str:
    key = {} if result.key is None else {"key": result.key}
    metadata = {} if result.metadata is None else {"metadata": result.metadata}
    return json_lines.encode({**key, **metadata, **_content(result)})


def _content(result: BatchResult | None) -> Mapping[str, Any]:
    """What Google sent, or an error that says that this is nothing."""
    found = _kind_of(result)
    if found not in WHY:
        return {} if result is None else result.content
    problem = result.problem if result is not None else None
    return {
        "error": {
            "code": 13,
            "status": "INTERNAL",
            "message": WHY[found].format(problem=problem),
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": OWN_REASONS[found],
                    "domain": DOMAIN,
                }
            ],
        }
    }
