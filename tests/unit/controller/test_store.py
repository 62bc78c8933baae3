from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.store import Store
from tests.unit.controller.builders import OTHER_UID, UID, a_job

KEY = Key("team-a", "job")


def at(version: int, **metadata: Any) -> Job:
    return a_job(resourceVersion=str(version), **metadata)


@given(st.permutations(list(range(95, 105))))
def test_p01_the_newest_version_stays_in_whatever_order_versions_arrive(
    versions: list[int],
) -> None:
    store = Store()
    kept = [version for version in versions if store.put(at(version))]
    assert kept == sorted(kept)
    known = store.get(KEY)
    assert known is not None
    assert known.version == 104


def test_p01_versions_are_compared_as_numbers() -> None:
    """As text, "99" would be newer than "100"."""
    store = Store()
    store.put(at(100))
    assert not store.put(at(99))
    assert store.put(at(1000))


def test_p01_the_watchs_copy_of_our_own_write_is_nothing_new() -> None:
    store = Store()
    assert store.put(at(100))
    assert not store.put(at(100))


def test_an_object_with_the_same_name_takes_the_place_of_the_one_before() -> None:
    store = Store()
    store.put(at(100, uid=UID))
    assert store.put(at(101, uid=OTHER_UID))
    assert [job.uid for job in store] == [OTHER_UID]


@pytest.mark.parametrize(
    ("uid", "left"), [(None, 0), (UID, 0), (OTHER_UID, 1)], ids=["any", "this", "another"]
)
def test_an_object_is_forgotten_by_name_or_by_incarnation(uid: str | None, left: int) -> None:
    store = Store()
    store.put(at(100))
    removed = store.remove(KEY, uid)
    assert len(store) == left
    assert (removed is None) is (left == 1)


def test_what_is_not_there_cannot_be_removed() -> None:
    assert Store().remove(KEY) is None
    assert Store().get(KEY) is None


def test_p05_missing_are_the_objects_of_which_no_version_was_seen() -> None:
    store = Store()
    store.put(at(100))
    other = Key("team-a", "other")
    assert store.missing([(KEY, UID, 100)]) == set()
    assert store.missing([(KEY, UID, 100), (other, UID, 100)]) == {other}
    assert store.missing([(KEY, OTHER_UID, 100)]) == {KEY}, "another incarnation was seen"


@pytest.mark.parametrize(("listed", "missing"), [(99, set()), (100, set()), (101, {KEY})])
def test_p05_an_older_version_than_the_listed_one_does_not_count(
    listed: int, missing: set[Key]
) -> None:
    store = Store()
    store.put(at(100))
    assert store.missing([(KEY, UID, listed)]) == missing


def test_jobs_may_come_and_go_while_all_are_looked_through() -> None:
    store = Store()
    store.put(at(100, name="one"))
    store.put(at(101, name="two"))
    for job in store:
        store.remove(job.key)
    assert len(store) == 0
