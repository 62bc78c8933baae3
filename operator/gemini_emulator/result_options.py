"""What a user asks for with POST /emulator/results: how the results of a batch look.

The options are kept as the JSON that the user sent, in the batch's record or in a file.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gemini_emulator.errors import invalid_argument
from gemini_emulator.proto_json import checked_object
from gemini_emulator.store import read_json, write_json

Form = Literal[
    "missing",
    "duplicate",
    "foreign",
    "error",
    "status",
    "blocked",
    "empty",
    "embedding",
    "nan",
    "separators",
]
Order = Literal["input", "reversed", "shuffled"]

OPTIONS = ("order", "keys", "rows", "late", "download", "stats")
_STATS = (
    "requestCount",
    "successfulRequestCount",
    "failedRequestCount",
    "pendingRequestCount",
)


@dataclass(frozen=True)
class RowRule:
    """Gives a form to every n-th result, or to the result of one key."""

    form: Form
    every: int = 1
    key: str | None = None

    def applies(self, number: int, key: object) -> bool:
        """Return whether the rule is for the result with this number (from 1) and key."""
        return number % self.every == 0 if self.key is None else key == self.key


@dataclass(frozen=True)
class ResultOptions:
    """How the results of a batch look; the default is as they are."""

    order: Order = "input"
    keys: bool = True
    rows: tuple[RowRule, ...] = ()
    late_seconds: float = 0.0
    late_reads: int = 0
    download_status: int = 200
    failing_downloads: int = 0
    stats: dict[str, int] = field(default_factory=dict)

    def form(self, number: int, key: object) -> Form | None:
        """Return the form of a result, by the first rule that applies."""
        return next((rule.form for rule in self.rows if rule.applies(number, key)), None)


AS_THEY_ARE = ResultOptions()


class DefaultOptions:
    """The options of every batch that ends from now on, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.document: dict[str, Any] = read_json(path) if path.exists() else {}

    def set(self, document: dict[str, Any]) -> None:
        write_json(self._path, document)
        self.document = document

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
        self.document = {}


def parse_result_options(document: Any) -> ResultOptions:
    """Parse options from JSON.

    Raises:
        ApiError: 400, a member is unknown or has a wrong value.
    """
    given = checked_object(document, OPTIONS, "results")
    late = checked_object(given.get("late", {}), ("seconds", "reads"), "results.late")
    download = checked_object(given.get("download", {}), ("status", "count"), "results.download")
    rows = given.get("rows", [])
    if not isinstance(rows, list):
        raise invalid_argument("results.rows must be a list.")
    return ResultOptions(
        order=_one_of(given, "order", get_args(Order), "input"),
        keys=_bool(given, "keys"),
        rows=tuple(_row(row, f"results.rows[{index}]") for index, row in enumerate(rows)),
        late_seconds=_number(late, "seconds", "results.late"),
        late_reads=_integer(late, "reads", "results.late", default=0, lowest=0),
        download_status=_integer(
            download, "status", "results.download", default=200, lowest=200, highest=599
        ),
        failing_downloads=_integer(
            download, "count", "results.download", default=int(bool(download)), lowest=0
        ),
        stats=_stats(given.get("stats", {})),
    )


def _row(row: Any, where: str) -> RowRule:
    given = checked_object(row, ("form", "every", "key"), where)
    key = given.get("key")
    if key is not None and not isinstance(key, str):
        raise invalid_argument(f"{where}.key must be a string.")
    if key is not None and "every" in given:
        raise invalid_argument(f"{where} has both every and key; one of them is possible.")
    return RowRule(
        form=_one_of(given, "form", get_args(Form), None, where),
        every=_integer(given, "every", where, default=1, lowest=1),
        key=key,
    )


def _stats(stats: Any) -> dict[str, int]:
    given = checked_object(stats, _STATS, "results.stats")
    unknown = set(given) - set(_STATS)
    if unknown:
        raise invalid_argument(f"results.stats has the members {', '.join(_STATS)}.")
    return {name: _integer(given, name, "results.stats", default=0, lowest=0) for name in given}


def _one_of(
    given: dict[str, Any], name: str, allowed: tuple[str, ...], default: Any, where: str = "results"
) -> Any:
    value = given.get(name, default)
    if value not in allowed:
        raise invalid_argument(f"{where}.{name} must be one of {', '.join(allowed)}.")
    return value


def _bool(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, True)
    if not isinstance(value, bool):
        raise invalid_argument(f"results.{name} must be true or false.")
    return value


def _number(given: dict[str, Any], name: str, where: str) -> float:
    value = given.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise invalid_argument(f"{where}.{name} must be a number of at least 0.")
    return float(value)


def _integer(
    given: dict[str, Any],
    name: str,
    where: str,
    *,
    default: int,
    lowest: int,
    highest: int = 2**31 - 1,
) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        span = f"from {lowest} to {highest}" if highest < 1000 else f"of at least {lowest}"
        raise invalid_argument(f"{where}.{name} must be a whole number {span}.")
    return value
