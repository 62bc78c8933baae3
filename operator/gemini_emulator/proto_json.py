"""Reads proto JSON, where every member may be written in camelCase or snake_case."""

import re
from collections.abc import Collection
from typing import Any

from gemini_emulator.errors import invalid_argument

_CAPITAL = re.compile(r"[A-Z]")


def snake(name: str) -> str:
    return _CAPITAL.sub(lambda match: "_" + match[0].lower(), name)


def member(value: dict[str, Any], name: str) -> Any:
    """Return the member `name` (given in camelCase) in either spelling, or None."""
    return value.get(name, value.get(snake(name)))


def checked_object(value: Any, names: Collection[str], where: str) -> dict[str, Any]:
    """Return `value` if it is an object with no members but `names`.

    Raises:
        ApiError: 400, it is no object or has an unknown member.
    """
    if not isinstance(value, dict):
        raise invalid_argument(f"Invalid value at '{where}': an object is expected.")
    known = {*names, *map(snake, names)}
    for name in value:
        if name not in known:
            raise invalid_argument(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': "
                "Cannot find field."
            )
    return value


def string_member(value: dict[str, Any], name: str, where: str) -> str:
    found = member(value, name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise invalid_argument(f"Invalid value at '{where}.{snake(name)}' (TYPE_STRING)")
    return found


def string_list_member(value: dict[str, Any], name: str, where: str) -> list[str]:
    found = member(value, name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise invalid_argument(f"Invalid value at '{where}.{snake(name)}' (TYPE_STRING)")
    return found


def int64_member(value: dict[str, Any], name: str, where: str) -> int:
    """Return an int64, which proto JSON accepts as a number or a decimal string."""
    found = member(value, name)
    if found is None:
        return 0
    try:
        number = int(found) if isinstance(found, int | str) else None
    except ValueError:
        number = None
    if number is None or not -(2**63) <= number < 2**63:
        raise invalid_argument(f"Invalid value at '{where}.{snake(name)}' (TYPE_INT64)")
    return number
