"""A run's folder: how training begins it, adds to it and ends it."""

import hashlib
import shutil
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save as as_bytes

from pipeline import files, input_check, provenance
from pipeline.console import UserError
from pipeline.project import PRUNED, ROOT, RUNS, newest, shown

ABOUT = "run.json"
MODEL = "model.safetensors"


def newest_unfinished() -> Path:
    """The run that `--resume` goes on with. Raises UserError where there is none."""
    run = newest(RUNS, ABOUT, "Start one with: python train.py", skip=(PRUNED,))
    if files.read_json(run / ABOUT)["finished"]:
        raise UserError(f"{shown(run)} is finished. Start a new run without --resume.")
    return run


def check_resumed(run: Path, data: list[dict]) -> None:
    """Says so where custom.py has changed since the run began, whose rest uses the new one, or
    settings.yaml, of which it has its own.

    Raises:
        UserError: the manifest of the pictures has changed: what the run is judged by would have
            been trained on.
    """
    known, custom = about(run), _custom_sha256()
    if known.get("custom_sha256", custom) != custom:
        print(f"Note: custom.py has changed since {shown(run)} began; it is used as it is now.")
    if (run / "settings.yaml").read_bytes() != (ROOT / "settings.yaml").read_bytes():
        print(
            f"Note: settings.yaml has changed since {shown(run)} began, which goes on with its own."
        )
    if known["data"] != data:
        raise UserError(
            f"{shown(run)}: pictures or labels have changed since it began. Start a new run "
            "without --resume."
        )


def begin(options, weights: dict, data: list[dict], run: Path | None = None, **known) -> Path:
    """Makes a run's folder with all that is known before training.

    Args:
        options: the settings.
        weights: what training starts from: architecture, source, SHA-256.
        data: the manifest of the pictures.
        run: the folder; by default it is named by the time.
        known: what else is to be noted.
    """
    if run is None:
        run = provenance.new_run_folder()
    else:
        run.mkdir(parents=True)
    shutil.copyfile(ROOT / "settings.yaml", run / "settings.yaml")
    about = {"id": run.name, "finished": False, "seed": options.train.seed, "seconds": 0}
    about |= provenance.environment()
    about |= {"settings": options.model_dump(), "custom_sha256": _custom_sha256()}
    about |= {"weights": weights, "data": data} | known
    files.write_json(run / ABOUT, about)
    return run


def _custom_sha256() -> str | None:
    custom = ROOT / "custom.py"
    return files.sha256(custom) if custom.is_file() else None


def about(run: Path) -> dict:
    """What is known of a run."""
    return files.read_json(run / ABOUT)


def note(run: Path, **known) -> None:
    """Adds to what is known of a run."""
    files.write_json(run / ABOUT, about(run) | known)


def save(run: Path, network, preprocess, **known) -> None:
    """Writes the model, usable from now on, and what is known of it; figures of an earlier state
    of the run go."""
    for figures in run.glob("evaluation*"):
        files.remove(figures)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    model = as_bytes(arrays)  # save_file would keep others from reading it
    with files.replacing(run / MODEL) as beside:
        beside.write_bytes(model)
    known |= {"model_sha256": hashlib.sha256(model).hexdigest(), "metrics": {}}
    inputs = input_check.sample(preprocess)
    note(run, preprocess=preprocess.as_dict(), inputs=inputs, **known)


def filled(network, weights: dict[str, np.ndarray], run: str):
    """A network with the weights of a run, as `save` wrote them, ready to be used.

    Raises:
        UserError: they are not those of such a network.
    """
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if wanted != {name: value.shape for name, value in weights.items()}:
        raise UserError(f"{run}: {MODEL} and {ABOUT} don't fit. Train again.")
    network.set_state_dict(weights)
    network.eval()
    return network


def show(run: Path) -> None:
    """Prints which run is judged or exported.

    Raises:
        UserError: pruning it was interrupted: what is left of the network has not learned yet.
    """
    known = about(run)
    if not known["finished"] and run.name.endswith(PRUNED):
        parent = run.name.removesuffix(PRUNED)
        raise UserError(
            f"{shown(run)} is not finished. Run prune.py --resume --run {parent} first."
        )
    unfinished = "" if known["finished"] else ", interrupted: train.py --resume goes on"
    print(f"Run: {shown(run)} (stage {known['stage']}{unfinished})", flush=True)


def finish(run: Path, started: float) -> None:
    """Marks a run as finished, `started` being when (`time.monotonic()`) this part of it began."""
    seconds = round(about(run)["seconds"] + time.monotonic() - started, 1)
    note(run, finished=True, seconds=seconds)
    files.remove(run / "checkpoints")
    print(f"Model: {shown(run / MODEL)} (stage {about(run)['stage']}, {seconds:.0f} s)")
    which = "" if run == newest(RUNS, MODEL, "") else f" --run {run.name}"
    print(f"Next:  python evaluate.py{which}, then python export.py{which}")
