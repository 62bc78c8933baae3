import json
from pathlib import Path

import pytest

from gemini_emulator.store import StateLock, atomic_write, read_json, read_records, write_json


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"version": 1})

    def broken() -> None:
        with atomic_write(path) as file:
            file.write(b"half of the")
            raise RuntimeError("the disk is on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        broken()
    assert read_json(path) == {"version": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_of_a_write(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, 1)
    with atomic_write(path) as file:
        file.write(json.dumps(2).encode())
        file.flush()
        assert read_json(path) == 1
    assert read_json(path) == 2


def test_folders_without_a_record_are_leftovers(tmp_path: Path) -> None:
    write_json(tmp_path / "whole" / "a.json", 1)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "content").touch()
    assert list(read_records(tmp_path, "a.json")) == [(tmp_path / "whole", 1)]
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert list(read_records(tmp_path / "none", "a.json")) == []


def test_a_folder_has_one_emulator_at_a_time(tmp_path: Path) -> None:
    first = StateLock(tmp_path)
    with pytest.raises(BlockingIOError):
        StateLock(tmp_path)
    first.release()
    StateLock(tmp_path).release()
