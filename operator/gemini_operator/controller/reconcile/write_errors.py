"""Why a write to a job's object did not do what was decided."""


class Stale(Exception):
    """The object has changed or is gone: the decision is out of date."""


class WriteRefused(Exception):
    """The API server, a policy or a missing right does not let the operator change the object."""


class NotKept(Exception):
    """The API server answered 200 and dropped `fields`, paths, of the write: its CRD is older."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"Dropped fields: {', '.join(fields[:5])}.")
