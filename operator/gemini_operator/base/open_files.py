"""Raises the limit of open files, whose usual 1,024 is too low for a public port."""

import resource

# Enough for every connection; some containers have a hard limit of a billion.
MOST = 65_536


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard one, but to no more than `MOST`.

    A server without free descriptors accepts no connection until another one times out.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
