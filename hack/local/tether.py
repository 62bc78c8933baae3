"""Become another program that the kernel kills when this one's parent dies.

Run as a script: `tether.py PARENT_PID PROGRAM ARGUMENT…`. The kernel watches the *thread* that started
the program (prctl(2), PR_SET_PDEATHSIG), so start programs from a thread that lives long enough.
Elsewhere than on Linux it only becomes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, program: str, *arguments: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != int(parent):
        sys.exit(f"{program} was not started: its parent is gone")
    os.execvp(program, [program, *arguments])  # noqa: S606 -- becoming the program is the purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
