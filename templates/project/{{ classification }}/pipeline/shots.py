"""The pictures that a class is added from: found, and all that is wrong said at once."""

from pathlib import Path

from pipeline import class_names, examine, files, project, reference
from pipeline.console import UserError
from pipeline.exports import Export
from pipeline.finding import walk
from pipeline.images import SUFFIXES
from pipeline.picture_files import PictureFile
from pipeline.project import shown
from pipeline.settings import Data

MOST = 20  # pictures; with more of them, training is worth its time


def usable_pictures(name: str, folder: Path, export: Export, data: Data) -> list[Path]:
    """The pictures to add as a class of this name.

    Args:
        name: of the class.
        folder: that holds them.
        export: what they are added to.
        data: the settings' section.

    Raises:
        UserError: the export can't take a class, or the name or a picture can't be used; all
            that is wrong.
    """
    language = project.answers().get("language", "en")
    faults = unfit(export) + class_names.faults(name, export.classes)
    pictures = [
        PictureFile(path, path.relative_to(folder).as_posix())
        for path, _ in walk(folder)
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    if not folder.is_dir():
        faults.append(f"{folder}: no such folder.")
    elif not 1 <= len(pictures) <= MOST:
        faults.append(
            f"{folder}: {len(pictures)} pictures there; 1 to {MOST} are needed "
            f"({', '.join(sorted(SUFFIXES))}). With more of them, train."
        )
    else:
        problems = examine.examine(pictures, str(folder), data.min_side)
        faults += [problem.ungraded(language) for problem in problems if problem.is_error]
        faults += trained_on(pictures, export)
    if faults:
        raise UserError("\n".join(faults))
    examine.group_alike(pictures, data.alike_are_copies)
    problems += [examine.copies(alike, str(folder)) for alike in examine.families(pictures)]
    for problem in problems:
        print(problem.text(language))
    return [picture.path for picture in pictures]


def unfit(export: Export) -> list[str]:
    """What is wrong with an export that can't take a class."""
    if export.about["precision"] != "fp32":
        return [f"{shown(export.folder)} is int8. Add the class to the fp32 export."]
    if reference.FILE not in export.about["files"]:
        return [
            f"{shown(export.folder)} was made when classes could not be added yet. Run train.py "
            "and export.py again."
        ]
    return []


def trained_on(pictures: list[PictureFile], export: Export) -> list[str]:
    """A line for each picture that the model was trained on as one of its own classes."""
    known = {row["sha256"]: row for row in export.about["run"]["data"]}
    found = [(p.path, known.get(files.sha256(p.path))) for p in pictures]
    return [
        f"{path}: the model was trained on this picture as "
        f"{export.classes[row['label']]!r}. Leave it out."
        for path, row in found
        if row
    ]
