"""Which jobs deliver to one ConfigMap."""

from typing import Any

from gemini_operator.controller.job import UnreadableJob
from gemini_operator.controller.store import Store
from tests.unit.controller.builders import TO_CONFIG_MAP, a_job


def put(store: Store, name: str, version: int = 100, **spec: Any) -> None:
    store.put(a_job(spec=spec, name=name, uid=f"uid-{name}", resourceVersion=str(version)))


def names(store: Store, config_map: str = "results") -> list[str]:
    return sorted(job.key.name for job in store.delivering_to("team-a", config_map))


def test_jobs_are_found_by_the_config_map_that_they_deliver_to() -> None:
    store = Store()
    put(store, "one", output=TO_CONFIG_MAP)
    put(store, "two", output=TO_CONFIG_MAP)
    put(store, "other", output={"configMap": {"name": "elsewhere"}})
    put(store, "none")
    assert names(store) == ["one", "two"]
    assert names(store, "elsewhere") == ["other"]
    assert store.delivering_to("team-b", "results") == ()


def test_a_newer_version_takes_the_place_of_the_older_one() -> None:
    store = Store()
    put(store, "one", output=TO_CONFIG_MAP)
    put(store, "one", 101, output=TO_CONFIG_MAP, suspend=True)
    [job] = store.delivering_to("team-a", "results")
    assert job.spec.suspend


def test_what_is_gone_or_cannot_be_read_delivers_nowhere() -> None:
    store = Store()
    put(store, "one", output=TO_CONFIG_MAP)
    put(store, "two", output=TO_CONFIG_MAP)
    [one, two] = sorted(store, key=lambda job: job.key)
    store.remove(one.key)
    unreadable = UnreadableJob(two.key, two.uid, "101", False, (), False, (), "odd")
    store.put(unreadable)
    assert names(store) == []
    assert store._outputs == {}
