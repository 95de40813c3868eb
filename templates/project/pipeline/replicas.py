"""Training on all cores: each thread runs a slice of the batch through a copy of the network.

Most of Paddle's CPU kernels use one core. Slices of a batch in threads of their own, with the
gradients added up, give the gradient of the whole batch (up to rounding) and use every core.
Depthwise convolutions take the form of depthwise.py, which is faster to train.
On a GPU there is one copy, and nothing is gained or lost.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import paddle
from paddle import nn

from pipeline.depthwise import use_matmul

TIMED_STEPS = 9


class Replicas:
    """A network and its copies.

    Args:
        build: makes a network; all that it makes have the same parameters and buffers by name.
        batch_size: pictures of the largest step.
        each: as many pictures of a step a copy has at least,
        least: unless that leaves fewer copies than so many busy.
    """

    def __init__(
        self, build: Callable[[], nn.Layer], batch_size: int, each: int = 1, least: int = 1
    ):
        cores = 1 if on_gpu() else len(os.sched_getaffinity(0))
        self.each, self.least = each, least
        count = min(cores, self._copies_for(batch_size))
        self.networks = [build() for _ in range(count)]
        for network in self.networks:
            use_matmul(network)
        self.main = self.networks[0]
        self.threads = ThreadPoolExecutor(count)

    def gradients(
        self, x: np.ndarray | tuple[np.ndarray, ...], targets: np.ndarray, losses: Callable
    ) -> float:
        """Sets the gradients of `main` to those of the mean loss over a batch.

        Args:
            x: [N, ...] inputs; or several such arrays, which `losses` gets as a list.
            targets: [N, ...].
            losses: (network, inputs, targets) -> loss of each picture, [n].

        Returns:
            The mean loss.
        """

        def one(network, rows):
            several = isinstance(x, tuple)
            inputs = [paddle.to_tensor(array[rows]) for array in (x if several else (x,))]
            wanted = paddle.to_tensor(targets[rows])
            part = losses(network, inputs if several else inputs[0], wanted).sum() / len(targets)
            part.backward()
            return float(part)

        total = sum(self._slices(one, len(targets)))
        for copy in self.networks[1:]:
            for mine, theirs in zip(self.main.parameters(), copy.parameters(), strict=True):
                if theirs.grad is not None:
                    mine.grad = theirs.grad if mine.grad is None else mine.grad + theirs.grad
                    theirs.clear_gradient(set_to_zero=False)
        return total

    def seconds_a_step(
        self,
        batches: Iterable[tuple[np.ndarray | tuple[np.ndarray, ...], np.ndarray]],
        losses: Callable,
        limit: float = math.inf,
    ) -> float:
        """How long a batch takes, drawn `ahead` and with `gradients`: the least over some batches
        of inputs and targets, of which the first only prepares the kernels. Nothing is learned
        from them. After `limit` seconds two batches are enough.

        What else the machine does makes steps longer, never shorter; a plan for half an hour must
        not hang on a moment in which it was busy.
        """
        seconds: list[float] = []
        before = time.monotonic()
        for x, targets in ahead(batches):
            self.gradients(x, targets, losses)
            self.main.clear_gradients(set_to_zero=False)
            seconds.append(time.monotonic() - before)
            if len(seconds) > 1 and sum(seconds) > limit:
                break
            before = time.monotonic()
        return min(seconds[1:])

    def outputs(self, run: Callable, x: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """`run(network, inputs)` for all of x, [N, ...] -> [N, ...], without gradients."""

        def one(network, rows):
            with paddle.no_grad():
                parts = [
                    run(network, paddle.to_tensor(x[rows[i : i + batch_size]])).numpy()
                    for i in range(0, len(rows), batch_size)
                ]
            return np.concatenate(parts)

        return np.concatenate(list(self._slices(one, len(x))))

    def synchronised(self, count: int | None = None) -> list[nn.Layer]:
        """The first `count` networks, or all; they have the state of `main`, and its parameters
        that are frozen."""
        networks, state = self.networks[:count], self.main.state_dict()
        for copy in networks[1:]:
            for mine, theirs in zip(self.main.parameters(), copy.parameters(), strict=True):
                theirs.stop_gradient = mine.stop_gradient
            theirs = copy.state_dict()
            for name, mine in state.items():
                theirs[name].set_value(mine.detach())
        return networks

    def _copies_for(self, count: int) -> int:
        return max(min(self.least, count), count // self.each)

    def _slices(self, task: Callable, count: int):
        networks = self.synchronised(self._copies_for(count))
        return self.threads.map(task, networks, np.array_split(np.arange(count), len(networks)))


def ahead(batches: Iterable) -> Iterator:
    """The batches, each drawn while the one before it is being used."""
    remaining = iter(batches)
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, remaining, None)
        while (batch := upcoming.result()) is not None:
            upcoming = thread.submit(next, remaining, None)
            yield batch


def on_gpu() -> bool:
    """Whether Paddle computes on a GPU."""
    return paddle.device.get_device().startswith("gpu")
