from typing import Any

import pytest

from gemini_operator.controller.leadership_settings import ElectionSettings


def election(**changed: Any) -> ElectionSettings:
    return ElectionSettings(**({"enabled": True} | changed))


def test_p06_a_hanging_try_leaves_time_for_another_one() -> None:
    settings = election()
    assert settings.retry_period + settings.timeout < settings.renew_deadline


@pytest.mark.parametrize(("retry", "poll"), [(2.0, 1.0), (0.5, 0.5)])
def test_p06_a_standby_looks_every_second_at_least(retry: float, poll: float) -> None:
    assert election(retry_period=retry).poll_period == poll


@pytest.mark.parametrize(
    "times",
    [
        {"renew_deadline": 15.0},
        {"renew_deadline": 20.0},
        {"retry_period": 10.0},
        {"retry_period": 11.0},
        {"duration": 10},
        {"duration": 1},
    ],
)
def test_p06_times_that_would_let_two_lead_are_refused(times: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="--lease-renew-deadline") as refused:
        election(**times)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ({"name": "../other"}, "--lease-name"),
        ({"name": ""}, "--lease-name"),
        ({"namespace": "a/b"}, "--lease-namespace"),
        ({"namespace": "A"}, "--lease-namespace"),
    ],
)
def test_s03_what_is_no_name_is_refused_at_the_start(name: dict[str, Any], flag: str) -> None:
    with pytest.raises(ValueError, match=flag):
        election(**name)
