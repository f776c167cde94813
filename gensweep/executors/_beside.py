"""What runs beside a worker, as a script of its own: it kills the worker where that has given no sign of life for too long.

    python _beside.py PID      each line of its input is a sign of life, and says for how many seconds none may be missed

It imports little, for it starts with each worker and stays as long. It counts its own seconds: where it was frozen with its
worker, as a scheduler or a sleeping laptop does it, nobody was late.
"""

import os
import select
import signal
import sys
from datetime import timedelta

_TICK = 1.0  # seconds


def main(pid: int) -> None:
    """Until the worker ends."""
    limit, quiet = float("inf"), 0.0
    while os.getppid() == pid:
        if select.select([0], [], [], _TICK)[0]:
            said = os.read(0, 4096)
            if not said:
                return
            limit, quiet = float(said.split()[-1]), 0.0
            continue
        quiet += _TICK
        if quiet > limit:
            os.write(2, f"Frozen ({timedelta(seconds=int(quiet))})!\n".encode())
            os.kill(pid, signal.SIGKILL)
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
