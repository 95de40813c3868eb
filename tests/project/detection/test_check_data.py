"""check_data.py names every fault of boxes and pictures, and splits them fairly."""

import csv
import dataclasses
import hashlib
import importlib
import json
import random
import re
import shutil
import string
from collections import Counter

import numpy as np
import pytest
from PIL import Image


def rows(project, name="splits.csv"):
    with (project / "data" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def splits(project):
    return {row["path"]: row["split"] for row in rows(project)}


@pytest.fixture
def check(project, run):
    """Runs check_data.py; returns its exit code and the problems it names."""

    def check(*args):
        done = run(project, "check_data.py", *args)
        assert "Traceback" not in done.stderr, done.stderr
        out = done.stdout.splitlines()
        return done.returncode, [line for line in out if line.startswith(("error", "warning"))]

    return check


# Splits


def test_a_clean_data_set(project, run):
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "  train   test\n"
        "      6      2  boxes of dark\n"
        "      6      2  boxes of light\n"
        "      6      2  pictures\n"
        "no errors. Splits (drawn): data/splits.csv\n"
    )
    assert rows(project)[0] == {
        "path": "images/0.png",
        "split": splits(project)["images/0.png"],
        "group": "images/0.png",
        "width": "160",
        "height": "120",
    }
    assert [list(row.values()) for row in rows(project, "boxes.csv")[:2]] == [
        ["images/0.png", "dark", "10.0", "10.0", "40.0", "40.0"],
        ["images/0.png", "light", "80.0", "20.0", "120.0", "60.0"],
    ]


def test_pictures_keep_their_split(project, coco, check, run):
    check()
    first = splits(project)
    for number in range(8, 16):
        coco.add(f"{number}.png", [("dark", number, 20, 60, 60)], seed=number)
    coco.save()
    check()
    second = splits(project)
    assert {path: second[path] for path in first} == first
    assert Counter(second.values()) == {"train": 12, "test": 4}
    assert "Splits (kept): " in run(project, "check_data.py").stdout
    assert splits(project) == second
    check("--resplit")
    assert splits(project) != second


def test_every_class_gets_test_pictures_where_it_can(in_project):
    """A common class in every picture, a rare one in 4, one in 2, and good parts."""
    draw_splits = importlib.import_module("pipeline.splitting").draw_splits
    labels = [{"common"} for _ in range(40)] + [{""} for _ in range(10)]
    for index in (3, 9, 15, 21):
        labels[index] = {"common", "rare"}
    for index in (4, 10):
        labels[index] = {"common", "single"}
    for seed in range(20):
        names = [str(index) for index in range(50)]
        drawn = draw_splits(labels, names, [None] * 50, 0.25, seed)
        pairs = zip(labels, drawn, strict=True)
        tested = Counter(label for own, split in pairs for label in own if split == "test")
        assert tested == {"common": 10, "rare": 1, "": 2}


def test_any_labels_are_split_fairly(in_project):
    draw_splits = importlib.import_module("pipeline.splitting").draw_splits
    for seed in range(300):
        rng = random.Random(seed)
        count = rng.randrange(40)
        labels = [set(rng.sample("abcde", rng.randint(1, 3))) for _ in range(count)]
        groups = [str(rng.randrange(30)) for _ in range(count)]
        kept = [rng.choice(["train", "test"]) if int(g) < 3 else None for g in groups]
        drawn = draw_splits(labels, groups, kept, rng.uniform(0.01, 0.89), seed)
        assert set(drawn) <= {"train", "test"}
        assert all(new == old for new, old in zip(drawn, kept, strict=True) if old)
        for group in set(groups):
            own = [i for i, name in enumerate(groups) if name == group]
            if not any(kept[i] for i in own):
                assert len({drawn[i] for i in own}) == 1
        if not any(kept):
            for label in "abcde":
                of_class = [d for d, own in zip(drawn, labels, strict=True) if label in own]
                assert len(of_class) < 2 or of_class.count("train") >= 2


def test_given_splits(project, coco, check, run, picture):
    coco.file.unlink()
    for split, numbers in (("train", range(5)), ("val", range(5, 6)), ("test", range(6, 8))):
        part = type(coco)(coco.file.with_name(f"{split}.json"))
        for number in numbers:
            part.add(f"{number}.png", [("dark", 10, 10, 40, 40), ("light", 80, 20, 120, 60)])
        part.save()
    done = run(project, "check_data.py")
    assert done.stdout == (
        "  train    val   test\n"
        "      5      1      2  boxes of dark\n"
        "      5      1      2  boxes of light\n"
        "      5      1      2  pictures\n"
        "no errors. Splits (given): data/splits.csv\n"
    )
    (project / "data" / "test.json").unlink()
    more = type(coco)(coco.file.with_name("more.json"))
    for number in (6, 7):
        more.add(f"{number}.png", [("dark", 10, 10, 40, 40)])
    more.save()
    assert check() == (
        1,
        [
            "error: data/: 2 pictures are in no split, while others are in train, val or test: "
            "images/6.png, images/7.png. Move or list them there.",
            "error: data/: there are no test pictures: data/train.json, data/val.json give splits, "
            "and none to test. Give pictures to test in the same way, or give no splits at all "
            "(rename such folders, remove such lists), and they are drawn.",
        ],
    )


@pytest.mark.parametrize("source", ["images/train", "train.txt", "instances_train.json"])
def test_all_pictures_in_train(project, coco, check, run, source):
    """Tools that know no splits say so of all pictures: CVAT, Roboflow."""
    data = project / "data"
    if source == "images/train":
        (data / "images").rename(data / "train")
        (data / "images").mkdir()
        (data / "train").rename(data / source)
    elif source == "train.txt":
        (data / source).write_text("".join(f"data/images/{n}.png\n" for n in range(8)))
    else:
        coco.file.rename(data / source)
    assert check() == (
        0,
        [
            f"warning: data/: all pictures are given to train, by data/{source}, as tools do that "
            "know no other split, so the splits are drawn. To give them yourself, give pictures to "
            "test in the same way."
        ],
    )
    first = splits(project)
    assert Counter(first.values()) == {"train": 6, "test": 2}
    assert "1 warnings, no errors. Splits (kept): " in run(project, "check_data.py").stdout
    assert splits(project) == first


def test_both_tables_or_none(project, coco, check):
    check()
    before = [(project / "data" / name).read_bytes() for name in ("splits.csv", "boxes.csv")]
    coco.add("new.png", [("dark", 1, 1, 1, 1)], seed=50)
    coco.save()
    assert check()[0] == 1
    after = [(project / "data" / name).read_bytes() for name in ("splits.csv", "boxes.csv")]
    assert after == before
    assert not list((project / "data").glob(".*.part*"))


# What must pass


def test_good_pictures_and_a_class_with_a_single_box(project, coco, check, run):
    settings = project / "settings.yaml"
    settings.write_text("classes: [dark, light, crack]\n")
    coco.tree["categories"].append({"id": 3, "name": "crack"})
    coco.box(1, "crack", 130, 80, 150, 110)
    for number in range(4):
        coco.add(f"good{number}.png", [], seed=100 + number)
    coco.save()
    code, problems = check()
    assert code == 0
    assert problems == [
        "warning: data/: 4 pictures are annotated without any box and are used as good ones: "
        "images/good0.png, images/good1.png, images/good2.png (+1). Good ones or forgotten? Label "
        "those that were forgotten.",
        "warning: data/: class crack has 1 boxes; the project was made for 4. Label some more.",
        "warning: data/: class crack has 1 boxes to train on, class dark has 6, over 5 times as "
        "many. Label more of crack.",
        "warning: data/: class crack has no test picture, so its figures can't be measured. Add "
        "some.",
    ]
    assert run(project, "check_data.py").stdout.splitlines()[4:] == [
        "  train   test",
        "      6      2  boxes of dark",
        "      6      2  boxes of light",
        "      1      0  boxes of crack",
        "      9      3  pictures",
        "      3      1  of them without boxes",
        "4 warnings, no errors. Splits (kept): data/splits.csv",
    ]


def test_pictures_without_an_annotation(project, coco, check, picture):
    """Beside single files they are good ones; a COCO file that does not list them leaves them."""
    images = project / "data" / "images"
    picture(50).save(images / "x.png")
    assert check() == (
        0,
        [
            "warning: data/: 1 pictures stand in no COCO file, so they are not used: images/x.png. "
            "List them among its images if they are good parts, or label them."
        ],
    )
    assert "images/x.png" not in splits(project)
    coco.file.unlink()
    for number in range(8):
        text = "0 0.2 0.2 0.2 0.2\n1 0.7 0.7 0.2 0.2\n"
        (images / f"{number}.txt").write_text(text)
    (images / "classes.txt").write_text("dark\nlight\n")
    assert check() == (
        0,
        [
            "warning: data/: 1 pictures have no annotation file and are used as good ones, without "
            "objects: images/x.png. Good ones or forgotten? Label those that were forgotten."
        ],
    )
    assert "images/x.png" in splits(project)
    (images / "x.txt").write_text("")
    assert check()[1] == [
        "warning: data/: 1 pictures are annotated without any box and are used as good ones: "
        "images/x.png. Good ones or forgotten? Label those that were forgotten."
    ]


# A box


def place(coco, corners, label="dark", **details):
    """Adds a picture with this one box, annotations[16]."""
    coco.add("x.png", [(label, *corners)], **details)
    coco.save()


X = "data/annotations.json: annotations[16] (x.png)"


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (
            (200, 10, 240, 40),
            f"error: {X}: outside of its picture (x 200..240, y 10..40; the picture has 160 x 120 "
            "px). Draw it again, or remove it.",
        ),
        (
            (-50, 10, 0, 40),
            f"error: {X}: outside of its picture (x -50..0, y 10..40; the picture has 160 x 120 "
            "px). Draw it again, or remove it.",
        ),
        (
            (140, 100, 180, 140.5),
            f"warning: {X}: reaches 20 px out of its picture (x 140..180, y 100..140.5; the "
            "picture has 160 x 120 px), so it is cut at the border. Draw it again if it is not "
            "the right place.",
        ),
        (
            (20, 30, 20, 60),
            f"error: {X}: a box without area (x 20..20, y 30..60). Draw it again, or remove it.",
        ),
        (
            (60, 30, 20, 60),
            f"error: {X}: its corners are swapped (x 60..20, y 30..60). Write the smaller value "
            "first, or draw it again.",
        ),
        (
            (float("nan"), 30, 20, 60),
            f"error: {X}: not a box of four numbers. Draw it again, or remove it.",
        ),
        (
            (20, float("inf"), 60, float("inf")),
            f"error: {X}: not a box of four numbers. Draw it again, or remove it.",
        ),
    ],
)
def test_a_box_that_can_not_be_used(project, coco, check, picture, corners, expected):
    picture(50).save(project / "data" / "images" / "x.png")
    place(coco, corners)
    assert check() == (int(expected.startswith("error")), [expected])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            lambda x, y, width, height: [x, y, x + width, y + height],
            "error: data/annotations.json: 8 of 16 boxes reach far out of their pictures; COCO "
            "wants x, y, width, height, and these look like two corners. Export again.",
        ),
        (
            lambda *box: [2 * value for value in box],
            "error: data/annotations.json: 9 of 16 boxes reach far out of their pictures. Were "
            "they drawn on pictures of another size, or exported in another format? Put back the "
            "pictures that were labelled, or export again.",
        ),
    ],
)
def test_many_boxes_far_out_of_their_pictures(project, coco, check, written, expected):
    """Cut at the borders they would all be trained on; a warning each says nothing."""
    for entry in coco.tree["annotations"]:
        entry["bbox"] = written(*entry["bbox"])
    coco.save()
    assert check() == (1, [expected])


def test_a_box_at_the_border_is_cut(project, coco, check, picture):
    """Rounding needs no warning."""
    picture(50).save(project / "data" / "images" / "x.png")
    place(coco, (-0.6, 80, 40, 121))
    assert check() == (0, [])
    assert list(rows(project, "boxes.csv")[-1].values())[1:] == [
        *("dark", "0.0", "80.0", "40.0", "120.0")
    ]


def test_the_same_box_twice(project, coco, check):
    coco.box(1, "dark", 10, 10, 40, 40.2)
    coco.box(2, "light", 10, 14, 40, 44)
    coco.save()
    of = "data/annotations.json: annotations"
    assert check() == (
        1,
        [
            f"warning: {of}[16] (0.png): the same box of class dark as {of}[0] (0.png), so it "
            "counts once. Remove one.",
            f"error: {of}[17] (1.png): the same box as {of}[2] (1.png), here of class light and "
            "there of class dark. Remove the wrong one.",
        ],
    )
    del coco.tree["annotations"][17]
    coco.save()
    assert check()[0] == 0
    assert sum(row["path"] == "images/0.png" for row in rows(project, "boxes.csv")) == 2


def test_small_objects(project, coco, check, picture):
    """What the network can't see: at its input size, or at all."""
    settings = project / "settings.yaml"
    size = "{input_size: 640, tiles: false}"
    settings.write_text(f"classes: [dark, light]\nmodel: {size}\n")
    images = project / "data" / "images"
    for number in range(3):
        name = f"large{number}.png"
        picture(60 + number, size=(3200, 2400)).save(images / name)
        coco.add(name, [("dark", 200, 200 + number, 230, 230 + number)])
    picture(70).save(images / "mark.png")
    coco.add("mark.png", [("light", 100, 80, 101, 82)])
    coco.save()
    small = (
        "warning: data/: class dark: 3 of 11 boxes are under 8 px, or thinner than 2, as the "
        "network sees the pictures, too small to be found well, as in images/large0.png, "
        "images/large1.png, images/large2.png. Set model.tiles: true in settings.yaml."
    )
    tiny = (
        "warning: data/: class light: 1 of 9 boxes are under 8 px, or thinner than 2, in the "
        "picture itself, too small to be found well, as in images/mark.png. Photograph from "
        "nearer, or with more pixels."
    )
    assert check() == (0, [small, tiny])
    settings.write_text("classes: [dark, light]\nmodel: {tiles: true}\n")
    assert check() == (0, [tiny])


def test_long_thin_objects(project, coco, check, picture):
    """A scratch is too thin in the whole picture, and too long for a tile that suits the spots."""
    settings = project / "settings.yaml"
    settings.write_text("classes: [dark, light]\nmodel: {input_size: 320, tiles: false}\n")
    name = "scratch.png"
    picture(60, size=(3200, 2400)).save(project / "data" / "images" / name)
    coco.add(name, [("dark", 200, 200, 2600, 212), ("light", 300, 300, 390, 390)])
    coco.save()
    thin = (
        "warning: data/: class dark: 1 of 9 boxes are under 8 px, or thinner than 2, as the "
        "network sees the pictures, too small to be found well, as in images/scratch.png. Set "
        "model.tiles: true in settings.yaml."
    )
    assert check() == (0, [thin])
    settings.write_text("classes: [dark, light]\nmodel: {input_size: 320, tiles: true}\n")
    (long,) = check()[1]
    assert long.startswith(
        "warning: data/: class dark: 1 of 9 boxes are longer than a tile of 320 px"
    )
    assert "parts of them" in long and "images/scratch.png" in long


def test_more_objects_than_the_figures_count(project, coco, check, picture):
    size = (640, 480)
    picture(80, size=size).save(project / "data" / "images" / "balls.png")
    places = [(x, y, x + 12, y + 12) for x in range(10, 430, 20) for y in range(10, 110, 20)]
    coco.add("balls.png", [("dark", *place) for place in places])
    coco.save()
    crowded = (
        "warning: data/: class dark: more than 100 objects of it in 1 of the pictures, as in "
        "images/balls.png. Of the boxes of a class in a picture AP counts the 100 likeliest, as "
        "COCO does: the figures will be lower than the network is good. Cut such pictures into "
        "parts."
    )
    status, problems = check()
    assert status == 0 and crowded in problems


# A class


def test_classes_that_are_unknown_or_without_boxes(project, coco, check):
    coco.tree["categories"][1]["name"] = "Lihgt"
    coco.tree["categories"] += [{"id": 3, "name": "scratch"}, {"id": 4, "name": "unused"}]
    coco.box(1, "scratch", 100, 90, 120, 110)
    coco.save()
    of = "data/annotations.json: annotations"
    assert check() == (
        1,
        [
            "error: data/: no boxes of class light. Draw some, or take it out of the classes in "
            "settings.yaml.",
            f"error: {of}[1] (0.png): unknown class Lihgt (8 boxes, this is the first); did you "
            "mean light? Rename it, or add it to the classes in settings.yaml.",
            f"error: {of}[16] (0.png): unknown class scratch (1 boxes, this is the first). Rename "
            "it, or add it to the classes in settings.yaml.",
        ],
    )


def test_a_class_is_known_however_its_accents_are_composed(project, coco, check):
    coco.tree["categories"][1]["name"] = "re\u0301sine"
    coco.save()
    (project / "settings.yaml").write_text("classes: [dark, 'r\u00e9sine']\n")
    assert check() == (0, [])
    assert {row["label"] for row in rows(project, "boxes.csv")} == {"dark", "r\u00e9sine"}


def test_a_class_with_boxes_to_test_only(project, coco, check):
    coco.file.unlink()
    for split, numbers in (("train", range(6)), ("test", range(6, 8))):
        part = type(coco)(coco.file.with_name(f"{split}.json"))
        for number in numbers:
            label = "dark" if split == "train" else "light"
            part.add(f"{number}.png", [(label, 10, 10, 40, 40)])
        part.save()
    assert check() == (
        1,
        [
            "warning: data/: class dark has no test picture, so its figures can't be measured. Add "
            "some.",
            "error: data/: class light has no box to train on, only in test. Move some pictures to "
            "train.",
        ],
    )


def test_entries_that_speak_of_nothing(project, coco, check):
    coco.tree["annotations"][0]["image_id"] = 99
    coco.tree["annotations"][2]["category_id"] = 99
    coco.tree["images"][7]["id"] = 7
    coco.tree["images"].append({"id": 50})
    coco.add("gone.png", [])
    coco.save()
    file = "data/annotations.json"
    problems = check()[1]
    for expected in (
        f"error: {file}: annotations[0]: image_id 99: no picture has this id. Mend or remove the "
        "entry.",
        f"error: {file}: annotations[2] (1.png): category_id 99: no category has this id and a "
        "name. Mend it, or export the file again.",
        f"error: {file}: images[7]: another picture has the id 7 already. Export the file again.",
        f"error: {file}: images[8]: no usable id, file_name. Mend it, or remove the entry.",
        f"error: {file}: images[9]: no such picture: gone.png. Add it, or mend or remove the "
        "entry.",
    ):
        assert expected in problems


def test_masks_without_boxes(project, coco, check):
    for entry in coco.tree["annotations"][:2]:
        entry |= {"segmentation": {"counts": "abc", "size": [120, 160]}}
        del entry["bbox"]
    coco.save()
    assert check() == (
        1,
        [
            "error: data/annotations.json: annotations[0] (0.png): has only a mask (2 entries, "
            "this is the first). Export with boxes (bbox)."
        ],
    )


def test_crowds_count_as_objects(project, coco, check):
    """CVAT calls every mask a crowd; without its box the picture would be a good one."""
    for entry in coco.tree["annotations"][:4]:
        entry |= {"iscrowd": 1, "segmentation": {"counts": [0, 4], "size": [120, 160]}}
    coco.save()
    assert check() == (
        0,
        [
            "warning: data/annotations.json: 4 entries are crowds (iscrowd: 1), as CVAT calls "
            "every mask; the box of each counts as one object. Where one is around several "
            "objects, draw a box around each."
        ],
    )
    assert len(rows(project, "boxes.csv")) == 16


# A picture


def test_every_fault_of_a_picture_at_once(project, coco, check, picture, tmp_path):
    images = project / "data" / "images"
    for number, name in enumerate(("cut", "empty", "text", "small", "outside")):
        coco.add(f"{name}.png", [("dark", 10, 10, 20, 20)], seed=50 + number)
    coco.save()
    whole = (images / "cut.png").read_bytes()
    (images / "cut.png").write_bytes(whole[:-100])
    (images / "empty.png").write_bytes(b"")
    (images / "text.png").write_bytes(b"this is a text")
    picture(60, size=(30, 24)).save(images / "small.png")
    (images / "outside.png").rename(tmp_path / "outside.png")
    (images / "outside.png").symlink_to(tmp_path / "outside.png")
    for ending in ("dib", "exr", "heic", "tga"):
        (images / f"photo.{ending}").write_bytes(b"x")
    (images / "0.txt").symlink_to("gone.txt")
    assert check() == (
        1,
        [
            *(
                f"warning: data/images/photo.{ending}: not a picture by its name, so it is not "
                "used. Remove it, or save it as PNG."
                for ending in ("dib", "exr", "heic", "tga")
            ),
            "error: data/annotations.json: images[12]: no such picture: outside.png. Add it, or "
            "mend or remove the entry.",
            "error: data/images/0.txt: a link that leads nowhere, or no ordinary file. Copy it "
            "again or remove it.",
            "error: data/images/cut.png: cut off, its end is missing. Copy it again or remove it.",
            "error: data/images/empty.png: an empty file (0 bytes). Copy it again or remove it.",
            "error: data/images/outside.png: leads out of the data folder. Copy the picture into "
            "it.",
            "error: data/images/small.png: 30 x 24 px, smaller than data.min_side (32). Replace it "
            "or remove it.",
            "error: data/images/text.png: not a readable picture (cannot identify image file). "
            "Replace it or remove it.",
        ],
    )


def test_thumbnails_of_a_nas_are_no_pictures(project, coco, check):
    thumbnails = project / "data" / "images" / "@eaDir" / "0.png"
    thumbnails.mkdir(parents=True)
    shutil.copy(project / "data" / "images" / "0.png", thumbnails)
    assert check() == (0, [])
    assert len(splits(project)) == 8


def test_the_annotated_size_is_not_the_pictures(project, coco, check):
    coco.tree["images"][0] |= {"width": 320, "height": 240}
    coco.tree["images"][1] |= {"width": 120, "height": 160}
    coco.tree["images"][2] |= {"width": 0, "height": None}  # says nothing
    coco.save()
    file = "data/annotations.json"
    assert check() == (
        1,
        [
            f"error: {file}: images[0]: gives 320 x 240 px for data/images/0.png, but it has 160 x "
            "120, so its boxes do not fit. Was it resized? Put back the picture that was labelled, "
            "or label this one.",
            f"error: {file}: images[1]: gives 120 x 160 px for data/images/1.png, but it has 160 x "
            "120: width and height are swapped, most often by an EXIF rotation that one program "
            "follows and another does not. Turn the picture as it was labelled, or label it again.",
        ],
    )


def test_exif_rotation(project, coco, check, picture):
    """Stored as 160 x 120 px, shown as 120 x 160, or upside down."""

    def save(name, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture(ord(name[0]), size=(160, 120)).save(images / name, exif=exif)

    images = project / "data" / "images"
    turned = {"a.jpg": 6, "b.jpg": 8, "c.jpg": 6, "d.jpg": 3, "e.jpg": 6}
    for name, orientation in turned.items():
        save(name, orientation)
    box = [("dark", 10, 10, 40, 40)]
    coco.add("a.jpg", box, width=160, height=120)
    coco.add("b.jpg", [("dark", 125, 10, 155, 40)])
    coco.add("c.jpg", box, width=120, height=160)
    coco.add("d.jpg", box, width=160, height=120)
    coco.add("e.jpg", box)
    coco.save()
    assert check() == (
        1,
        [
            "warning: data/: 2 pictures with boxes are turned upright by an EXIF tag: "
            "images/d.jpg, images/e.jpg. Their boxes are taken as drawn on the upright picture. If "
            "your labelling program does not follow EXIF, remove the tag (exiftool -Orientation= "
            "FILE).",
            *(
                f"error: data/images/{name}: its EXIF tag turns it upright to 120 x 160 px, but "
                "its boxes were drawn on the picture as stored, 160 x 120. Remove the tag "
                "(exiftool -Orientation= FILE), or label the upright picture."
                for name in ("a.jpg", "b.jpg")
            ),
        ],
    )
    for name in ("a.jpg", "b.jpg"):  # what the remedy does
        save(name, 1)
    assert check()[0] == 0


def test_the_same_picture_twice(project, coco, check):
    images = project / "data" / "images"
    shutil.copy(images / "0.png", images / "copy.png")
    Image.open(images / "1.png").save(images / "again.jpg", quality=80)
    coco.add("copy.png", [("dark", 10, 10, 40, 40)])
    coco.add("again.jpg", [("light", 84, 20, 124, 60), ("dark", 10, 14, 40, 44)])
    coco.save()
    assert check() == (
        0,
        [
            "warning: data/images/0.png: the same picture as data/images/copy.png. Keep one.",
            "warning: data/images/1.png: almost the same picture as data/images/again.jpg. Keep "
            "one; if they show different parts (fixed camera), set data.alike_are_copies to false.",
        ],
    )
    of = splits(project)
    assert of["images/0.png"] == of["images/copy.png"]
    assert of["images/1.png"] == of["images/again.jpg"]


def test_the_same_picture_in_two_splits(project, coco, check):
    """Found across the files that give the splits."""
    images = project / "data" / "images"
    shutil.copy(images / "0.png", images / "copy.png")
    Image.open(images / "1.png").save(images / "again.jpg", quality=80)
    coco.file.rename(coco.file.with_name("train.json"))
    test = type(coco)(coco.file.with_name("test.json"))
    test.add("copy.png", [("dark", 10, 10, 40, 40)])
    test.add("again.jpg", [("dark", 10, 14, 40, 44), ("light", 84, 20, 124, 60)])
    test.save()
    assert check() == (
        1,
        [
            "error: data/images/0.png: the same picture as data/images/copy.png, in several splits "
            "(test, train), which makes the figures look too good. Keep one.",
            "error: data/images/1.png: almost the same picture as data/images/again.jpg, in "
            "several splits (test, train), which makes the figures look too good. Keep one; if "
            "they show different parts (fixed camera), set data.alike_are_copies to false.",
        ],
    )
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "data: {alike_are_copies: false}\n")
    code, (problem,) = check()
    assert code == 1
    assert problem.startswith("error: data/images/0.png: the same picture as")


def test_a_fixed_camera_is_no_duplicate(project, coco, check, picture):
    """Boards of one type look alike at the size of the comparison; their defects do not."""
    pixels = np.asarray(picture(50, size=(1600, 1200))).astype(float)
    for number in range(8):
        noisy = pixels + np.random.default_rng(number).normal(0, 3, pixels.shape)
        x = 100 + 150 * number
        noisy[600:610, x : x + 10] = 90
        board = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        board.save(project / "data" / "images" / f"board{number}.png")
        coco.add(f"board{number}.png", [("dark", x, 600, x + 10, 610)] if number < 6 else [])
    coco.save()
    code, problems = check()
    assert code == 0
    assert not [line for line in problems if "the same picture" in line]
    assert all(row["group"] == row["path"] for row in rows(project))


# Nothing to check


def test_no_data(project, coco, check, run):
    coco.file.unlink()
    assert check() == (
        1,
        [
            "error: data/: no annotations found. Put COCO JSON, VOC XML, YOLO txt or LabelMe JSON "
            "files there, or name their file or folder as data.labels in settings.yaml."
        ],
    )
    shutil.rmtree(project / "data" / "images")
    assert check() == (
        1,
        [
            "error: data/: no pictures found (.bmp .jpe .jpeg .jpg .pgm .png .ppm .tif .tiff "
            ".webp). Put them there, or mend data.folder in settings.yaml."
        ],
    )
    shutil.rmtree(project / "data")
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {project}/data: no such folder. Make it, or mend data.folder in settings.yaml.\n",
    )


def test_a_broken_file_alone_is_named(project, coco, run):
    """What would follow from it, such as classes without boxes, is not."""
    coco.file.write_text(coco.file.read_text()[:-5])
    done = run(project, "check_data.py")
    assert re.fullmatch(
        r"error: data/annotations.json:1:\d+: not valid JSON \(.*\). Mend it there, or export it "
        r"again.\n",
        done.stdout,
    )
    assert done.stderr == (
        "error: 1 to mend in data/. No splits yet. Then run check_data.py again.\n"
    )


# Words


def test_in_chinese(project, coco, run):
    (project / ".copier-answers.yml").write_text("language: zh\nshots: 4\n")
    coco.box(1, "dark", 60, 90, 50, 100)
    coco.save()
    done = run(project, "check_data.py")
    assert done.stdout == (
        "错误：data/annotations.json: annotations[16] (0.png)：框的角点顺序颠倒"
        "（x 60..50, y 90..100）。请先写较小的值，或重画。\n"
    )


def test_both_languages_ask_for_the_same_details(in_project):
    problems = importlib.import_module("pipeline.problems")
    for grade, english, chinese in problems.KINDS.values():
        asked = [
            {name for _, name, _, _ in string.Formatter().parse(text) if name}
            for text in (english, chinese)
        ]
        assert grade in ("error", "warning")
        assert asked[0] == asked[1]


def test_odd_names(project, coco, check, in_project):
    names = ["a b.png", "{x} $(touch y).png", "'q\".png", "-rf.png", "ü 图,😀.png", "n\nl.png"]
    for number, name in enumerate(names):
        coco.add(name, [("dark", 10, 10, 40, 40 + number)], seed=900 + number)
    coco.save()
    assert check() == (0, [])
    settings = importlib.import_module("pipeline.settings").load()
    dataset = importlib.import_module("pipeline.dataset")
    found = {sample.path.name: sample for sample in dataset.read_splits(settings)}
    assert all(len(found[name].boxes) == 1 for name in names)
    coco.add("\x1b[31mred\n.png", [])
    coco.save()
    assert check()[1] == [
        r"error: data/annotations.json: images[14]: no such picture: \x1b[31mred\n.png. Add it, or "
        "mend or remove the entry."
    ]


# Reading the tables


def test_read_splits(project, coco, check, in_project):
    settings = importlib.import_module("pipeline.settings").load()
    dataset = importlib.import_module("pipeline.dataset")
    console = importlib.import_module("pipeline.console")

    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value) == "data/splits.csv: no such file. Run check_data.py first."

    coco.add("good.png", [], seed=50)
    coco.save()
    check()
    samples = dataset.read_splits(settings)
    assert len(samples) == 9
    first, good = samples[0], samples[-1]
    assert (first.path, first.size) == (project / "data/images/0.png", (160, 120))
    assert first.boxes.dtype == np.float32 and first.labels.dtype == np.int64
    assert first.boxes.tolist() == [[10, 10, 40, 40], [80, 20, 120, 60]]
    assert first.labels.tolist() == [0, 1]
    assert (good.boxes.shape, good.labels.shape) == ((0, 4), (0,))
    assert dataset.manifest(samples[:1]) == [
        {
            "path": "data/images/0.png",
            "split": first.split,
            "sha256": hashlib.sha256(first.path.read_bytes()).hexdigest(),
            "boxes": [[0, 10, 10, 40, 40], [1, 80, 20, 120, 60]],
        }
    ]

    (project / "data" / "splits.csv").write_text(
        "path,split,group,width,height\n"
        "images/0.png,train,x,160,120\n"
        "images/gone.png,training,x,160,-1\n"
        "../settings.yaml,test,x,1,1\n"
    )
    (project / "data" / "boxes.csv").write_text(
        "path,label,x0,y0,x1,y1\n"
        "images/0.png,dark,1,2,3,4\n"
        "images/0.png,drak,1,2,3,x\n"
        "images/1.png,dark,1,2,3,inf\n"
    )
    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value).splitlines() == [
        "data/splits.csv:3: no such picture: 'images/gone.png'.",
        "data/splits.csv:3: unknown split 'training'.",
        "data/splits.csv:4: no such picture: '../settings.yaml'.",
        "data/splits.csv:3: width and height are no numbers.",
        "data/boxes.csv:3: unknown class 'drak'.",
        "data/boxes.csv:3: x0, y0, x1, y1 are no numbers.",
        "data/boxes.csv:4: not in splits.csv: 'images/1.png'.",
        "data/boxes.csv:4: x0, y0, x1, y1 are no numbers.",
        "Run check_data.py again.",
    ]
    (project / "data" / "boxes.csv").unlink()
    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value).splitlines() == [
        "data/boxes.csv: no such file.",
        "Run check_data.py again.",
    ]


def test_labels_that_were_not_checked_are_not_used(project, coco, check, in_project, picture):
    settings = importlib.import_module("pipeline.settings").load()
    dataset = importlib.import_module("pipeline.dataset")
    console = importlib.import_module("pipeline.console")
    changed = "^data/: labels have changed since check_data.py: annotations.json. Run it again.$"

    def read():
        dataset.checked.stop_at_changes.cache_clear()
        return dataset.read_splits(settings)

    check()
    (project / "data" / "boxes.csv").touch()
    picture(50).save(project / "data" / "images" / "new.png")
    assert len(read()) == 8
    coco.tree["annotations"][0]["bbox"] = [1, 2, 3, -4]
    coco.save()
    assert len(dataset.read_splits(settings)) == 8  # what is under way goes on
    with pytest.raises(console.UserError, match=changed):
        read()
    assert check()[0] == 1
    with pytest.raises(console.UserError, match=changed):
        read()
    coco.tree["annotations"][0]["bbox"] = [1, 2, 30, 40]
    coco.save()
    assert check()[0] == 0
    assert read()[0].boxes[0].tolist() == [1, 2, 31, 42]


def test_classes_without_training_boxes(project, check, run):
    check()
    (project / "settings.yaml").write_text("classes: [dark, light, spot, dent]\n")
    done = run(project, "train.py", "--frozen")
    assert (done.returncode, done.stderr) == (
        1,
        "error: no box to train on of class spot, dent. Run check_data.py again.\n",
    )
    assert not (project / "runs").exists()


def test_drawn_test_boxes_are_some_of_the_shots(project, check):
    (project / ".copier-answers.yml").write_text("language: en\nshots: 8\n")
    assert check() == (0, [])


def test_only_unseen_pictures_judge(project, check, in_project):
    check()
    options = importlib.import_module("pipeline.settings").load()
    samples = importlib.import_module("pipeline.dataset").read_splits(options)
    unseen = importlib.import_module("pipeline.splits").unseen
    error = importlib.import_module("pipeline.console").UserError
    about = {"id": "1", "settings": {"classes": ["dark", "light"]}, "data": []}
    chosen = unseen(samples, "test", options.classes, about)
    assert chosen == [sample for sample in samples if sample.split == "test"] and len(chosen) == 2
    about["data"] = [{"path": f"data/images/{chosen[0].path.name}"}]
    with pytest.raises(error, match="1 test pictures were training pictures of run 1"):
        unseen(samples, "test", options.classes, about)
    with pytest.raises(error, match="no picture in the split val"):
        unseen(samples, "val", options.classes, about)
    parts = [dataclasses.replace(sample, split="val") for sample in chosen]
    about["data"][0]["split"] = "val"
    assert unseen(parts, "val", options.classes, about) == parts
    about["data"][0]["split"] = "train"
    with pytest.raises(error, match="1 val pictures were training pictures of run 1"):
        unseen(parts, "val", options.classes, about)
    about["settings"]["classes"] = ["dark"]
    with pytest.raises(error, match="the classes have changed since run 1"):
        unseen(samples, "test", options.classes, about)


@pytest.mark.parametrize(
    ("pack", "classes"),
    [
        ("pcb_det", "open, short, mousebite, spur, copper, pin-hole"),
        ("screws_det", "screw, missing_screw"),
    ],
)
def test_no_false_alarm_on_real_pictures(project, check, real_data, pack, classes):
    """Boards, and one wooden block over and over; a copy hidden among them is found."""
    data = project / "data"
    shutil.rmtree(data)
    shutil.copytree(real_data(pack), data, copy_function=shutil.copyfile)
    for folder in (data, data / "images"):
        folder.chmod(0o755)
    (project / "settings.yaml").write_text(f"classes: [{classes}]\n")
    assert check() == (0, [])

    train, test = (json.loads((data / f"{s}.json").read_text()) for s in ("train", "test"))
    original = train["images"][0]
    with Image.open(data / "images" / original["file_name"]) as opened:
        half = opened.convert("RGB").resize((opened.width // 2, opened.height // 2))
    half.save(data / "images" / "half.jpg", quality=80)
    test["images"].append({"id": 9999, "file_name": "half.jpg"})
    for entry in train["annotations"]:
        if entry["image_id"] == original["id"]:
            box = [value / 2 for value in entry["bbox"]]
            test["annotations"].append(entry | {"image_id": 9999, "bbox": box})
    (data / "test.json").write_text(json.dumps(test))
    code, problems = check()
    assert code == 1
    assert len(problems) == 1
    assert problems[0].startswith(
        f"error: data/images/{original['file_name']}: almost the same picture as "
        "data/images/half.jpg, in several splits (test, train)"
    )


def test_help(project, run):
    done = run(project, "check_data.py", "--help")
    assert done.returncode == 0
    assert "Reads:" in done.stdout and "Writes:" in done.stdout and "--resplit" in done.stdout
    assert run(project, "check_data.py", "--nonsense").returncode == 2
