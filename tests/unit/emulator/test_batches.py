from pathlib import Path

import pytest

from gemini_emulator.batches import Batches, new_id
from gemini_emulator.errors import ApiError
from gemini_emulator.submission import Submission

SUBMISSION = Submission(
    kind="GenerateContent",
    model="models/m",
    display_name="d",
    requests=({"request": {"contents": "a"}},),
    uris=("http://h/x",),
    user_metadata={"a": 1},
)


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(f"batch-{one}") == 42 for one in ids)


def test_a_batch_is_read_back_as_it_was(tmp_path: Path) -> None:
    batch = Batches(tmp_path).add("demo", SUBMISSION, 1.0, 2.0)
    again = Batches(tmp_path)
    assert list(again) == [batch]
    assert again.requests(batch).read_text() == '{"request": {"contents": "a"}}\n'


def test_a_batch_is_found_by_its_project_only(tmp_path: Path) -> None:
    batches = Batches(tmp_path)
    batch = batches.add("demo", SUBMISSION, 1.0, 2.0)
    assert batches.find("demo", batch.id) is batch
    for project, identity in (("other", batch.id), ("demo", "none")):
        with pytest.raises(ApiError) as caught:
            batches.find(project, identity)
        assert caught.value.code == 404


def test_a_removed_batch_leaves_nothing(tmp_path: Path) -> None:
    batches = Batches(tmp_path)
    batch = batches.add("demo", SUBMISSION, 1.0, 2.0)
    batches.remove(batch)
    batches.remove(batch)
    assert list(batches) == []
    assert list(tmp_path.iterdir()) == []
