"""The help of the program."""

import pytest
from click.testing import CliRunner

from gemini_operator.cli import COMMANDS, cli


def test_every_command_is_summed_up_in_a_whole_sentence_on_one_line() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in shown] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("..") for line in shown)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_is_not_cut(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert not any(line.endswith("...") for line in done.output.splitlines())
