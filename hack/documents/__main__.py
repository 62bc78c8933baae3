"""`python -m documents`: renew the tables of docs/ that come from the code."""

from documents.pages import PROJECT, stale


def main() -> None:
    """Write the pages that changed, and name them."""
    for page, text in stale().items():
        page.write_text(text, encoding="utf-8")
        print(page.relative_to(PROJECT))


if __name__ == "__main__":
    main()
