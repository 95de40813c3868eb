"""The forms of an exported model: each of its exports, in each runtime that has files of it."""

from dataclasses import dataclass

from pipeline import exports, files
from pipeline.exports import Export
from pipeline.inference import MODEL, WEIGHTS
from pipeline.onnx_runtime import ONNX
from pipeline.project import INT8, PRUNED

RUNTIMES = {
    "paddle": ("Paddle Inference", (MODEL, WEIGHTS)),
    "onnx": ("ONNX Runtime", (ONNX,)),
}


@dataclass(frozen=True)
class Form:
    """An export in one of the runtimes that it has files for.

    Attributes:
        export: the export.
        kind: of RUNTIMES.
    """

    export: Export
    kind: str

    @property
    def runtime(self) -> str:
        return RUNTIMES[self.kind][0]

    @property
    def precision(self) -> str:
        return self.export.about["precision"]

    @property
    def is_pruned(self) -> bool:
        return self.export.about["id"].removesuffix(INT8).endswith(PRUNED)

    @property
    def is_original(self) -> bool:
        """Whether nothing was taken from the trained network."""
        return self.precision == "fp32" and not self.is_pruned

    @property
    def name(self) -> str:
        return f"{'pruned ' if self.is_pruned else ''}{self.precision} {self.runtime}"

    @property
    def file_names(self) -> tuple[str, ...]:
        return RUNTIMES[self.kind][1]

    @property
    def sha256(self) -> str:
        """Of the file that holds its weights."""
        return self.export.about["files"][self.file_names[-1]]

    @property
    def model_sha256(self) -> str | None:
        """Of the run's model that it was made of; exports of earlier templates hold none."""
        return self.export.about["run"].get("model_sha256")

    @property
    def megabytes(self) -> float:
        return files.size_mb([self.export.folder / file for file in self.file_names])

    def predictor(self, threads: int | None = None):
        """The network, with all cores by default."""
        return self.export.predictor(self.kind, threads)


def present(*candidates: Export) -> list[Form]:
    """Every form of the exports whose files are there."""
    return [
        Form(export, kind)
        for export in candidates
        for kind, (_, names) in RUNTIMES.items()
        if all((export.folder / name).is_file() for name in names)
    ]


def originals(export: Export, preprocess_type: type) -> list[Export]:
    """An fp32 export, and the pruned one that was made of it."""
    return [export, *beside(export, PRUNED, preprocess_type)]


def family(export: Export, preprocess_type: type) -> list[Export]:
    """An fp32 export, and every smaller one that was made of it and accepted."""
    fp32 = originals(export, preprocess_type)
    return fp32 + [small for one in fp32 for small in int8_of(one, preprocess_type)]


def int8_of(export: Export, preprocess_type: type) -> list[Export]:
    """The int8 export that was made of an fp32 one; none where that has other weights by now."""
    weights = export.about["files"][WEIGHTS]
    found = beside(export, INT8, preprocess_type)
    return [small for small in found if small.about.get("made_of_weights", weights) == weights]


def beside(export: Export, ending: str, preprocess_type: type) -> list[Export]:
    """The export beside another one whose name goes on with `ending`, if there is one."""
    folder = export.folder.with_name(export.folder.name + ending)
    return [exports.load(folder, preprocess_type)] if folder.is_dir() else []
