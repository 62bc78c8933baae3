import pytest

from gemini_operator.api import names
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.controller.reconcile.events import _name, regarding
from tests.unit.controller.builders import OTHER_UID, UID, a_job, submitted

NOTICE = Event(Reason.SUBMITTED, "Google accepted the batch. It is batches/one.")


def test_an_event_speaks_of_this_incarnation_of_the_job() -> None:
    assert regarding(a_job()) == {
        "apiVersion": "gemini-operator.io/v1alpha1",
        "kind": "GeminiBatchJob",
        "namespace": "team-a",
        "name": "job",
        "uid": UID,
    }


@pytest.mark.parametrize("name", ["a", "a" * 253, "a" * 199 + "-b", f"{'a' * 198}.-.b"[:253]])
def test_the_name_of_an_event_is_a_name_however_long_the_jobs_is(name: str) -> None:
    event = _name(a_job(name=name), NOTICE)
    assert names.matches(names.DNS_1123_SUBDOMAIN, event)
    assert len(event) <= 253
    assert event.startswith(name[:150])


def test_the_same_event_has_the_same_name_so_that_it_is_posted_once() -> None:
    assert _name(a_job(resourceVersion="1"), NOTICE) == _name(a_job(resourceVersion="2"), NOTICE)


def test_another_event_has_another_name() -> None:
    job = a_job()
    others = [
        _name(job, Event(Reason.SUBMITTED, "It is batches/two.")),
        _name(job, Event(Reason.ADOPTED, NOTICE.note)),
        _name(a_job(uid=OTHER_UID), NOTICE),
        _name(a_job(status=submitted()), NOTICE),
        _name(a_job(name="other"), NOTICE),
    ]
    assert len({_name(job, NOTICE), *others}) == 6
