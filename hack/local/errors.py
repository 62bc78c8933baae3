"""What goes wrong here is told to a person in one line."""


class LocalError(Exception):
    """The message says what is wrong and, where it can, what to do."""
