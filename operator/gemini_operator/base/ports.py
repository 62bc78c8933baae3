"""A port that cannot be used is an error that names its flags."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def listening(host: str, port: int, *, host_flag: str, port_flag: str) -> Iterator[None]:
    """Turn a failure to listen into one line for the administrator.

    Raises:
        OSError: the port is taken or not allowed, or the host is no address of this machine.
    """
    try:
        yield
    except OSError as error:
        raise OSError(
            f"cannot listen on {host} port {port} ({_why(error)}): "
            f"choose another {port_flag} or {host_flag}"
        ) from None


def _why(error: OSError) -> str:
    # asyncio repeats the address in the text of its error. A name that is not resolved has its own
    # numbers, which are negative.
    number = error.errno or 0
    return os.strerror(number).lower() if number > 0 else error.strerror or str(error)
