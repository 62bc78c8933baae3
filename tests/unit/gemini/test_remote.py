from dataclasses import replace

import pytest

from gemini_operator.gemini.remote import Counts, Outcome, Submission, Summary

SUMMARY = Summary(
    name="batches/b1",
    display_name="",
    model="models/m",
    state="BATCH_STATE_PENDING",
    created=None,
    requests=Counts(),
    error=None,
)


@pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_"])
@pytest.mark.parametrize(
    ("word", "outcome", "terminal"),
    [
        ("PENDING", Outcome.PENDING, False),
        ("RUNNING", Outcome.RUNNING, False),
        ("CANCELLING", Outcome.RUNNING, False),
        ("SUCCEEDED", Outcome.SUCCEEDED, True),
        ("PARTIALLY_SUCCEEDED", Outcome.SUCCEEDED, True),
        ("FAILED", Outcome.FAILED, True),
        ("CANCELLED", Outcome.CANCELLED, True),
        ("EXPIRED", Outcome.EXPIRED, True),
        ("UNSPECIFIED", Outcome.UNKNOWN, False),
        ("A_WORD_OF_NEXT_YEAR", Outcome.UNKNOWN, False),
    ],
)
def test_every_word_of_googles_has_an_outcome(
    prefix: str, word: str, outcome: Outcome, terminal: bool
) -> None:
    summary = replace(SUMMARY, state=prefix + word)
    assert (summary.outcome, summary.terminal) == (outcome, terminal)


@pytest.mark.parametrize(("inline", "file_name"), [(None, None), ([], "files/a")])
def test_a_submission_has_exactly_one_source(
    inline: list[dict[str, object]] | None, file_name: str | None
) -> None:
    with pytest.raises(ValueError, match="either"):
        Submission("m", "GenerateContent", "d", inline=inline, file_name=file_name)


def test_s23_a_submission_shows_neither_payload_nor_callback_address() -> None:
    submission = Submission(
        "m",
        "GenerateContent",
        "d",
        inline=[{"key": "k", "request": {"contents": "private"}}],
        callback_url="https://receiver.example/v1/callbacks/secret-token",
    )
    assert "private" not in repr(submission)
    assert "secret-token" not in repr(submission)
