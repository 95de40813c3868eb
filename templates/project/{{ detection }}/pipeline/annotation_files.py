"""Reads the annotation files of the data folder, and finds the picture that each speaks of."""

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from pipeline import coco, labelme, voc, yolo
from pipeline.annotations import Annotation, AnnotationError, Picture, read_json, read_text
from pipeline.images import SUFFIXES
from pipeline.picture_index import PictureIndex, is_elsewhere, split_of_file
from pipeline.problems import BROKEN_FILE, Problem, problem
from pipeline.splits import split_named
from pipeline.text import some

# Of a list, up to a picture's ending: there may be blanks in its name.
FIRST_COLUMN = rf".*?({'|'.join(map(re.escape, SUFFIXES))})(?=\s)"


class AnnotationFiles:
    """Goes through annotation files one by one and gives each picture what is said of it.

    Args:
        folder: the data folder.
        base: the folder in it whose inside mirrors the pictures' folders.
        pictures: all that were found; their `annotation` and `split` are filled in.
        classes: of the settings, for class numbers that no file names.

    Attributes:
        problems: what is wrong with the files read so far.
    """

    def __init__(self, folder: Path, base: PurePosixPath, pictures: list[Picture], classes: list):
        self.folder, self.base, self.pictures, self.classes = folder, base, pictures, classes
        self.index = PictureIndex(pictures)
        self.problems: list[Problem] = []
        self.names: dict[Path, list[str]] = {}  # of YOLO's class numbers, by folder
        self.annotated: set[PurePosixPath] = set()  # pictures, without their endings
        self.twice: list[tuple[str, Annotation, Annotation]] = []
        self.elsewhere: dict[str, str] = {}  # name in a file, by the picture's
        self.has_coco = False

    def read(self, path: PurePosixPath) -> None:
        readers = {".json": self._json, ".txt": self._txt, ".xml": self._xml}
        where = f"{self.folder.name}/{path}"
        try:
            readers[path.suffix.lower()](path, where)
        except AnnotationError as error:
            if error.fault not in self.problems:  # names of classes are for several folders
                self.problems.append(error.fault)
            for picture in self.index.mirrored(self._mirror(path)):
                self._give(picture, Annotation(where, readable=False))

    def read_splits(self, path: PurePosixPath) -> None:
        """Reads a file beside the labels that the settings name, if it lists a split's pictures."""
        try:
            if path.suffix.lower() == ".txt" and not self._holds_rows(path):
                self._list(path, f"{self.folder.name}/{path}")
        except AnnotationError as error:
            self.problems.append(error.fault)

    def used(self) -> list[Picture]:
        """The annotated pictures and, without a COCO file to list them, the good ones."""
        return [p for p in self.pictures if p.annotation or self._lack(p) == "not_annotated"]

    def _lack(self, picture: Picture) -> str:
        """What it means that a picture has no annotation, as a kind of problem."""
        if self.has_coco:
            return "unlisted"
        return "other_ending" if _without_ending(picture) in self.annotated else "not_annotated"

    def left_over(self) -> list[Problem]:
        """Pictures without an annotation or with two, and no annotations at all."""
        data, problems = f"{self.folder.name}/", []
        if self.twice:
            name, first, second = self.twice[0]
            details = {"name": name, "first": first.where, "second": second.where}
            problems.append(problem("annotated_twice", data, count=len(self.twice), **details))
        if self.elsewhere:
            picture, name = next(iter(self.elsewhere.items()))
            details = {"count": len(self.elsewhere), "name": name, "picture": picture}
            problems.append(problem("by_name_alone", data, **details))
        if any(fault.kind in BROKEN_FILE for fault in self.problems):
            return problems  # what is missing may stand in the broken file
        names = defaultdict(list)
        for picture in self.pictures:
            if not picture.annotation:
                names[self._lack(picture)].append(picture.name)
        has_errors = any(fault.is_error for fault in self.problems)
        if not self.pictures:
            problems.append(problem("no_pictures", data, endings=" ".join(sorted(SUFFIXES))))
        elif not has_errors and not self.annotated:
            problems.append(problem("no_annotations", data))
        else:
            for kind, own in names.items():
                problems.append(problem(kind, data, count=len(own), names=some(own)))
        return problems

    def _json(self, path: PurePosixPath, where: str) -> None:
        tree = read_json(self.folder / path, where)
        if isinstance(tree, dict) and all(section in tree for section in coco.SECTIONS):
            self._coco(tree, path, where)
        elif isinstance(tree, dict) and "shapes" in tree:
            self._one(path, where, *labelme.read(tree, where))
        else:
            self.problems.append(problem("other_json", where))

    def _coco(self, tree: dict, path: PurePosixPath, where: str) -> None:
        self.has_coco = True
        found, faults = coco.read(tree, where)
        self.problems += faults
        for name, annotation in found:
            if picture := self._named(name, annotation.where, self.index.named(name, path)):
                self._give(picture, annotation)
                if split := split_of_file(path):
                    picture.split, picture.given_by = split, where

    def _xml(self, path: PurePosixPath, where: str) -> None:
        root = voc.parse(self.folder / path, where)
        if root.tag == "annotation":
            self._one(path, where, *voc.read(root, where))
        else:
            self.problems.append(problem("other_xml", where, root=root.tag))

    def _txt(self, path: PurePosixPath, where: str) -> None:
        """YOLO's rows, or a list of the pictures of a split, or a note that is no one's mistake."""
        if self.index.mirrored(self._mirror(path)) or self._holds_rows(path):
            names = self._class_names((self.folder / path).parent)
            self._one(path, where, *yolo.read(self.folder / path, where, names))
        else:
            self._list(path, where)

    def _holds_rows(self, path: PurePosixPath) -> bool:
        with open(self.folder / path, encoding="utf-8", errors="replace") as file:
            return yolo.is_row(file.readline(1000))

    def _class_names(self, folder: Path) -> list[str]:
        if folder not in self.names:
            self.names[folder] = self.classes
            names = yolo.class_names(folder, self.folder)
            order = ", ".join(f"{number} {name}" for number, name in enumerate(self.classes))
            fault = problem("numbers_by_settings", f"{self.folder.name}/", order=order)
            if names is None and fault not in self.problems:
                self.problems.append(fault)
            self.names[folder] = names or self.classes
        return self.names[folder]

    def _list(self, path: PurePosixPath, where: str) -> None:
        """A line is a picture, perhaps followed by its annotation (as PaddleX has it)."""
        split, of_both = split_named(path.stem), path.stem.lower().startswith("trainval")
        if not split:
            return
        for line, text in enumerate(read_text(self.folder / path, where).splitlines(), 1):
            if not text.strip():
                continue
            first = re.match(FIRST_COLUMN, text, re.IGNORECASE) or re.match(r"\s*\S+", text)
            name = text if self.index.named(text, path) else first[0]
            found = self.index.named(name, path)
            picture = self._named(name if found else text, f"{where}:{line}", found)
            if picture and not (of_both and picture.split):
                picture.split, picture.given_by = split, where

    def _named(self, name: str, where: str, found: list[Picture]) -> Picture | None:
        """The picture that was found by a name, if it is the only one."""
        if len(found) == 1:
            if is_elsewhere(name, found[0]):
                self.elsewhere[found[0].name] = name
            return found[0]
        kind = "several_such_pictures" if found else "no_such_picture"
        names = some([picture.name for picture in found])
        self.problems.append(problem(kind, where, path=name, pictures=names))
        return None

    def _one(
        self, path: PurePosixPath, where: str, annotation: Annotation, faults: list[Problem]
    ) -> None:
        """An annotation file of one picture."""
        self.problems += faults
        found = self.index.mirrored(self._mirror(path), annotation.picture)
        if len(found) == 1:
            self._give(found[0], annotation)
        elif found:
            names = ", ".join(picture.name for picture in found)
            self.problems.append(problem("several_pictures_for", where, pictures=names))
        elif others := self.index.alike(path):
            names = some([picture.name for picture in others])
            self.problems.append(problem("picture_elsewhere", where, pictures=names))
        else:
            self.problems.append(problem("no_picture_for", where))

    def _mirror(self, path: PurePosixPath) -> PurePosixPath:
        return path.relative_to(self.base)

    def _give(self, picture: Picture, annotation: Annotation) -> None:
        if picture.annotation:
            self.twice.append((picture.name, picture.annotation, annotation))
        picture.annotation = annotation
        self.annotated.add(_without_ending(picture))


def _without_ending(picture: Picture) -> PurePosixPath:
    return PurePosixPath(picture.name).with_suffix("")
