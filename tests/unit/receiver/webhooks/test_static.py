import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.callbacks import address
from gemini_operator.receiver.webhooks import static
from gemini_operator.receiver.webhooks.secrets import StaticName

GOOD = "/v1/static/team-a/reviews"


def test_an_address_names_a_namespace_and_a_webhook() -> None:
    assert static.parse(GOOD) == StaticName("team-a", "reviews")
    assert static.parse(GOOD + "?a=b&c") == StaticName("team-a", "reviews")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1/static/",
        "/v1/static/team-a",
        "/v1/static/team-a/",
        GOOD + "/",
        GOOD + "/x",
        "/v1/static//reviews",
        "/v1/static/../reviews",
        "/v1/static/team-a/%72eviews",
        "/v1/static/team-a/reviews;x",
        "/v1/static/Team-A/reviews",
        "/v1/static/team-a/reviews.b",
        "/v1/static/-a/reviews",
        "/v1/static/a-/reviews",
        "/v1/static/team-a/réviews",
        "/v1/static/team-a/reviews\n",
        "/v1/static/" + "a" * 64 + "/reviews",
        "/v1/static/team-a/" + "a" * 64,
        "http://receiver" + GOOD,
        "//receiver" + GOOD,
        GOOD + "?" + "a" * 2048,
        GOOD + "#x",
        "/v1/callbacks/team-a/reviews",
    ],
)
def test_s17_any_other_path_is_none(path: str) -> None:
    assert static.parse(path) is None


@given(st.text(max_size=100) | st.text(max_size=60).map(lambda tail: static.PREFIX + tail))
def test_no_path_makes_it_raise_or_is_both_kinds_of_address(path: str) -> None:
    found = static.parse(path)
    if found is not None:
        assert address.parse(path) is None
        assert path.partition("?")[0] == static.PREFIX + "/".join(found)
