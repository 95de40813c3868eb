"""Forms of a model that were judged: which are kept, where they go, and how fast they are."""

import shutil
from dataclasses import dataclass, field, replace
from functools import partial

from pipeline import drift, exports, files, forms, latency, picking
from pipeline.exports import Export
from pipeline.forms import Form


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


def better(first: list[Judged], second: list[Judged]) -> list[Judged]:
    """Of each runtime the second form, if it was accepted or the first one was not."""
    chosen = {one.form.kind: one for one in first}
    for one in second:
        other = chosen.get(one.form.kind)
        if other is None or other.refused or not one.refused:
            chosen[one.form.kind] = one
    return list(chosen.values())


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
                source = one.form.export.folder
                for name in one.form.file_names:
                    shutil.copyfile(source / name, beside / name)
                if (source / drift.FILE).is_file():
                    name = drift.of_runtime(one.form.kind)
                    shutil.copyfile(source / drift.FILE, beside / name)
            records = {one.form.kind: one.result | one.calibration for one in mine}
            about = mine[0].form.export.about | {"compression": records}
            about = exports.describe(beside, about, original.preprocess).about
            if not accepted:
                exports.refuse(beside, " ".join(one.refused or "" for one in mine))
        export = Export(folder, about, original.preprocess)
        placed += [replace(one, form=Form(export, one.form.kind)) for one in mine]
    return placed


def timed(found: list[Judged], size: int, metric: str) -> list[dict]:
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
            "sha256": each.form.sha256,
            "model_sha256": each.form.model_sha256,
            "is_original": each.form.is_original,
            "megabytes": each.form.megabytes,
            **times[each.form.name],
            metric: each.result["interval"],
            "change": each.result[f"{metric}_change"],
            "refused": each.refused,
            **each.calibration,
        }
        for each in found
    ]
    picking.add_ratios(rows)
    return rows
