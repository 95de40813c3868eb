"""Which picture a name in an annotation file means, and which split a path speaks of."""

import posixpath
import re
from collections import defaultdict
from pathlib import PurePosixPath

from pipeline.annotations import Picture
from pipeline.splits import SPLIT_NAMES

SPLIT = "|".join(SPLIT_NAMES)
# Folders that say what kind of files they hold, and nothing of the picture.
ROLES = {
    *("image", "images", "img", "imgs", "jpegimages", "pictures"),
    *("annotation", "annotations", "label", "labels"),
    *("coco", "json", "labelme", "txt", "voc", "xml", "yolo"),
}


class PictureIndex:
    """The pictures by name. Nothing outside of it is ever looked up, so no path leads astray."""

    def __init__(self, pictures: list[Picture]):
        self._by_name = {picture.name: picture for picture in pictures}
        self._by_key, self._by_last = defaultdict(list), defaultdict(list)
        self._by_stem = defaultdict(list)
        for picture in pictures:
            path = PurePosixPath(picture.name)
            self._by_key[key(path)].append(picture)
            self._by_last[path.name].append(picture)
            self._by_stem[path.stem].append(picture)
        self._folders = {path.parent for path in self._by_key}

    def mirrored(self, annotation: PurePosixPath) -> list[Picture]:
        """Pictures of the same name in the same place but for the ROLES.

        Where that place has no pictures at all, they lie in a folder of any name.
        """
        found = self._by_key.get(key(annotation), [])
        if key(annotation).parent not in self._folders:
            return self.alike(annotation)
        beside = [p for p in found if PurePosixPath(p.name).parent == annotation.parent]
        return beside or found

    def alike(self, annotation: PurePosixPath) -> list[Picture]:
        """Pictures of the same name in any place."""
        return self._by_stem.get(annotation.stem, [])

    def named(self, name: str, folder: PurePosixPath) -> list[Picture]:
        """Pictures that a file in this folder may mean, by path or by its last part alone."""
        name = name.strip().replace("\\", "/")
        places = [folder, PurePosixPath("."), PurePosixPath("images")]
        places += [PurePosixPath(*images, s) for s in SPLIT_NAMES for images in ((), ("images",))]
        for place in places:
            if found := self._by_name.get(posixpath.normpath(place / name)):
                return [found]
        last = PurePosixPath(name).name
        return self._by_last.get(last) or self._by_key.get(key(PurePosixPath(name)), [])


def key(path: PurePosixPath) -> PurePosixPath:
    """A path without ending and without the folders that only say what they hold."""
    parts = [part for part in path.parent.parts if part.lower() not in ROLES]
    return PurePosixPath(*parts, path.stem)


def split_of_folder(path: PurePosixPath) -> tuple[str, PurePosixPath] | None:
    """The split that a folder on the way to a file names, as do Train, valid and test2017; and
    that folder."""
    for folder in reversed(path.parents):
        if named := re.fullmatch(rf"({SPLIT})\d*", folder.name.lower()):
            return SPLIT_NAMES[named[1]], folder
    return None


def split_of_file(path: PurePosixPath) -> str | None:
    """The split that a file's name speaks of, as in instances_val2017.json, else its folder."""
    if named := re.search(rf"(?<![a-z])({SPLIT})(?![a-z])", path.stem.lower()):
        return SPLIT_NAMES[named[1]]
    in_folder = split_of_folder(path)
    return in_folder[0] if in_folder else None
