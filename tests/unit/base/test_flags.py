from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gemini_operator.base.flags import CONTEXT, build, flag, options


def _both(text: str) -> tuple[str, str]:
    one, slash, other = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} has no slash")
    return one, other


@dataclass(frozen=True, kw_only=True)
class Inherited:
    color: bool = flag("--color", default=False, is_flag=True, help="Whether it is colourful.")


@dataclass(frozen=True, kw_only=True)
class Group:
    size: int = flag("--group-size", default=2, type=click.IntRange(1), help="Its size.")
    fixed: int = 7


@dataclass(frozen=True, kw_only=True)
class Settings(Inherited):
    place: Path = flag("--place", required=True, type=click.Path(path_type=Path), help="Where.")
    group: Group = field(default_factory=Group)
    other: tuple[str, str] | None = flag("--other", parse=_both, help="Two more words, or none.")
    pair: tuple[str, str] = flag("--pair", default="a/b", parse=_both, help="Two words.")

    def __post_init__(self) -> None:
        if self.group.size > 10:
            raise ValueError("--group-size is more than 10")


@click.command(context_settings=CONTEXT, params=options(Settings))
def command(**given: object) -> None:
    click.echo(build(Settings, given))


def test_a_class_lists_its_own_flags_first_and_a_group_in_its_place() -> None:
    assert [each.opts for each in options(Settings)] == [
        ["--place"],
        ["--group-size"],
        ["--other"],
        ["--pair"],
        ["--color"],
    ]


def test_the_default_of_a_flag_is_the_default_of_its_field() -> None:
    default = Settings(place=Path("here"))
    assert (default.other, default.pair) == (None, ("a", "b"))
    assert (default.group, default.color) == (Group(size=2), False)
    assert CliRunner().invoke(command, ["--place", "here"]).output == f"{default}\n"


def test_what_the_user_gives_reaches_the_field() -> None:
    arguments = ["--place", "there", "--group-size", "3", "--pair", "c/d", "--color"]
    wanted = Settings(place=Path("there"), group=Group(size=3), pair=("c", "d"), color=True)
    assert CliRunner().invoke(command, arguments).output == f"{wanted}\n"


def test_a_variable_is_named_after_its_flag() -> None:
    environment = {"GEMINI_OPERATOR_GROUP_SIZE": "4", "GEMINI_OPERATOR_PLACE": "there"}
    result = CliRunner(env=environment).invoke(command, [])
    assert result.output == f"{Settings(place=Path('there'), group=Group(size=4))}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--place'"),
        (["--place", "here", "--group-size", "0"], "'--group-size': 0 is not in the range"),
        (["--place", "here", "--pair", "word"], "Error: --pair: 'word' has no slash"),
        (["--place", "here", "--group-size", "11"], "Error: --group-size is more than 10"),
    ],
)
def test_a_value_that_cannot_work_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_address_of_a_service_is_no_value() -> None:
    """A Service called gemini-operator-group-size gives every pod of its namespace this variable."""
    environment = {"GEMINI_OPERATOR_GROUP_SIZE": "tcp://10.0.0.1:8080"}
    result = CliRunner(env=environment).invoke(command, ["--place", "here"])
    assert result.output == f"{Settings(place=Path('here'))}\n"


def test_the_help_shows_the_variable_and_the_default_of_every_flag() -> None:
    shown = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    for text in (
        "[env var: GEMINI_OPERATOR_GROUP_SIZE; default: 2;",
        "[env var: GEMINI_OPERATOR_PLACE; required]",
        "[env var: GEMINI_OPERATOR_OTHER; default: (none)]",
        "[env var: GEMINI_OPERATOR_PAIR; default: a/b]",
        "[env var: GEMINI_OPERATOR_COLOR; default: (off)]",
    ):
        assert text in shown
