"""The script that rebuilds the benchmarks' data sets from DeepPCB, on a drawn checkout."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "deeppcb.py"
BOXES = {  # of 640x640 pictures: left, top, right, bottom in px, type
    "00001007": [(300, 200, 340, 220, 2), (0, 600, 30, 640, 6)],
    "00001008": [(100, 100, 201, 160, 5)],
    "00002000": [(10, 10, 40, 40, 1)],
}
CHOICE = "split,picture,crops\ntrain,00001007,0 1\ntrain,00001008,0\ntest,00002000,\n"
# SHA-256 over the names and bytes of the files with which the published figures were measured.
MEASURED = {
    "pcb_cls": "8c3a940bc71dd21165c555d572fb1c507bf09b3b5628903e05accd9822d9f3a7",
    "pcb_det": "4d6c6bb43655154636e095bf2668f279eddb3078d2d2eb6252e6b5fc9f537663",
    "pcb_good": "889930709518041c90fbf54f7901a612abf46c0d66657b79d2ca5dd2468fe329",
}


@pytest.fixture
def deeppcb(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("deeppcb", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Dark pictures with a bright patch where a box is, in upstream's folders; no .git."""
    folder = tmp_path / "DeepPCB"
    for name, boxes in BOXES.items():
        group = folder / "PCBData" / f"group{name[:5]}"
        pictures, texts = group / name[:5], group / f"{name[:5]}_not"
        pictures.mkdir(parents=True, exist_ok=True)
        texts.mkdir(exist_ok=True)
        picture = Image.new("L", (640, 640))
        picture.save(pictures / f"{name}_temp.jpg")
        for left, top, right, bottom, _ in boxes:
            ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill=255)
        picture.save(pictures / f"{name}_test.jpg")
        lines = [" ".join(map(str, box)) + "\n" for box in boxes]
        (texts / f"{name}.txt").write_text("".join(lines))
    (folder / "LICENSE").write_text("free\n")
    return folder


@pytest.fixture
def choice(tmp_path) -> Path:
    path = tmp_path / "choice.csv"
    path.write_text(CHOICE)
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def run(*args: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, SCRIPT, *args], capture_output=True, encoding="utf-8")


def refusal(*args: str | Path) -> str:
    done = run(*args)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("deeppcb.py: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_it_writes_the_data_sets_and_nothing_beside_them(deeppcb, checkout, choice, tmp_path):
    deeppcb.build(checkout, tmp_path / "build" / "data", choice)
    assert files(tmp_path / "build") == [
        "data/pcb_cls/LICENSE",
        "data/pcb_cls/train/copper/00001008_00.jpg",
        "data/pcb_cls/train/pin-hole/00001007_01.jpg",
        "data/pcb_cls/train/short/00001007_00.jpg",
        "data/pcb_det/LICENSE",
        "data/pcb_det/images/00001007.jpg",
        "data/pcb_det/images/00001008.jpg",
        "data/pcb_det/images/00002000.jpg",
        "data/pcb_det/test.json",
        "data/pcb_det/train.json",
        "data/pcb_det/val.json",
        "data/pcb_good/00001007_temp.jpg",
        "data/pcb_good/00001008_temp.jpg",
        "data/pcb_good/LICENSE",
    ]


# Where the box lies in its crop: 64 px around it, 64 px pushed inwards at a corner, 1.5 x 101 px.
@pytest.mark.parametrize(
    ("path", "side", "inside"),
    [
        ("short/00001007_00.jpg", 64, (12, 22, 52, 42)),
        ("pin-hole/00001007_01.jpg", 64, (0, 24, 30, 64)),
        ("copper/00001008_00.jpg", 152, (26, 46, 127, 106)),
    ],
)
def test_crops(deeppcb, checkout, choice, tmp_path, path, side, inside):
    deeppcb.build(checkout, tmp_path / "data", choice)
    with Image.open(tmp_path / "data" / "pcb_cls" / "train" / path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (96, 96))
        expected = Image.new("L", (side, side))
        left, top, right, bottom = inside
        ImageDraw.Draw(expected).rectangle((left, top, right - 1, bottom - 1), fill=255)
        difference = ImageChops.difference(picture.convert("L"), expected.resize((96, 96)))
    assert ImageStat.Stat(difference).mean[0] < 1  # one pixel off gives 1.5 and more


def test_pictures_and_boxes(deeppcb, checkout, choice, tmp_path):
    deeppcb.build(checkout, tmp_path / "data", choice)
    made = tmp_path / "data" / "pcb_det"
    upstream = checkout / "PCBData" / "group00001" / "00001" / "00001007_test.jpg"
    assert (made / "images" / "00001007.jpg").read_bytes() == upstream.read_bytes()
    train, val = (json.loads((made / f"{split}.json").read_text()) for split in ("train", "val"))
    size = {"width": 640, "height": 640}
    assert train["images"] == [
        {"id": 1, "file_name": "00001007.jpg", **size},
        {"id": 2, "file_name": "00001008.jpg", **size},
    ]
    found = [(a["id"], a["image_id"], a["category_id"], a["bbox"]) for a in train["annotations"]]
    assert found == [
        (1, 1, 2, [300, 200, 40, 20]),
        (2, 1, 6, [0, 600, 30, 40]),
        (3, 2, 5, [100, 100, 101, 60]),
    ]
    assert [a["area"] for a in train["annotations"]] == [800, 1200, 6060]
    names = ["open", "short", "mousebite", "spur", "copper", "pin-hole"]
    assert train["categories"] == [{"id": i, "name": name} for i, name in enumerate(names, 1)]
    assert val == {"images": [], "annotations": [], "categories": train["categories"]}


def test_what_does_not_fit_leaves_nothing_behind(deeppcb, checkout, choice, tmp_path):
    texts = checkout / "PCBData" / "group00001" / "00001_not"
    for text, message in (("1 2 3\n", "line 1: not four"), ("1 2 3 4 5\n", "has no box 1")):
        (texts / "00001007.txt").write_text(text)
        with pytest.raises(ValueError, match=message):
            deeppcb.build(checkout, tmp_path / "build" / "data", choice)
        assert list((tmp_path / "build").iterdir()) == []


def test_refusals_are_one_line(checkout, home, tmp_path):
    data = tmp_path / "data"
    assert "is not the clone: it has no folder PCBData" in refusal(tmp_path / "nowhere", data)
    first = "00041006_test.jpg"
    assert first in refusal(checkout, data)
    (checkout / ".git").mkdir()
    assert "another commit" in refusal(checkout, data)
    (checkout / ".git").rmdir()
    assert not data.exists()
    data.mkdir()
    (data / "mine.txt").touch()
    assert "is not an empty folder" in refusal(checkout, data)
    assert files(data) == ["mine.txt"]


@pytest.mark.skipif("DEEPPCB" not in os.environ, reason="DEEPPCB does not name a clone of DeepPCB")
def test_the_real_checkout_gives_what_was_measured(tmp_path):
    done = run(os.environ["DEEPPCB"], tmp_path / "data")
    assert done.returncode == 0, done.stderr
    for name, expected in MEASURED.items():
        digest = hashlib.sha256()
        for file in files(tmp_path / "data" / name):
            digest.update(file.encode() + b"\n" + (tmp_path / "data" / name / file).read_bytes())
        assert digest.hexdigest() == expected, f"{name}: other files, or another JPEG library"
