"""What predict.py --format can name: an export, or what was made from it, in one of the runtimes.

A name is that of the runtime (`onnx`). For what was made from the export it begins with the end of
that folder's name: `int8-paddle` is `export/<id>-int8/` in Paddle Inference.
"""

import sys

from pipeline import forms, picking, tensorrt
from pipeline.console import UserError
from pipeline.exports import Export
from pipeline.project import shown

# How the names of what can be missing begin, and why it is.
REASONS = {
    "lite": " (a .nb file runs on ARM boards alone, not here)",
    "pruned": " (prune.py, then export.py make it)",
    "int8": " (compress.py makes it, unless it loses too much)",
}


def chosen(export: Export, name: str) -> tuple[Export, str]:
    """The export and the kind of its predictor that a name stands for.

    Raises:
        UserError: there is no such format; says what there is, and how to get what is missing.
    """
    kinds = [*(form.kind for form in forms.present(export)), *tensorrt.KINDS]
    if name in kinds:
        return export, name
    others = _made_from(export)
    if name not in others:
        reason = next((text for start, text in REASONS.items() if name.startswith(start)), "")
        raise UserError(
            f"{shown(export.folder)}: no format {name!r}{reason}. Choose from "
            f"{', '.join([*kinds, *others])}; TensorRT needs an NVIDIA card."
        )
    return others[name]


def picked(export: Export) -> tuple[Export, str]:
    """The form that compress.py picked of an export; without a pick or where that is no longer
    there, the export itself. A line on standard error says which."""
    table = picking.read(export.folder)
    if table is None or table["pick"] is None:
        return first(export)
    ending = table["pick"]["export"].removeprefix(export.about["id"])
    made = forms.beside(export, ending, type(export.preprocess)) if ending else [export]
    for form in forms.present(*made):
        if picking.is_of(table["pick"], form):
            print(f"Form: {form.name}, which compress.py picked.", file=sys.stderr)
            return form.export, form.kind
    gone = f"{table['pick']['name']}, which compress.py picked, is gone or was made anew"
    print(f"Form: the export; {gone}. Run compress.py again.", file=sys.stderr)
    return first(export)


def first(export: Export) -> tuple[Export, str]:
    """An export in the first runtime that it has files for."""
    form = forms.present(export)[0]
    return form.export, form.kind


def _made_from(export: Export) -> dict[str, tuple[Export, str]]:
    """By name, the forms of what was made from an export and not refused."""
    prefix = f"{export.folder.name}-"
    return {
        f"{made.folder.name.removeprefix(prefix)}-{form.kind}": (made, form.kind)
        for made in forms.family(export, type(export.preprocess))[1:]
        for form in forms.present(made)
    }
