from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_emulator.errors import ApiError
from gemini_emulator.routes import page, page_size


@dataclass(frozen=True)
class Item:
    id: str
    created: float


items = st.lists(
    st.builds(Item, id=st.text(min_size=1, max_size=3), created=st.integers(0, 3).map(float)),
    unique_by=lambda item: item.id,
    max_size=12,
)


@given(items, st.integers(1, 5))
def test_pages_together_show_every_item_once_newest_first(found: list[Item], size: int) -> None:
    shown, token = page(found, size, "")
    while token:
        more, token = page(found, size, token)
        assert more
        shown += more
    assert sorted(shown, key=lambda item: item.id) == sorted(found, key=lambda item: item.id)
    created = [item.created for item in shown]
    assert created == sorted(created, reverse=True)


def test_what_comes_or_goes_between_pages_moves_nothing() -> None:
    found = [Item(str(number), float(number)) for number in range(4)]
    first, token = page(found, 2, "")
    changed = [Item("new", 9.0), *(item for item in found if item.id != "2")]
    rest, _ = page(changed, 5, token)
    assert [item.id for item in first + rest] == ["3", "2", "1", "0"]


@pytest.mark.parametrize("token", ["x", "e30=", "WzFd", "ö"])
def test_a_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="Invalid page token"):
        page([], 1, token)


@pytest.mark.parametrize(
    ("text", "size"), [(None, 50), ("", 50), ("0", 50), ("7", 7), ("5000", 1000)]
)
def test_a_page_size_has_a_default_and_a_limit(text: str | None, size: int) -> None:
    assert page_size(text, default=50, maximum=1000) == size


@pytest.mark.parametrize("text", ["-1", "x", "1.5"])
def test_a_page_size_is_a_number(text: str) -> None:
    with pytest.raises(ApiError, match="page_size"):
        page_size(text, default=50, maximum=1000)
