import base64
from pathlib import Path

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.files import LIFETIME, File, Files, check_id, new_id

from .conftest import ManualClock


def file(clock: ManualClock, file_id: str = "a", project: str = "demo") -> File:
    return File(file_id, project, "Name", "jsonl", 4, "ab" * 32, clock.now)


def keep(files: Files, one: File, folder: Path) -> None:
    content = folder / "content"
    content.write_bytes(b"text")
    files.add(one, content)


def test_a_file_is_read_back_as_it_was(tmp_path: Path, clock: ManualClock) -> None:
    one = file(clock)
    keep(Files(tmp_path / "files", clock), one, tmp_path)
    again = Files(tmp_path / "files", clock)
    assert list(again) == [one]
    content = again.content("demo", "a")
    assert content is not None
    assert content.read_bytes() == b"text"


def test_a_file_is_gone_after_48_hours(tmp_path: Path, clock: ManualClock) -> None:
    files = Files(tmp_path / "files", clock)
    keep(files, file(clock), tmp_path)
    clock.advance(LIFETIME - 1)
    assert files.get("demo", "a")
    clock.advance(1)
    assert files.get("demo", "a") is None
    assert files.content("demo", "a") is None
    with pytest.raises(ApiError):
        files.find("demo", "a")


def test_two_projects_may_use_one_name(tmp_path: Path, clock: ManualClock) -> None:
    files = Files(tmp_path / "files", clock)
    for project in ("demo", "other"):
        keep(files, file(clock, project=project), tmp_path)
    files.remove(files.find("demo", "a"))
    assert [one.project for one in files] == ["other"]
    with pytest.raises(ApiError) as caught:
        files.find("demo", "a")
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")


def test_the_resource_has_the_members_of_the_api(clock: ManualClock) -> None:
    resource = file(clock).resource("http://h")
    assert resource["name"] == "files/a"
    assert resource["uri"] == "http://h/v1beta/files/a"
    assert (resource["sizeBytes"], resource["state"], resource["source"]) == (
        "4",
        "ACTIVE",
        "UPLOADED",
    )
    assert base64.b64decode(resource["sha256Hash"]) == b"ab" * 32


@pytest.mark.parametrize("good", ["a", "my-file", "0", "x" * 40])
def test_an_id_of_the_file_api_is_accepted(good: str) -> None:
    assert check_id(good, "x") == good


def test_an_id_that_we_choose_is_accepted() -> None:
    chosen = new_id()
    assert check_id(chosen, "x") == chosen


@pytest.mark.parametrize("bad", ["", "-a", "a-", "A", "a_b", "a.b", "../a", "x" * 41, "é"])
def test_every_other_id_is_refused(bad: str) -> None:
    with pytest.raises(ApiError, match="File ID") as caught:
        check_id(bad, "x")
    assert caught.value.code == 400
