import pytest
from pydantic import ConfigDict

from gemini_operator.api.model import Model
from gemini_operator.api.rules import KEY, exactly_one, first_wrong, immutable, rule


class Thing(Model):
    model_config = ConfigDict(
        json_schema_extra=immutable("name", "size", "note", also=[rule("self.size > 0", "grow")])
    )

    name: str
    size: int = 1
    note: str | None = None
    free: str | None = None


def test_a_rule_says_only_what_it_was_given() -> None:
    assert rule("a", "b") == {"rule": "a", "message": "b"}
    assert rule("a", "b", at=".c", why="Required") == {
        "rule": "a",
        "message": "b",
        "fieldPath": ".c",
        "reason": "FieldValueRequired",
    }


def test_exactly_one_counts_the_members_that_are_there() -> None:
    found = exactly_one("configMap", "object")

    assert found["rule"] == (
        "[has(self.configMap), has(self.object)].filter(present, present).size() == 1"
    )
    assert found["message"] == "set exactly one of configMap, object"


@pytest.mark.parametrize("name", ["name", "size", "note"])
def test_an_immutable_member_compares_itself(name: str) -> None:
    member = Thing.model_json_schema()["properties"][name]

    assert [found["rule"] for found in member[KEY]] == ["self == oldSelf"]
    assert member[KEY][0]["message"].startswith(f"{name} cannot be changed after creation")


def test_only_a_member_that_may_be_absent_needs_a_rule_about_its_presence() -> None:
    """A transition rule on a member is not evaluated when the member comes or goes."""
    found = Thing.model_json_schema()[KEY]

    assert [each["rule"] for each in found] == [
        "self.size > 0",
        "has(self.note) == has(oldSelf.note)",
    ]
    assert found[1]["fieldPath"] == ".note"


def test_other_members_are_left_alone() -> None:
    assert KEY not in Thing.model_json_schema()["properties"]["free"]


def test_the_schema_can_be_made_twice() -> None:
    assert Thing.model_json_schema() == Thing.model_json_schema()


def test_the_message_is_that_of_the_first_check_that_fails() -> None:
    found = first_wrong(("self > 1", "grow"), ("self < 9 || a", 'it\'s "big"'), at=".size")

    assert found["fieldPath"] == ".size"
    assert found["rule"] == "(self > 1) && (self < 9 || a)"
    assert found["messageExpression"] == r'!(self > 1) ? "grow" : "it' + r"""'s \"big\"""" + '"'
