from documents.table import code, table


def test_a_cell_cannot_end_its_row() -> None:
    assert table(("a", "b"), [("x | y", "one\ntwo")]).splitlines()[-1] == "| x \\| y | one two |"


def test_nothing_is_no_code() -> None:
    assert (code(""), code("x")) == ("", "`x`")
