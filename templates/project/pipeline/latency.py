"""How long predictions take."""

import time
from collections.abc import Callable, Hashable

import numpy as np

ROUNDS = 5
RUNS = 2, 20  # in a row: the fewest and the most ...
TURN = 0.5  # s; ... and about so long, so that a slow call does not use up the other rounds
PAUSE = 0.2  # s; so long do the threads of a runtime keep a core busy after its last run
MAX_SECONDS = 30.0
GREY = 127


def picture(size: int, batch: int = 1) -> np.ndarray:
    """An input of the network to time it with: [batch, 3, size, size], 0..255, float32."""
    return np.full((batch, 3, size, size), GREY, np.float32)


def interleaved(
    calls: dict[Hashable, Callable[[], object]],
) -> dict[Hashable, dict[str, float]]:
    """Times calls in turn, round by round, so that a busy machine slows all of them alike.

    Ends after ROUNDS rounds, or after the round in which MAX_SECONDS are over.

    Returns:
        {name: as from `summary`}.
    """
    times: dict[Hashable, list[float]] = {name: [] for name in calls}
    end = time.monotonic() + MAX_SECONDS
    for _ in range(ROUNDS):
        for name, call in calls.items():
            time.sleep(PAUSE)
            (warm_up,) = repeated(call, 1)
            times[name] += repeated(call, int(np.clip(1000 * TURN / warm_up, *RUNS)))
        if time.monotonic() > end:
            break
    return {name: summary(values) for name, values in times.items()}


def repeated(call: Callable[[], object], runs: int) -> list[float]:
    """How long each of `runs` calls in a row takes, ms."""
    times = []
    for _ in range(runs):
        before = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - before))
    return times


def summary(times: list[float]) -> dict[str, float]:
    """{"median_ms", "p99_ms", "runs"} of times in ms."""
    return {
        "median_ms": float(np.median(times)),
        "p99_ms": float(np.percentile(times, 99)),
        "runs": len(times),
    }
