"""Rules in CEL, which the API server checks besides types and bounds.

Source: the Kubernetes documentation on CustomResourceDefinition validation rules. A rule that
mentions `oldSelf` is a transition rule: it is not evaluated when its field is added or removed,
so an optional field is immutable only with a second rule, on its parent, about its presence.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

KEY = "x-kubernetes-validations"


def rule(
    cel: str, message: str, *, at: str | None = None, why: str | None = None
) -> dict[str, str]:
    """Return one rule.

    Args:
        cel: an expression that must be true of `self`.
        message: what the user has to do if it is not.
        at: the JSON path of the field to blame, relative to the schema that has the rule.
        why: Invalid, Forbidden or Required.
    """
    found = {"rule": cel, "message": message}
    if at is not None:
        found["fieldPath"] = at
    if why is not None:
        found["reason"] = f"FieldValue{why}"
    return found


def first_wrong(*checks: tuple[str, str], at: str) -> dict[str, str]:
    """Return a rule whose message is that of the first check that fails.

    As rules of their own, one mistake would often break several of them, and each would be shown.

    Args:
        checks: what must be true, in CEL, and what the user has to do if it is not.
        at: as in `rule`.
    """
    message = json.dumps(checks[-1][1])
    for cel, said in reversed(checks[:-1]):
        message = f"!({cel}) ? {json.dumps(said)} : {message}"
    cel = " && ".join(f"({cel})" for cel, _ in checks)
    found = rule(cel, "the field's description says what can be used", at=at)
    return {**found, "messageExpression": message}


def rules(*each: dict[str, str]) -> dict[str, Any]:
    """Return rules as extra members of a schema."""
    return {KEY: list(each)}


def exactly_one(*names: str) -> dict[str, str]:
    """Return the rule that an object has exactly one of the fields `names`."""
    listed = ", ".join(f"has(self.{name})" for name in names)
    return rule(
        f"[{listed}].filter(present, present).size() == 1",
        f"set exactly one of {', '.join(names)}",
    )


def immutable(*names: str, also: Iterable[dict[str, str]]) -> Callable[[dict[str, Any]], None]:
    """Return a function that extends a schema so that its members `names` cannot change.

    Args:
        names: the members; an optional one can neither be added nor removed.
        also: the schema's other rules.
    """

    def extend(schema: dict[str, Any]) -> None:
        found = list(also)
        for name in names:
            member = schema["properties"][name]
            member.setdefault(KEY, []).append(rule("self == oldSelf", _kept(name, "changed")))
            if name not in schema["required"] and member["default"] is None:
                found.append(_same_presence(name))
        schema[KEY] = found

    return extend


def _same_presence(name: str) -> dict[str, str]:
    cel = f"has(self.{name}) == has(oldSelf.{name})"
    return rule(cel, _kept(name, "added or removed"), at=f".{name}")


def _kept(name: str, verb: str) -> str:
    return f"{name} cannot be {verb} after creation; delete the job and create a new one"
