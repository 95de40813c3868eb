"""Which picture a name in an annotation file means, and which split a path speaks of."""

import re
from collections import defaultdict
from collections.abc import Container
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from pipeline.annotations import Picture, path_of
from pipeline.images import SUFFIXES
from pipeline.splits import SPLIT_NAME, SPLIT_NAMES, split_named
from pipeline.text import composed

# Folders that say what kind of files they hold, or the way to them, and nothing of the picture.
ROLES = {
    *("image", "images", "img", "imgs", "jpegimages", "pictures"),
    *("annotation", "annotations", "label", "labels"),
    *("coco", "json", "labelme", "txt", "voc", "xml", "yolo"),
    *("..", "/"),
}

Folders = tuple[str, ...]
LETTER = r"[^\W\d_]"


class PictureIndex:
    """The pictures by name. Nothing outside of it is ever looked up, so no path leads astray.

    A name means the pictures of the same stem, for tools change endings; and of these the nearest:
    those that have the most folders in common with it, counted from the name. None is meant that
    lies in other folders than a name has, as far as they are folders of pictures.
    """

    def __init__(self, pictures: list[Picture]):
        self._by_tail = defaultdict(list)  # (stem,), (last folder, stem), ...
        self._places: set[Folders] = set()
        self._tails: set[Folders] = set()  # of the places
        self._folders: set[str] = set()
        for picture in pictures:
            path = PurePosixPath(picture.name)
            place, stem = folders(path.parent), path.stem
            self._places.add(place)
            self._folders.update(place)
            for start in range(len(place) + 1):
                self._tails.add(place[start:])
                self._by_tail[(*place[start:], _folded(stem))].append(picture)

    def mirrored(self, annotation: PurePosixPath, file_name: str = "") -> list[Picture]:
        """Pictures of the same name in the folders that are the most like the annotation's own.

        Args:
            annotation: its file.
            file_name: of the picture, for two that differ by their ending; may be empty or wrong.
        """
        place = folders(annotation.parent)
        tail = _longest(self._tails, (), place)
        found = self._by_tail.get((*tail, self._known(annotation.stem)), [])
        if place in self._places:
            found = [p for p in found if folders(PurePosixPath(p.name).parent) == place]
        found = self._where_named(found, place)
        return _nearest(found, place, (file_name, annotation.stem), annotation)

    def alike(self, annotation: PurePosixPath) -> list[Picture]:
        """Pictures of the same name in any place."""
        return self._by_tail.get((self._known(annotation.stem),), [])

    def named(self, name: str, file: PurePosixPath) -> list[Picture]:
        """Pictures that a file may mean, by path or by its last part alone."""
        path = path_of(name)
        stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
        place = folders(path.parent)
        tail = _longest(self._by_tail, (self._known(stem),), place)
        found = self._where_named(self._by_tail.get(tail, []), place)
        return _nearest(found, place, (path.name, stem), file)

    def _where_named(self, found: list[Picture], wanted: Folders) -> list[Picture]:
        named = self._folders.intersection(wanted)
        return [p for p in found if named <= set(_facts(p.name)[0])] if named else found

    def _known(self, stem: str) -> str:
        """A stem as the pictures have it; as Label Studio wrote it where that is a single one."""
        written, plain = _folded(stem), _folded(re.sub(r"^[0-9a-f]{8}-", "", unquote(stem)))
        is_plain = (written,) not in self._by_tail and len(self._by_tail.get((plain,), [])) == 1
        return plain if is_plain else written


def is_elsewhere(name: str, picture: Picture) -> bool:
    """Whether a name has folders, not from the root on, and the picture lies in others."""
    path = path_of(name)
    wanted, place = folders(path.parent), folders(PurePosixPath(picture.name).parent)
    is_relative = not re.match(r"/|[a-zA-Z][\w+.-]*:", str(path))
    return is_relative and bool(wanted and place) and wanted[-1] != place[-1]


def folders(path: PurePosixPath) -> Folders:
    """The parts of a folder's path but for those that only say what they hold."""
    return tuple(composed(part) for part in path.parts if part.lower() not in ROLES)


def _longest(known: Container[Folders], tail: Folders, place: Folders) -> Folders:
    """The tail with as many folders before it as are known."""
    for folder in reversed(place):
        if (folder, *tail) not in known:
            break
        tail = (folder, *tail)
    return tail


def _nearest(
    found: list[Picture], wanted: Folders, names: tuple[str, str], file: PurePosixPath
) -> list[Picture]:
    """Those that are just where a file says, as seen from its own folder or from the top; else
    those that are nearer to the file, of its split, or called just so, at least but for the
    ending."""
    if len(found) < 2:
        return found
    places, parents = (wanted, folders(file.parent) + wanted), set(file.parents)
    split, (name, stem) = split_of_file(file), map(composed, names)

    def nearness(picture: Picture) -> tuple:
        own_place, own_parents, own_split, own_name, own_stem = _facts(picture.name)
        return (
            own_place in places,
            len(own_parents & parents),
            bool(split and own_split == split),
            own_name == name,
            own_stem == stem,
        )

    ranks = [nearness(picture) for picture in found]
    best = max(ranks)
    return [picture for picture, rank in zip(found, ranks, strict=True) if rank == best]


@cache
def _facts(name: str) -> tuple[Folders, frozenset[PurePosixPath], str | None, str, str]:
    """Place, folders above, split, file name and stem: asked for again and again where many
    pictures have one name."""
    path = PurePosixPath(name)
    names = composed(path.name), composed(path.stem)
    return folders(path.parent), frozenset(path.parents), split_of_folder(path), *names


def _folded(text: str) -> str:
    return composed(text).casefold()


def split_folder(path: PurePosixPath) -> PurePosixPath | None:
    """The folder on the way to a file that names a split, as do Train, valid and test2017."""
    return next((folder for folder in reversed(path.parents) if split_named(folder.name)), None)


def split_of_folder(path: PurePosixPath) -> str | None:
    """The split that a folder on the way to a file names."""
    folder = split_folder(path)
    return split_named(folder.name) if folder else None


def split_of_file(path: PurePosixPath) -> str | None:
    """The split that a file's name speaks of, as in instances_val2017.json, else its folder."""
    if named := re.search(rf"(?<!{LETTER}){SPLIT_NAME}(?!{LETTER})", path.stem.lower()):
        return SPLIT_NAMES[named["split"]]
    return split_of_folder(path)
