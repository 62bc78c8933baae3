"""What a read of a batch says about the API key in the Secret."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.snapshot import Seen, Unanswered, Unreadable
from gemini_operator.controller.memory import KeyProblem
from gemini_operator.controller.remote.reads import observe
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Observation
from tests.unit.controller.builders import a_snapshot, an_event, an_observation, submitted

MISSING = KeyProblem(Reason.CREDENTIALS_MISSING, "there is no Secret x")
REJECTED = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")


class Access:
    """Answers every read with a batch, or with an error."""

    def __init__(self, error: errors.GeminiError | None) -> None:
        self._error = error

    async def enter_read(self, _: object) -> Any:
        return SimpleNamespace()

    async def read(self, *_: object) -> Observation:
        if self._error is not None:
            raise self._error
        return an_observation("BATCH_STATE_RUNNING")


@pytest.mark.parametrize(
    ("known", "error", "answer", "left"),
    [
        pytest.param(MISSING, None, Seen, None, id="it is there again"),
        pytest.param(REJECTED, None, Seen, None, id="it is accepted again"),
        pytest.param(MISSING, errors.Unavailable("503"), Unanswered, None, id="there, no answer"),
        pytest.param(REJECTED, errors.Unavailable("503"), Unanswered, REJECTED, id="no news"),
        pytest.param(MISSING, errors.CredentialsRejected("403"), Unreadable, None, id="refused"),
    ],
)
async def test_what_was_wrong_with_the_key_before_a_read_is_not_said_after_it(
    known: KeyProblem, error: errors.GeminiError | None, answer: type, left: KeyProblem | None
) -> None:
    """The job would say both in turn, until the next list."""
    snapshot = a_snapshot(status=submitted(lastEvent=an_event()))
    snapshot.facts.key_problem = known
    assert isinstance(await observe(snapshot, cast(Any, Access(error))), answer)
    assert snapshot.facts.key_problem == left
