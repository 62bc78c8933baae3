from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gemini_operator.api.command import crds
from gemini_operator.api.crd import FILE_NAME, render

COMMITTED = Path(__file__).parents[3] / "crds"


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(crds, arguments, env=env)


def test_without_an_option_the_definition_is_printed() -> None:
    done = run()

    assert (done.exit_code, done.output) == (0, render())


def test_the_definition_is_written_into_a_folder_that_need_not_exist(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "crds"

    assert run("--output", str(folder)).exit_code == 0
    assert (folder / FILE_NAME).read_text(encoding="utf-8") == render()
    assert run("--check", str(folder)).exit_code == 0


@pytest.mark.parametrize("content", [None, "", "other", render() + "\n"])
def test_a_stale_file_is_named_in_one_line(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / FILE_NAME
    if content is not None:
        path.write_text(content, encoding="utf-8")

    done = run("--check", str(tmp_path))

    assert done.exit_code == 1
    assert done.stderr == f"Error: {path} is stale: run `make crds` and commit the result.\n"


def test_the_options_exclude_each_other(tmp_path: Path) -> None:
    done = run("--check", str(tmp_path), "--output", str(tmp_path))

    assert done.exit_code == 2
    assert "use one of them" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = run("--output", str(tmp_path / "file" / "crds"))

    assert done.exit_code == 1
    assert str(tmp_path / "file" / "crds" / FILE_NAME) in done.stderr


def test_an_environment_variable_stands_for_a_flag(tmp_path: Path) -> None:
    assert run(env={"GEMINI_OPERATOR_OUTPUT": str(tmp_path)}).exit_code == 0
    assert (tmp_path / FILE_NAME).is_file()


def test_the_committed_definition_is_fresh() -> None:
    assert run("--check", str(COMMITTED)).exit_code == 0
