"""The settings that keep kopf a watch engine (rules P3, P4)."""

from gemini_operator.api import group
from gemini_operator.controller.watch import watch


def test_p03_kopf_knows_no_name_of_ours() -> None:
    settings = watch.settings()
    assert settings.persistence.finalizer != group.FINALIZER
    assert settings.scanning.disabled
    assert settings.peering.standalone
    assert not settings.posting.enabled


def test_a_lost_watch_is_tried_again_for_ever_at_most_every_30_seconds() -> None:
    delays = iter(watch.Backoffs())
    seen = [next(delays) for _ in range(50)]
    assert all(0 < delay <= 30 for delay in seen)
    assert min(seen[10:]) >= 15
