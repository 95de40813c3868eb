"""Makes an exported model smaller and faster, and picks the form of it to deploy.

Reads:  export/<id>/, and export/<id>-pruned/ where prune.py wrote it; settings.yaml (limits),
        data/ (splits, labels and pictures)
Writes: export/<id>-int8/ (and <id>-pruned-int8/): model.pdmodel and model.pdiparams for Paddle
        Inference, model.onnx for ONNX Runtime, preprocess.json, export.json; what lost too much
        goes to ….refused/ instead; export/<id>/pick.json: the table and the pick

    python compress.py
    python compress.py --export 20260131-120000
    python compress.py --qat     # fine-tunes in 8 bits, also if it is not needed

Where every int8 form of the unpruned export lost too much, that network is fine-tuned for a short
while in 8 bits. Training pictures set the ranges of the 8 bit numbers, and pictures held out from
them choose the way to do that. The test pictures say whether the result is good enough, and with
--qat which of two results stays.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import (
    calibration,
    compression,
    console,
    exports,
    familiar,
    files,
    forms,
    judged,
    parity,
    picking,
    provenance,
    quantization,
    quantization_aware,
    settings,
    splits,
)
from pipeline.compression import Judge
from pipeline.console import UserError
from pipeline.dataset import read_splits
from pipeline.exports import Export
from pipeline.forms import Form
from pipeline.inference import WEIGHTS, save_network, write_onnx
from pipeline.judged import Judged
from pipeline.parity import METRIC
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE, chosen_run, shown

LOG = CACHE / "compress.log"
ADVICE = (
    "Deploy another form, fine-tune longer, add training pictures, or allow more loss in "
    "settings.yaml."
)


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
    gate = Gate(fp32, tests, options.limits)
    originals = forms.originals(export, Preprocess)
    found = [gate.judge(form) for form in forms.present(*originals)]
    failures: list[str] = []
    for original in originals:
        with TemporaryDirectory() as scratch:
            quantizer = Quantizer(original, shots, held_out, gate, Path(scratch))
            made = quantizer.after_training(failures)
            if original is export and (arguments.qat or all(one.refused for one in made)):
                try:
                    made = judged.better(made, quantizer.fine_tuned(options))
                except UserError as error:
                    failures.append(str(error))
            for form in (one.form for one in made if not one.refused):
                familiar.keep(form.export.folder, form.predictor(), form.export.preprocess, options)
            found += judged.put_away(original, made)
    rows = judged.timed(found, export.preprocess.input_size, METRIC)
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
        "pick": picked and {name: picked[name] for name in ("name", "export", "kind", "sha256")},
        "why": why,
        "forms": rows,
        "failures": failures,
    }
    files.write_json(export.folder / picking.FILE, about | provenance.environment())
    print(f"Written: {shown(export.folder / picking.FILE)} (the libraries' output: {shown(LOG)})")
    if picked is None:
        raise UserError(why)
    for remark in compression.remarks(export):
        print(f"Note:    {remark}")
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
    parser.add_argument("--qat", action="store_true", help="fine-tune in 8 bits in any case")
    return parser.parse_args()


class Gate:
    """Judges forms by the test pictures, beside the trained model's fp32 form."""

    def __init__(self, fp32: Form, tests: list, limits):
        self.beside, self.limits = Judge(fp32, tests), limits

    def judge(self, form: Form, **calibration) -> Judged:
        result = self.beside.compare(form)
        faults = parity.faults(form.name, result, self.limits, exact=False)
        return Judged(form, result, " ".join(faults) or None, calibration)


class Quantizer:
    """Makes an fp32 export int8.

    Args:
        original: the export.
        shots: training pictures that set the ranges.
        held_out: training pictures that choose the method.
        gate: what the results have to pass.
        scratch: where they are made.
    """

    def __init__(self, original: Export, shots: list, held_out: list, gate: Gate, scratch: Path):
        self.original, self.shots, self.gate, self.scratch = original, shots, gate, scratch
        self.chooser = Judge(forms.present(original)[0], held_out)
        self.x = compression.inputs(shots, original.preprocess)
        self.about = {"id": original.about["id"] + forms.INT8, "precision": "int8"}
        kept = ("classes", "run", *compression.KEPT)
        self.about |= {name: original.about[name] for name in kept if name in original.about}
        weights = original.about["files"][WEIGHTS]
        self.about |= {"made_of": original.about["id"], "made_of_weights": weights}
        self.about |= {"exported_with": provenance.environment()}

    def after_training(self, failures: list[str]) -> list[Judged]:
        """By post-training quantization, for every runtime; `failures` gets those that failed."""
        made = []
        for form in forms.present(self.original):
            try:
                made.append(self.quantized(self.original.folder, form.kind))
            except UserError as error:
                failures.append(f"int8 {form.runtime}: {error}")
        return made

    def fine_tuned(self, options) -> list[Judged]:
        """By fine-tuning in 8 bits, then as after any training, each runtime in its own way."""
        run = chosen_run(Path(self.original.about["id"]))
        student, teacher = compression.student_and_teacher(run)
        print(f"Fine-tuning in 8 bits: {quantization_aware.STEPS} steps ...", flush=True)
        batches = compression.endless_batches(options, self.original.preprocess)
        weights = quantization_aware.fine_tune(student, teacher, compression.apart, batches, LOG)
        teacher.set_state_dict(teacher.state_dict() | weights)
        learned = self.scratch / "learned"
        save_network(teacher, learned, self.original.preprocess.input_size)
        write_onnx(learned, LOG)
        return [
            self.quantized(learned, form.kind, fine_tuned=True)
            for form in forms.present(self.original)
        ]

    def quantized(self, source: Path, kind: str, **known) -> Judged:
        """The fp32 network in `source` in 8 bits, by the best method."""

        def loss(candidate: Path) -> float:
            return self.chooser.loss(
                Form(Export(candidate, self.about, self.original.preprocess), kind)
            )

        folder = self.scratch / f"{source.name}-{kind}"
        method, losses = quantization.quantize(
            *(kind, source, folder, self.x, loss, LOG),
            compression.ENOUGH,
            compression.KEEP_LAST,
        )
        return self.checked(folder, kind, method=method, losses=losses, **known)

    def checked(self, folder: Path, kind: str, **calibration) -> Judged:
        """A form as whoever deploys it will find it: with the preprocessing that is written."""
        exports.describe(folder, self.about, self.original.preprocess)
        reread = exports.load(folder, Preprocess)
        one = self.gate.judge(Form(reread, kind), inputs=len(self.x), **calibration)
        wanted, given = (
            compression.input_hash(self.shots, preprocess)
            for preprocess in (self.original.preprocess, reread.preprocess)
        )
        if wanted != given:
            fault = f"{one.form.name}: preprocess.json prepares pictures in another way."
            one = replace(one, refused=fault)
        return one


if __name__ == "__main__":
    console.run(main)
