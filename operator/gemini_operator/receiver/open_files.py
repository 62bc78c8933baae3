"""How many sockets the process may have: the usual 1,024 are few for a port that strangers reach."""

import resource

MOST = 65_536


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard one, or to `MOST` where that is higher.

    Out of descriptors, a receiver accepts nobody until a stranger's socket times out.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
