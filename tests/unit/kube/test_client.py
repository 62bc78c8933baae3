import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.kube.client import path_of
from gemini_operator.kube.errors import BadName


@pytest.mark.parametrize(
    "segment",
    [
        "",
        ".",
        "..",
        "../x",
        "a..b",
        "a/b",
        "/a",
        "a\\b",
        "%2f",
        "%2e%2e",
        "a%00",
        "a\x00",
        "a\n",
        "a b",
        "a?b",
        "a#b",
        "a;b",
        "ä",
        "\u2025",
        "\uff0f",
        "x" * 254,
    ],
)
def test_s03_what_is_no_name_never_becomes_a_path(segment: str) -> None:
    with pytest.raises(BadName):
        path_of(("api", "v1", "namespaces", segment))


@given(st.text(max_size=20))
def test_s03_a_segment_stays_one_segment(segment: str) -> None:
    try:
        path = path_of(("api", segment))
    except BadName:
        return
    assert path == f"/api/{segment}"
    assert segment.isascii()
    assert ".." not in segment


def test_kubernetes_own_names_pass() -> None:
    name = "a.b-c"
    assert path_of(("apis", "events.k8s.io", "v1", name)) == "/apis/events.k8s.io/v1/a.b-c"
    assert path_of(("clusterroles", "system:node")) == "/clusterroles/system:node"
