"""What the scripts share that cut a benchmark's data set from a clone of somebody's repository."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def run(description: str, holds: str, commit: str, build: Callable[[Path, Path], None]) -> None:
    """The whole of such a script: reads its arguments, says in one line what is wrong.

    Args:
        description: of the script.
        holds: a folder that the clone has.
        commit: that must be checked out.
        build: (clone, new folder) writes the data; may raise OSError or ValueError.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="the clone")
    parser.add_argument("folder", type=Path, help="where the data goes; new or empty")
    arguments = parser.parse_args()
    try:
        check_commit(arguments.checkout, holds, commit)
        build(arguments.checkout, arguments.folder)
    except (OSError, ValueError) as error:
        sys.exit(f"{parser.prog}: {error}")


def check_commit(checkout: Path, holds: str, commit: str) -> None:
    """Raises ValueError for another folder or commit; an unpacked archive has no commit."""
    if not (checkout / holds).is_dir():
        raise ValueError(f"{checkout} is not the clone: it has no folder {holds}")
    if (checkout / ".git").exists():
        command = ["git", "--git-dir", checkout / ".git", "rev-parse", "HEAD"]
        if subprocess.run(command, capture_output=True).stdout.strip() != commit.encode():
            raise ValueError(f"another commit is checked out: git -C {checkout} checkout {commit}")


@contextmanager
def new_folder(folder: Path, needed: Sequence[Path]) -> Iterator[Path]:
    """Yields a folder beside a new or empty one, which takes its place if nothing fails.

    Raises:
        ValueError: the folder is in use, or one of the needed files is not there.
    """
    folder = folder.resolve()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: name another one")
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise ValueError(f"missing, {len(missing)} in all: {', '.join(missing[:3])}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".data-", dir=folder.parent) as beside:
        new = Path(beside) / "data"
        new.mkdir()
        yield new
        new.replace(folder)


def write_coco(
    file: Path, classes: Sequence[str], pictures: Sequence[tuple[str, int, int, list]]
) -> None:
    """Writes a COCO file.

    Args:
        file: to write.
        classes: names; a box's number of 1 is the first.
        pictures: name, width, height (px) and boxes: left, top, right, bottom (px), number.
    """
    images, annotations = [], []
    for image_id, (name, width, height, boxes) in enumerate(pictures, 1):
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for left, top, right, bottom, number in boxes:
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": number}
            box = [float(left), float(top), float(right - left), float(bottom - top)]
            annotations.append({**ids, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(coco, separators=(",", ":")) + "\n", encoding="utf-8")
