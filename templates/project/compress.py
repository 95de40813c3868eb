"""Makes an exported model smaller and faster, and picks the form of it to deploy.

Reads:  export/<id>/, and export/<id>-pruned/ where prune.py wrote it; settings.yaml (limits),
        data/ (splits, labels and pictures)
Writes: export/<id>-int8/ (and <id>-pruned-int8/): model.pdmodel and model.pdiparams for Paddle
        Inference, model.onnx for ONNX Runtime, preprocess.json, export.json; what lost too much
        goes to ….refused/ instead; export/<id>/pick.json: the table and the pick

    python compress.py
    python compress.py --export 20260131-120000

Training pictures set the ranges of the 8 bit numbers, and pictures held out from them choose the
way to do that. The test pictures only say, once, whether the result is good enough.
"""

import argparse
import os
import shutil
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import (
    calibration,
    compression,
    console,
    exports,
    files,
    forms,
    latency,
    parity,
    picking,
    provenance,
    quantization,
    settings,
    splits,
)
from pipeline.compression import Judge
from pipeline.console import UserError
from pipeline.dataset import read_splits
from pipeline.exports import Export
from pipeline.forms import Form
from pipeline.parity import METRIC
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE, shown

LOG = CACHE / "compress.log"
ADVICE = (
    "Deploy another form, fine-tune longer, add training pictures, or allow more loss in "
    "settings.yaml."
)


@dataclass(frozen=True)
class Judged:
    """A form beside the trained model's fp32 form on the test pictures.

    Attributes:
        form: the form.
        result: its figures.
        refused: why it may not be used; None where it may.
        calibration: how it was quantized; empty for fp32.
    """

    form: Form
    result: dict
    refused: str | None
    calibration: dict = field(default_factory=dict)


def main() -> None:
    arguments = read_arguments()
    export = exports.load(exports.chosen(arguments.export), Preprocess)
    fp32 = forms.present(export)[0]
    if not fp32.is_original:
        raise UserError(f"{shown(export.folder)} is compressed. Name the export it was made of.")
    options = settings.load()
    tests = splits.unseen(read_splits(options), "test", options.classes, export.about["run"])
    shots, held_out = compression.training_pictures(options, export)
    calibration.check(compression.pictures_of_classes(shots), len(shots), export.classes)

    files.remove(LOG)
    print(f"Judging by {len(tests)} test pictures ...", flush=True)
    judge = Judge(fp32, tests)
    originals = forms.originals(export, Preprocess)
    found = [judged(form, judge, options.limits) for form in forms.present(*originals)]
    failures: list[str] = []
    for original in originals:
        with TemporaryDirectory() as scratch:
            pictures = shots, held_out
            made = quantized(original, Path(scratch), pictures, judge, options.limits, failures)
            found += put_away(original, made)
    rows = timed(found, export.preprocess.input_size)
    picked, why = picking.pick(rows, options.limits)
    threads = len(os.sched_getaffinity(0))
    picking.show(rows, METRIC, threads)
    for failure in failures:
        print(f"not made: {failure}")
    about = {
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "threads": threads,
        "test_pictures": len(tests),
        "calibration_pictures": len(shots),
        "limits": options.limits.model_dump(),
        "pick": picked and {name: picked[name] for name in ("name", "export", "kind")},
        "why": why,
        "forms": rows,
        "failures": failures,
    }
    files.write_json(export.folder / picking.FILE, about | provenance.environment())
    print(f"Written: {shown(export.folder / picking.FILE)} (the libraries' output: {shown(LOG)})")
    if picked is None:
        raise UserError(why)
    print(f"Pick:    {picked['name']} ({picked['export']}): {why}.")
    int8 = [one for one in found if one.form.precision == "int8"]
    if all(one.refused for one in int8):
        reasons = " ".join([*(one.refused for one in int8), *failures])
        raise UserError(f"refused: {reasons} {ADVICE}")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    return parser.parse_args()


def judged(form: Form, judge: Judge, limits, **calibration) -> Judged:
    """Compares a form with the trained model's fp32 form."""
    result = judge.compare(form)
    faults = parity.faults(form.name, result, limits, exact=False)
    return Judged(form, result, " ".join(faults) or None, calibration)


def quantized(
    original: Export,
    scratch: Path,
    pictures: tuple[list, list],
    judge: Judge,
    limits,
    failures: list[str],
) -> list[Judged]:
    """Makes an fp32 export int8 for every runtime, each in a folder of its own.

    Args:
        original: the export.
        scratch: where the folders are made.
        pictures: training pictures that set the ranges, and those that choose the method.
        judge: by the test pictures.
        limits: of the settings.
        failures: gets the runtimes for which it can't be made, and why.
    """
    shots, held_out = pictures
    x = compression.inputs(shots, original.preprocess)
    input_sha256 = compression.input_hash(shots, original.preprocess)
    about = {"id": original.about["id"] + forms.INT8, "precision": "int8"}
    about |= {name: original.about[name] for name in ("classes", "run")}
    about |= {"thresholds": original.about["thresholds"]} if "thresholds" in original.about else {}
    about |= {"exported_with": provenance.environment(), "made_of": original.about["id"]}
    chooser = Judge(forms.present(original)[0], held_out)
    made = []
    for form in forms.present(original):
        kind = form.kind
        folder = scratch / kind

        def loss(candidate: Path, kind: str = kind) -> float:
            return chooser.loss(Form(Export(candidate, about, original.preprocess), kind))

        try:
            method, losses = quantization.quantize(
                kind, original.folder, folder, x, loss, LOG, compression.KEEP_LAST
            )
        except UserError as error:
            failures.append(f"int8 {form.runtime}: {error}")
            continue
        exports.describe(folder, about, original.preprocess)
        reread = exports.load(folder, Preprocess)
        one = judged(Form(reread, kind), judge, limits, method=method, losses=losses, inputs=len(x))
        if compression.input_hash(shots, reread.preprocess) != input_sha256:
            fault = f"{one.form.name}: preprocess.json prepares pictures in another way."
            one = replace(one, refused=fault)
        made.append(one)
    return made


def put_away(original: Export, made: list[Judged]) -> list[Judged]:
    """Moves what was accepted to <id>-int8/ and the rest to <id>-int8.refused/; nothing of an
    earlier call stays in either."""
    target = original.folder.with_name(original.folder.name + forms.INT8)
    placed = []
    for folder, accepted in ((target, True), (exports.aside(target), False)):
        mine = [one for one in made if (one.refused is None) == accepted]
        if not mine:
            files.remove(folder)
            continue
        with files.replacing(folder) as beside:
            beside.mkdir()
            for one in mine:
                for name in one.form.file_names:
                    shutil.copyfile(one.form.export.folder / name, beside / name)
            records = {one.form.kind: one.result | one.calibration for one in mine}
            about = mine[0].form.export.about | {"compression": records}
            exports.describe(beside, about, original.preprocess)
            if not accepted:
                exports.refuse(beside, " ".join(one.refused or "" for one in mine))
        export = Export(folder, about, original.preprocess)
        placed += [replace(one, form=Form(export, one.form.kind)) for one in mine]
    return placed


def timed(found: list[Judged], size: int) -> list[dict]:
    """The rows of the table: every form with its size, its times, taken in turn with one input at
    a time on all cores, and what it loses."""
    print(f"Timing {len(found)} forms in turn ...", flush=True)
    one = latency.picture(size)
    times = latency.interleaved(
        {each.form.name: partial(each.form.predictor().run, one) for each in found}
    )
    rows = [
        {
            "name": each.form.name,
            "export": each.form.export.about["id"],
            "kind": each.form.kind,
            "is_original": each.form.is_original,
            "megabytes": each.form.megabytes,
            **times[each.form.name],
            METRIC: each.result["interval"],
            "change": each.result[f"{METRIC}_change"],
            "refused": each.refused,
            **each.calibration,
        }
        for each in found
    ]
    picking.add_ratios(rows)
    return rows


if __name__ == "__main__":
    console.run(main)
