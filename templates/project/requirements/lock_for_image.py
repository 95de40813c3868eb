"""Prints which lock fits the Paddle of the image that is being built; stops on another Paddle.

Reads: the Python that runs it.
Writes: the lock's name on standard output.
"""

import sys
from importlib.metadata import PackageNotFoundError, version

LOCKS = {"paddlepaddle-gpu": "gpu.txt", "paddlepaddle": "cpu.txt"}
PADDLE = "3.0.0"


def main() -> None:
    python = "{}.{}".format(*sys.version_info)
    if python not in ("3.10", "3.11"):
        sys.exit(f"error: the image has Python {python}; choose one with Python 3.10 or 3.11")
    for package, lock in LOCKS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        # "3.0.0.post118" is 3.0.0 built for one CUDA version.
        if found.split("+")[0].split(".post")[0] != PADDLE:
            sys.exit(f"error: the image has {package} {found}; choose one with {PADDLE}")
        print(lock)
        return
    sys.exit(f"error: the image has no Paddle; choose paddlepaddle/paddle with Paddle {PADDLE}")


if __name__ == "__main__":
    main()
