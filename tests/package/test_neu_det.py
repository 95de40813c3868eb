"""The script that cuts the benchmark's steel surfaces from a copy of NEU-DET, on a drawn one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "neu_det.py"
BOX = "<object><name>{}</name><bndbox>{}</bndbox></object>"
PICTURES = {
    "crazing_200": "train",
    "crazing_201": "val",
    "scratches_9": "train",
    "patches_300": "test",
}


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Upstream's folders with a picture in each split; no .git."""
    folder = tmp_path / "NEU-DET"
    for name in ("IMAGES", "ANNOTATIONS"):
        (folder / name).mkdir(parents=True)
    corners = "<xmin>1</xmin><ymin>3</ymin><xmax>200</xmax><ymax>50</ymax>"
    for name in PICTURES:
        Image.new("L", (200, 200)).save(folder / "IMAGES" / f"{name}.jpg")
        size = "<size><width>200</width><height>200</height></size>"
        text = f"<annotation>{size}{BOX.format(name.split('_')[0], corners)}</annotation>"
        (folder / "ANNOTATIONS" / f"{name}.xml").write_text(text)
    return folder


def run(*args: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, SCRIPT, *args], capture_output=True, encoding="utf-8")


def test_splits_follow_the_numbers_and_boxes_count_from_0(checkout, tmp_path):
    data = tmp_path / "data" / "neu_det"
    assert run(checkout, data).returncode == 0
    found = {
        split: json.loads((data / f"{split}.json").read_text()) for split in set(PICTURES.values())
    }
    for split, coco in found.items():
        wanted = sorted(f"{name}.jpg" for name, own in PICTURES.items() if own == split)
        assert [image["file_name"] for image in coco["images"]] == wanted
        assert all(row["bbox"] == [0, 2, 200, 48] for row in coco["annotations"])
    names = {row["id"]: row["name"] for row in found["train"]["categories"]}
    labels = [names[row["category_id"]] for row in found["train"]["annotations"]]
    assert labels == ["crazing", "scratches"]
    for name in PICTURES:
        picture = checkout / "IMAGES" / f"{name}.jpg"
        assert (data / "images" / picture.name).read_bytes() == picture.read_bytes()


def test_what_is_missing_is_named_and_nothing_written(checkout, tmp_path):
    (checkout / "IMAGES" / "crazing_201.jpg").unlink()
    done = run(checkout, tmp_path / "data")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "missing, 1 in all: " in done.stderr and "crazing_201.jpg" in done.stderr
    assert not (tmp_path / "data").exists()
    assert "it has no folder ANNOTATIONS" in run(tmp_path, tmp_path / "data").stderr
