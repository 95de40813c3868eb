"""How long predictions take."""

import time
from collections.abc import Callable, Hashable

import numpy as np

ROUNDS = 5
RUNS = 20  # in a row
PAUSE = 0.2  # s; so long do the threads of a runtime keep a core busy after its last run
MAX_SECONDS = 15.0


def interleaved(
    calls: dict[Hashable, Callable[[], object]],
) -> dict[Hashable, dict[str, float]]:
    """Times calls in turn, round by round, so that a busy machine slows all of them alike.

    Ends after ROUNDS rounds, or after the round in which MAX_SECONDS are over.

    Returns:
        {name: {"median_ms", "p99_ms", "runs"}}.
    """
    times: dict[Hashable, list[float]] = {name: [] for name in calls}
    end = time.monotonic() + MAX_SECONDS
    for _ in range(ROUNDS):
        for name, call in calls.items():
            time.sleep(PAUSE)
            call()  # warms up
            for _ in range(RUNS):
                before = time.perf_counter()
                call()
                times[name].append(1000 * (time.perf_counter() - before))
        if time.monotonic() > end:
            break
    return {
        name: {
            "median_ms": float(np.median(values)),
            "p99_ms": float(np.percentile(values, 99)),
            "runs": len(values),
        }
        for name, values in times.items()
    }
