"""What the models of the custom resource have in common."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

MIN_YEAR, MAX_YEAR = 1970, 9998
"""Of every time in a status: some days before and after one can still be computed."""

_OUT_OF_RANGE = f"a time of the years {MIN_YEAR} to {MAX_YEAR} is needed"


class Model(BaseModel):
    """Immutable, camelCase outside and snake_case inside; field docstrings become descriptions.

    Unknown members are dropped, as the API server does with an older schema. Parsing raises
    `pydantic.ValidationError` where a stored value breaks the grammar of the schema.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )


def rfc3339(time: datetime) -> str:
    """Write a time as Kubernetes does: UTC, whole seconds, `2026-01-01T00:00:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(time: datetime) -> str:
    """Write a time with microseconds, the only form that Leases and `eventTime` accept."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _whole_seconds(time: datetime) -> datetime:
    try:
        moment = time.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError(_OUT_OF_RANGE) from None
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise ValueError(_OUT_OF_RANGE)
    return moment


Time = Annotated[
    AwareDatetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"maxLength": 64}),
]
"""An aware point in time, cut to whole seconds of UTC so that it is equal to what is read back."""


def bounded(limit: int, pattern: str | None = None) -> Any:
    """Describe a non-empty string of at most `limit` characters."""
    return Field(min_length=1, max_length=limit, pattern=pattern)
