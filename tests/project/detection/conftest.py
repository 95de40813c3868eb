"""A rendered detection project, in place of the classification project of the folder above."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

COLOURS = {"dark": (20, 20, 20), "light": (240, 240, 240)}
SIZE = (160, 120)

Boxes = list[tuple[str, float, float, float, float]]  # class, x0, y0, x1, y1


def draw(seed: int, boxes: Boxes = (), size: tuple[int, int] = SIZE) -> Image.Image:
    """Coarse grey texture, each seed's unlike the others', and a dark or light patch a box."""
    values = np.random.default_rng(seed).integers(90, 166, (6, 8, 3), np.uint8)
    picture = Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)
    for label, *corners in boxes:
        ImageDraw.Draw(picture).rectangle(corners, COLOURS.get(label, (200, 30, 30)))
    return picture


class Coco:
    """A COCO file under construction, and the pictures that it lists."""

    def __init__(self, file: Path, classes: tuple[str, ...] = ("dark", "light")):
        self.file = file
        self.tree: dict = {"images": [], "annotations": [], "categories": []}
        for number, name in enumerate(classes, 1):
            self.tree["categories"].append({"id": number, "name": name})

    def add(self, name: str, boxes: Boxes, seed: int | None = None, **details) -> None:
        """Lists a picture; draws it, unless there is no seed."""
        image = {"id": len(self.tree["images"]) + 1, "file_name": name} | details
        self.tree["images"].append(image)
        for box in boxes:
            self.box(image["id"], *box)
        if seed is not None:
            path = self.file.parent / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(seed, boxes).save(path)

    def box(self, image: int, label: str, x0: float, y0: float, x1: float, y1: float) -> None:
        number = {c["name"]: c["id"] for c in self.tree["categories"]}[label]
        entry = {"id": len(self.tree["annotations"]) + 1, "image_id": image}
        entry |= {"category_id": number, "bbox": [x0, y0, x1 - x0, y1 - y0]}
        self.tree["annotations"].append(entry)

    def save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.tree), encoding="utf-8")


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    return draw


@pytest.fixture(scope="session")
def project_template(folded: Callable[[str], Path]) -> Path:
    return folded("detection")


@pytest.fixture
def empty_project(project_template: Path, tmp_path: Path) -> Path:
    """A project of the classes `dark` and `light` for 4 shots, without any data."""
    folder = tmp_path / "project"
    shutil.copytree(project_template, folder)
    (folder / "settings.yaml").write_text("classes: [dark, light]\n")
    (folder / ".copier-answers.yml").write_text("language: en\nshots: 4\ntarget: x86-cpu\n")
    return folder


@pytest.fixture
def coco(empty_project: Path) -> Coco:
    """8 pictures of 160 x 120 px with a box of each class: annotations[0] and [1], ..."""
    coco = Coco(empty_project / "data" / "annotations.json")
    for number in range(8):
        place = 4 * number
        boxes = [("dark", 10, 10 + place, 40, 40 + place), ("light", 80 + place, 20, 120, 60)]
        coco.add(f"{number}.png", boxes, seed=number, width=160, height=120)
    coco.save()
    return coco


@pytest.fixture
def project(empty_project: Path, coco: Coco) -> Path:
    """A project with the pictures of `coco`."""
    return empty_project
