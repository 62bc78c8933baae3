import pytest

from documents import pages

PAGE = "before\n<!-- generated: access receiver -->\nold\n<!-- end -->\nafter\n"


def test_a_table_takes_the_place_of_the_old_one_and_nothing_else() -> None:
    new = pages.renewed(PAGE)
    assert new.startswith("before\n<!-- generated: access receiver -->\n\n| API group |")
    assert new.endswith("|\n\n<!-- end -->\nafter\n")
    assert "old" not in new
    assert pages.renewed(new) == new


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        pages.renewed(PAGE.replace("access receiver", "nothing"))


def test_a_page_without_tables_stays() -> None:
    assert pages.renewed("only words\n") == "only words\n"
