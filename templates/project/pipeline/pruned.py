"""Runs that were pruned: runs/<id>-pruned/, beside the run that each was made from."""

from collections.abc import Callable, Iterable
from pathlib import Path

from paddle import nn

from pipeline import files, pruning, runs
from pipeline.console import UserError
from pipeline.curves import Phase
from pipeline.fine_tuning import fine_tune
from pipeline.project import PRUNED, RUNS, chosen_run, shown
from pipeline.replicas import Replicas

RATE = 0.3  # of train.learning_rate: the network is nearly right when its training begins


def parent_of(given: Path | None) -> Path:
    """The run to prune: the one that the user named, or the newest that is not pruned itself.

    Raises:
        UserError: there is no such run, it is not finished, or it can't be pruned.
    """
    run = chosen_run(given, skip=(PRUNED,))
    about = runs.about(run)
    pruning.check(about)
    if not about["finished"]:
        raise UserError(f"{shown(run)} is not finished. Run train.py --resume first.")
    return run


def unfinished(parent: Path) -> Path:
    """The interrupted pruning of a run. Raises UserError where there is none."""
    run = RUNS / f"{parent.name}{PRUNED}"
    if not (run / runs.MODEL).is_file() or runs.about(run)["finished"]:
        raise UserError(f"{shown(run)}: nothing to go on with. Run prune.py without --resume.")
    return run


def begin(
    parent: dict, options, data: list[dict], network: nn.Layer, cuts: dict[str, pruning.Cut]
) -> Path:
    """Makes the folder of a pruned run; an earlier one of the same run goes.

    Args:
        parent: `run.json` of the run that is pruned.
        options: the settings.
        data: the manifest of the pictures.
        network: before the cuts.
        cuts: of `network`.
    """
    run = RUNS / f"{parent['id']}{PRUNED}"
    files.remove(run)
    weights = parent["weights"] | {"widths": pruning.widths_after(network, cuts)}
    runs.begin(options, weights, data, run)
    model = RUNS / parent["id"] / runs.MODEL
    origin = {"run": parent["id"], "sha256": files.sha256(model), "keep": options.prune.keep}
    runs.note(run, pruned_from=origin)
    return run


def show(
    what: str, network: nn.Layer, side: int, measured: dict[str, float], metric: str
) -> dict[str, float]:
    """Prints what a network can do and what it costs; gives its figures on held-out pictures by
    their short names."""
    figures = {name.removeprefix("held_out_"): value for name, value in measured.items()}
    work = sum(pruning.multiply_adds(network, side).values())
    size = sum(parameter.size for parameter in network.parameters())
    print(
        f"{what + ':':18}{metric} {figures[metric]:.3f} on held-out pictures, "
        f"{work / 1e6:.0f} M multiply-adds, {size / 1e6:.2f} M parameters",
        flush=True,
    )
    return figures


def affordable_steps(run: Path, replicas: Replicas, few: Iterable, losses, options) -> int:
    """How many steps fit into `prune.minutes`, measured on a few batches; noted in the run, so
    that a resumed one has the same plan."""
    planned = runs.about(run).get("planned_steps")
    if planned is None:
        seconds = 60 * options.prune.minutes
        planned = int(seconds / replicas.seconds_a_step(few, losses)) if seconds else 0
        runs.note(run, planned_steps=planned)
    return planned


def train_again(
    run: Path,
    replicas: Replicas,
    batches: Callable,
    losses: Callable,
    judge: Callable | None,
    epochs: int,
    steps_an_epoch: int,
    options,
) -> None:
    """Trains what is left of a network, as `fine_tune` does, at RATE times its learning rate."""
    rates = options.model_copy(update={"learning_rate": RATE * options.learning_rate})
    phase = Phase(run, "pruned")
    fine_tune(replicas, batches, losses, judge, epochs, steps_an_epoch, phase, rates)


def advise(fault: str) -> None:
    """Says what was lost, and what loses less."""
    print(f"Note:  {fault} A larger prune.keep or more prune.minutes lose less.")
