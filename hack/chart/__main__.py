"""`python -m chart` writes what the chart has from the code; `--check` fails if that is out of date."""

import sys

from chart.generated import CHART, files


def main() -> int:
    """Return the exit status: 1 if `--check` finds a file that is out of date."""
    check = sys.argv[1:] == ["--check"]
    stale = {
        path: text
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        name = path.relative_to(CHART.parents[1])
        if check:
            print(f"{name} is out of date: run `make chart`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(name)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
