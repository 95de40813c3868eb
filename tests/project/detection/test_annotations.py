"""COCO, VOC, YOLO and LabelMe are read as they are, and give the same boxes."""

import csv
import importlib
import json
import random
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest

BOXES = {
    "a": [("dark", 10, 20, 40, 50), ("light", 60.5, 20, 90, 61.25)],
    "b": [("light", 5, 5, 45, 25)],
    "c": [],
    "d": [("dark", 100, 80, 160, 120)],
}
SPLITS = {"a": "train", "b": "train", "c": "val", "d": "test"}
OTHERS = {"a": "训练集", "b": "train_images", "c": "验证", "d": "TestSet"}


def coco_json(names):
    numbers = {"light": 7, "dark": 3}
    images, annotations = [], []
    for number, name in enumerate(names):
        images.append({"id": number, "file_name": f"{name}.png", "width": 160, "height": 120})
        for label, x0, y0, x1, y1 in BOXES[name]:
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append({"image_id": number, "category_id": numbers[label], "bbox": box})
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def voc_xml(name):
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
        for label, x0, y0, x1, y1 in BOXES[name]
    )
    size = "<size><width>160</width><height>120</height><depth>3</depth></size>"
    return f"<annotation>\n<filename>{name}.png</filename>\n{size}\n{objects}</annotation>\n"


def yolo_txt(name, names=("light", "dark")):
    return "".join(
        f"{names.index(label)} {(x0 + x1) / 320} {(y0 + y1) / 240} {(x1 - x0) / 160} "
        f"{(y1 - y0) / 120}\n"
        for label, x0, y0, x1, y1 in BOXES[name]
    )


def labelme_json(name):
    shapes = [
        {"label": label, "shape_type": "rectangle", "points": [[x1, y0], [x0, y1]]}
        for label, x0, y0, x1, y1 in BOXES[name]
    ]
    return json.dumps({"shapes": shapes, "imageWidth": 160, "imageHeight": 120})


def table(project, name):
    with (project / "data" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def boxes(project):
    """As in BOXES, of the pictures that have some."""
    found = {}
    for row in table(project, "boxes.csv"):
        corners = (float(row[name]) for name in ("x0", "y0", "x1", "y1"))
        found.setdefault(Path(row["path"]).stem, []).append((row["label"], *corners))
    return found


def splits(project):
    return {Path(row["path"]).stem: row["split"] for row in table(project, "splits.csv")}


@pytest.fixture
def fill(empty_project, picture):
    """Writes files into the data folder: text, or a picture (by its letter) at a path."""

    def fill(files):
        for path, content in files.items():
            path = empty_project / "data" / path
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                picture(ord(path.stem), BOXES[path.stem]).save(path)
            else:
                path.write_text(content, encoding="utf-8")
        return empty_project

    return fill


LAYOUTS = {
    "COCO, a file a split": {
        **{f"images/{name}.png": "" for name in BOXES},
        **{f"{split}.json": coco_json([n for n in BOXES if SPLITS[n] == split])
           for split in ("train", "val", "test")},
    },
    "COCO, as it is published": {
        **{f"{SPLITS[name]}2017/{name}.png": "" for name in BOXES},
        **{f"annotations/instances_{split}2017.json":
           coco_json([n for n in BOXES if SPLITS[n] == split])
           for split in ("train", "val", "test")},
    },
    "COCO, a file beside the pictures": {
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/_annotations.coco.json": coco_json([n for n in BOXES if SPLITS[n] == split])
           for split in ("train", "val", "test")},
    },
    "COCO, one file": {
        **{f"images/{split}/{name}.png": "" for name, split in SPLITS.items()},
        "annotations.json": coco_json(BOXES),
    },
    "VOC": {
        **{f"JPEGImages/{name}.png": "" for name in BOXES},
        **{f"Annotations/{name}.xml": voc_xml(name) for name in BOXES},
        "ImageSets/Main/train.txt": "a\nb\n",
        "ImageSets/Main/val.txt": "c\n",
        "ImageSets/Main/test.txt": "d\n",
    },
    "VOC, a list of train and val": {
        **{f"JPEGImages/{name}.png": "" for name in BOXES},
        **{f"Annotations/{name}.xml": voc_xml(name) for name in BOXES},
        "ImageSets/Main/trainval.txt": "a\nb\nc\n",
        "ImageSets/Layout/val.txt": "c\n",
        "ImageSets/Main/test.txt": "d\n",
    },
    "VOC, folders of any name": {
        **{f"photos/{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"xml_files/{name}.xml": voc_xml(name) for name in BOXES},
    },
    "VOC, lists of PaddleX": {
        **{f"JPEGImages/{name}.png": "" for name in BOXES},
        **{f"Annotations/{name}.xml": voc_xml(name) for name in BOXES},
        "labels.txt": "dark\nlight\n",
        "train_list.txt": "JPEGImages/a.png Annotations/a.xml\nJPEGImages/b.png Annotations/b.xml",
        "val_list.txt": "JPEGImages/c.png Annotations/c.xml\n",
        "test_list.txt": "JPEGImages/d.png Annotations/d.xml\n",
    },
    "YOLO, folders by kind": {
        **{f"images/{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"labels/{split}/{name}.txt": yolo_txt(name) for name, split in SPLITS.items()},
        "data.yaml": "nc: 2\nnames: [light, dark]\n",
    },
    "YOLO, folders by split": {
        **{f"{split}/images/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/labels/{name}.txt": yolo_txt(name) for name, split in SPLITS.items()},
        **{f"{split}/labels/classes.txt": "light\ndark\n" for split in SPLITS.values()},
    },
    "YOLO, as Darknet has it": {
        **{f"obj_data/{name}.png": "" for name in BOXES},
        **{f"obj_data/{name}.txt": yolo_txt(name) for name in BOXES},
        "obj.names": "light\ndark\n",
        "train.txt": "obj_data/a.png\nobj_data/b.png\n",
        "valid.txt": "/home/someone/obj_data/c.png\n",
        "test.txt": "obj_data\\d.png\n",
    },
    "YOLO, other names of splits": {
        **{f"{folder}/{name}.png": "" for name, folder in OTHERS.items()},
        **{f"{folder}/{name}.txt": yolo_txt(name) for name, folder in OTHERS.items()},
        "classes.txt": "light\ndark\n",
    },
    "COCO, other names of splits": {
        **{f"images/{name}.png": "" for name in BOXES},
        **{f"标注 {folder}.json": coco_json([n for n in BOXES if OTHERS[n] == folder])
           for folder in OTHERS.values()},
    },
    "LabelMe": {
        **{f"{split}/line 1/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/line 1/{name}.json": labelme_json(name) for name, split in SPLITS.items()},
    },
    "several formats": {
        **{f"images/{split}/{name}.png": "" for name, split in SPLITS.items()},
        "labels/train/a.txt": yolo_txt("a"),
        "labels/train/b.xml": voc_xml("b"),
        "labels/val/c.json": labelme_json("c"),
        "labels/test/d.xml": voc_xml("d"),
        "classes.txt": "light\ndark\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same(fill, run, name):
    project = fill(LAYOUTS[name])
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    assert splits(project) == SPLITS
    assert done.stdout.endswith("no errors. Splits (given): data/splits.csv\n")
    rows = table(project, "splits.csv")
    assert list(rows[0]) == ["path", "split", "group", "width", "height"]
    assert all((row["width"], row["height"]) == ("160", "120") for row in rows)


def test_outlines_become_boxes(fill, run):
    """Polygons of COCO (in a list or not), LabelMe and YOLO, and LabelMe's circle."""
    tree = json.loads(coco_json(["a"]))
    for entry, box in zip(tree["annotations"], BOXES["a"], strict=True):
        _, x0, y0, x1, y1 = box
        entry["bbox"] = []
        entry["segmentation"] = [[x0, y0, x1, y0, x1, y1], [x0, y1, x1, y1, x0, y0]]
    tree["annotations"][1]["segmentation"] = [60.5, 20, 90, 20, 60.5, 61.25]
    circle = {"label": "light", "shape_type": "circle", "points": [[25, 15], [25, 25]]}
    shape = {"label": "dark", "points": [[100, 120], [160, 100], [120, 80]]}
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        "coco.json": json.dumps(tree),
        "train/b.json": json.dumps({"shapes": [circle]}),
        "val/c.txt": "1 0.25 0.5 0.5 0.25 0.75 0.5\n",
        "test/d.json": json.dumps({"shapes": [shape]}),
        "classes.txt": "light\ndark\n",
    })  # fmt: skip
    done = run(project, "check_data.py")
    assert done.returncode == 0, done.stdout
    assert boxes(project) == {
        **BOXES,
        "b": [("light", 15, 5, 35, 25)],
        "c": [("dark", 40, 30, 120, 60)],
    }


def test_boxes_around_other_shapes_of_xml(fill, run):
    """LabelMe 3.0, as CVAT exports it, and roLabelImg."""
    corners = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((5, 25), (45, 5), (25, 15)))
    deleted = "<object><name>light</name><deleted>1</deleted><polygon></polygon></object>"
    turned = "<cx>130</cx><cy>100</cy><w>40</w><h>60</h><angle>1.5707963267948966</angle>"
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        "train/a.xml": voc_xml("a"),
        "train/b.xml": "<annotation><imagesize><nrows>120</nrows><ncols>160</ncols></imagesize>"
        f"<object><name>light</name><deleted>0</deleted><polygon>{corners}</polygon></object>"
        f"{deleted}</annotation>",
        "val/c.xml": f"<annotation>{deleted}</annotation>",
        "test/d.xml": "<annotation><object><type>robndbox</type><name>dark</name>"
        f"<robndbox>{turned}</robndbox></object></annotation>",
    })  # fmt: skip
    done = run(project, "check_data.py")
    assert done.returncode == 0, done.stdout
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    test = project / "data" / "test" / "d.xml"
    test.write_text(test.read_text().replace("1.57", "inf1.57"))
    assert (
        "error: data/test/d.xml:1: not a box of four numbers. "
        in run(project, "check_data.py").stdout
    )
    train = project / "data" / "train" / "b.xml"
    train.write_text(train.read_text().replace("<nrows>120", "<nrows>240"))
    assert "gives 160 x 240 px for data/train/b.png" in run(project, "check_data.py").stdout


def test_the_labels_named_in_the_settings(fill, run):
    """Two label sets side by side: the settings say which one counts."""
    pictures = {f"images/{split}/{name}.png": "" for name, split in SPLITS.items()}
    new = {f"labels v2/{split}/{name}.xml": voc_xml(name) for name, split in SPLITS.items()}
    old = {f"labels v1/{split}/{name}.xml": "<annotation/>" for name, split in SPLITS.items()}
    project = fill({**pictures, **new, **old, "old.json": coco_json(BOXES)})
    done = run(project, "check_data.py")
    assert done.returncode == 1
    settings = project / "settings.yaml"
    for labels in ("labels v2", "old.json"):
        settings.write_text(f"classes: [dark, light]\ndata: {{labels: '{labels}'}}\n")
        done = run(project, "check_data.py")
        assert done.returncode == 0, done.stdout
        assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    for labels in ("gone.json", "../settings.yaml", "/etc"):
        settings.write_text(f"classes: [dark, light]\ndata: {{labels: '{labels}'}}\n")
        done = run(project, "check_data.py")
        assert (done.returncode, done.stderr) == (
            1,
            f"error: data/{labels}: no annotation file there. Mend data.labels in settings.yaml.\n",
        )


def test_the_labels_of_the_settings_keep_the_splits(fill, run):
    """The lists lie beside their folder; another file there is not read."""
    project = fill(LAYOUTS["VOC"] | {"train.xml": "", "train.txt": "0 0.5 0.5 0.1 0.1\n"})
    (project / "settings.yaml").write_text("classes: [dark, light]\ndata: {labels: Annotations}\n")
    done = run(project, "check_data.py")
    assert (done.returncode, splits(project)) == (0, SPLITS)
    (project / "data" / "test.txt").write_bytes("d\n划痕".encode("gbk"))
    done = run(project, "check_data.py")
    assert "error: data/test.txt: not UTF-8 text. Save it as UTF-8.\n" in done.stdout


def test_class_numbers_without_names(fill, run):
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/{name}.txt": yolo_txt(name, ("dark", "light"))
           for name, split in SPLITS.items()},
    })  # fmt: skip
    done = run(project, "check_data.py")
    assert (
        "warning: data/: no file (classes.txt, data.yaml) names the class numbers, so they follow "
        "settings.yaml: 0 dark, 1 light. Add classes.txt if that is not right.\n"
    ) in done.stdout
    assert boxes(project)["a"] == BOXES["a"]


NAMES = {
    "defects.yaml": "path: ../x\nnames:\n  0: light\n  1: dark\n",
    "defects.yml": "names: [light, dark]\n",
    "defects.names": "light\ndark\n",
    "train/_darknet.labels": "light\r\ndark\r\n",
}


@pytest.fixture
def numbered(fill):
    """A project whose boxes of train are YOLO's, light being number 0, and these files."""

    def numbered(**files):
        return fill({
            **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
            **{f"train/{name}.txt": yolo_txt(name) for name in "ab"},
            **{f"{SPLITS[name]}/{name}.xml": voc_xml(name) for name in "cd"},
            **files,
        })  # fmt: skip

    return numbered


def faults_of_numbers(faults, project):
    found = faults(project, "")
    return [line for line in found if "number" in line or "error" in line]


@pytest.mark.parametrize("file", NAMES)
def test_files_that_name_the_class_numbers(numbered, faults, file):
    """Whatever the tool calls them."""
    project = numbered(**{file: NAMES[file], "hyp.yaml": "lr0: 0.01\n", "._classes.txt": "dark"})
    assert not faults_of_numbers(faults, project)
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    assert json.loads((project / "data" / ".checked").read_text())[file]  # edits are noticed


def test_two_files_of_a_folder_may_add_to_each_other_but_not_disagree(numbered, faults):
    project = numbered(**{"defects.names": "light\ndark\n", "classes.txt": "\ndark\n"})
    assert not faults_of_numbers(faults, project)
    (project / "data" / "classes.txt").write_text("spot\ndark\n")
    assert faults_of_numbers(faults, project) == [
        "error: FILEdefects.names: names class number 0 light, but FILEclasses.txt names it spot. "
        "Remove the wrong file, or mend it."
    ]


def test_the_nearest_file_names_the_class_numbers(numbered, faults):
    """Exports of several tools lie in folders of their own, with orders of their own."""
    project = numbered(**{"train/data.yaml": "names: [light, dark]", "classes.txt": "dark\nlight"})
    assert not faults_of_numbers(faults, project)
    assert boxes(project)["a"] == BOXES["a"]


def test_yaml_of_other_tools_is_no_fault(numbered, faults):
    project = numbered(**{
        "classes.txt": "light\ndark\n",
        "camera.yml": "%YAML:1.0\n---\nmatrix: !!opencv-matrix\n   rows: 3\n",
        "robot.yaml": "names: [left, right]\n",
    })  # fmt: skip
    assert not faults_of_numbers(faults, project)
    assert boxes(project)["a"] == BOXES["a"]


def test_class_numbers_with_gaps_and_in_quotes(fill, run):
    """They may begin with 1; what has no name is no class, and none takes another's place."""
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/{name}.txt": yolo_txt(name, ("", "light", "", "dark"))
           for name, split in SPLITS.items()},
        "data.yaml": "names:\n  '1': light\n  '3': dark\n",
    })  # fmt: skip
    done = run(project, "check_data.py")
    assert done.returncode == 0 and "warning: data/: no file" not in done.stdout
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    (project / "data" / "train" / "b.txt").write_text("2 0.5 0.5 0.1 0.1\n")
    done = run(project, "check_data.py")
    assert (
        "error: data/train/b.txt:1: class number 2 has no name (numbers begin with 0). Mend it, or "
        "name it where the others are named.\n"
    ) in done.stdout


@pytest.fixture
def faults(run):
    """Runs check_data.py; returns the errors and warnings about one file."""

    def faults(project, file):
        done = run(project, "check_data.py")
        assert "Traceback" not in done.stderr, done.stderr
        lines = [line for line in done.stdout.splitlines() if re.match(r"\w+: data/" + file, line)]
        return [line.replace(f"data/{file}", "FILE") for line in lines]

    return faults


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "x.json",
            '{"shapes": [\n  {"label": }]}',
            "error: FILE:2:13: not valid JSON (Expecting value). Mend it there, or export it "
            "again.",
        ),
        (
            "x.json",
            "[" * 100_000,
            "error: FILE: not valid JSON (maximum recursion depth exceeded while decoding a JSON "
            "array from a unicode string). Mend it there, or export it again.",
        ),
        (
            "x.json",
            '{"tasks": []}',
            "warning: FILE: neither COCO (images, annotations, categories) nor LabelMe (shapes), "
            "so it is not used. Remove it, or export it again.",
        ),
        (
            "x.json",
            '{"shapes": {}}',
            "error: FILE: shapes is no list. Export it again.",
        ),
        (
            "x.xml",
            "<annotation>\n <size>\n</annotation>",
            "error: FILE:3:3: not valid XML (mismatched tag). Mend it there, or export it again.",
        ),
        (
            "x.xml",
            "",
            "error: FILE:1:1: not valid XML (no element found). Mend it there, or export it again.",
        ),
        (
            "x.xml",
            "<annotations/>",
            "warning: FILE: not VOC, since it holds <annotations> and not <annotation>, so it is "
            "not used. Remove it, or export it as Pascal VOC.",
        ),
        (
            "x.xml",
            '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "0"><!ENTITY c "&b;&b;">]>\n'
            "<annotation>&c;</annotation>",
            "error: FILE:2: has a DOCTYPE, which is never read: it can be used for attacks. "
            "Remove it.",
        ),
        (
            "x.xml",
            '<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>',
            "error: FILE:2: has a DOCTYPE, which is never read: it can be used for attacks. "
            "Remove it.",
        ),
        (
            "x.xml",
            "<annotation></annotation>",
            "error: FILE: no picture of this name. Add it beside this file or in images/, or "
            "remove this file.",
        ),
        (
            "x.txt",
            "0 0.5 0.5 0.1 0.1\n",
            "error: FILE: no picture of this name. Add it beside this file or in images/, or "
            "remove this file.",
        ),
        ("x.txt", "the night shift took these\n", None),
        (
            "0.txt",
            "dark 0.5 0.5 0.1 0.1\n",
            "error: FILE:1: not a line of YOLO: dark 0.5 0.5 0.1 0.1. Write: class number, "
            "x and y of the centre, width, height, all but the number as shares of the picture.",
        ),
        (
            "0.txt",
            "0 0.5 0.5 0.1 0.1 0.9\n",
            "error: FILE:1: not a line of YOLO: 0 0.5 0.5 0.1 0.1 0.9. Write: class number, "
            "x and y of the centre, width, height, all but the number as shares of the picture.",
        ),
        (
            "0.txt",
            "\n0 80 60 20 20\n",
            "error: FILE:2: not shares of the picture from 0 to 1, perhaps px: 0 80 60 20 20. "
            "Divide by the picture's width and height.",
        ),
        (
            "0.txt",
            "2 0.5 0.5 0.1 0.1\n",
            "error: FILE:1: class number 2, but there are only 2 class names (numbers begin with "
            "0). Mend it, or add the name to classes.txt.",
        ),
        (
            "0.json",
            '{"shapes": [{"label": "dark", "shape_type": "line", "points": [[1, 2], [3, 4]]}]}',
            "error: FILE: shapes[0]: a line has no area. Draw a rectangle or a polygon, or remove "
            "it.",
        ),
        (
            "0.json",
            '{"shapes": [7]}',
            "error: FILE: shapes[0]: no usable label, points. Mend it, or remove the entry.",
        ),
        (
            "0.json",
            '{"shapes": [{"label": "", "points": [[1, 2], [3, 4]]}]}',
            "error: FILE: shapes[0]: no class. Write its name.",
        ),
        (
            "0.json",
            '{"shapes": [{"label": "dark", "points": [[1, 2], [3]]}]}',
            "error: FILE: shapes[0]: not a box of four numbers. Draw it again, or remove it.",
        ),
        (
            "0.xml",
            "<annotation>\n<object>\n<bndbox/></object></annotation>",
            "error: FILE:2: no class. Write its name.",
        ),
    ],
)
def test_a_fault_of_a_file(empty_project, picture, faults, name, content, expected):
    """Each is named with its line, and in the words that the user reads."""
    data = empty_project / "data"
    picture(0).save(data / "0.png")
    (data / "classes.txt").write_text("dark\nlight\n")
    (data / name).write_text(content, encoding="utf-8")
    found = faults(empty_project, name)
    assert (expected in found) if expected else not found


def test_text_of_another_encoding(project, faults):
    (project / "data" / "0.txt").write_bytes("划痕".encode("gbk"))
    assert faults(project, "0.txt") == ["error: FILE: not UTF-8 text. Save it as UTF-8."]
    (project / "data" / "0.xml").write_bytes("<annotation>划痕</annotation>".encode("gbk"))
    assert faults(project, "0.xml") == ["error: FILE: not UTF-8 text. Save it as UTF-8."]


def test_xml_in_a_chinese_encoding(in_project, tmp_path):
    """As Windows programs write it; a DOCTYPE stays refused."""
    voc = importlib.import_module("pipeline.voc")
    refused = importlib.import_module("pipeline.annotations").AnnotationError
    file = tmp_path / "a.xml"
    for encoding in ("gb2312", "GBK", "gb18030", "utf-8", "utf-16"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation>\n划痕</annotation>'
        file.write_bytes(text.encode(encoding))
        assert voc.parse(file, "FILE").text.strip() == "划痕"
    for text, kind in (
        ('encoding="gbk"?>\n<!DOCTYPE a [<!ENTITY b "划">]><annotation>&b;', "doctype"),
        ('encoding="gb2312"?>\n<annotation>\n划痕</annotation', "bad_xml"),
    ):
        file.write_bytes(f'<?xml version="1.0" {text}'.encode("gbk"))
        with pytest.raises(refused) as error:
            voc.parse(file, "FILE")
        assert error.value.fault.kind == kind
    file.write_bytes(b'<?xml version="1.0" encoding="gbk"?>\n<annotation>\xff</annotation>')
    with pytest.raises(refused) as error:
        voc.parse(file, "FILE")
    assert error.value.fault.text("en") == (
        "error: FILE: not the gbk text that its first line promises. Save it as UTF-8."
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "nc: 1\nnames: [a\n",
            "error: FILE:3: not valid YAML. Mend it there, or remove it and write the class names "
            "into classes.txt.",
        ),
        (
            "names: {-1: dark, 0: light}\n",
            "error: FILE: names does not give the class names by number. Write names: [open, "
            "short], the first for number 0, or remove it and write the class names into "
            "classes.txt.",
        ),
    ],
)
def test_broken_class_names(project, faults, content, expected):
    (project / "data" / "images" / "0.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (project / "data" / "data.yaml").write_text(content)
    assert faults(project, "data.yaml") == [expected]


PICTURES = (
    *("images/default/line 1/0.jpg", "images/default/line 2/0.jpg", "top.jpg", "export/top.jpg"),
    *("cam1_0.25.JPG", "images/a 1.bmp", "A 1.png", "Pru\u0308fung/1.png", "IMG_7.JPG"),
    *("images/train/7.jpg", "images/val/7.jpg", "x/8.bmp", "y/8.jpg"),
    *("images/划痕 9.jpg", "0abc1234-8.jpg"),
)


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("line 2/0.jpg", "a.json", [1]),
        ("D:\\data\\pictures\\line 2\\0.jpg", "a.json", [1]),
        ("data/obj_train_data/line 1/0.png", "train.txt", [0]),
        ("../line 1/0.jpg", "annotations/a.json", [0]),
        ("0.jpg", "images/default/line 1/labels/a.json", [0]),
        ("0.jpg", "a.json", [0, 1]),
        ("line 3/0.jpg", "a.json", [0, 1]),
        ("top.jpg", "a.json", [2]),
        ("top.jpg", "export/a.json", [3]),
        ("top.jpg", "export/labels/a.json", [3]),
        ("other/top.jpg", "a.json", [2, 3]),
        ("cam1_0.25", "train.txt", [4]),
        ("cam1_0.25.jpg", "a.json", [4]),
        ("cam1_0", "train.txt", []),
        ("A 1.png", "a.json", [6]),
        ("a 1.bmp", "a.json", [5]),
        ("a 1.tif", "a.json", [5]),
        ("Pr\u00fcfung/1.png", "a.json", [7]),
        ("1.png", "a.json", [7]),
        ("img_7.jpg", "a.json", [8]),
        ("7.jpg", "annotations/instances_val.json", [10]),
        ("7.jpg", "annotations/instances_default.json", [9, 10]),
        ("7.jpg", "annotations/缺陷验证单.json", [9, 10]),
        ("8.jpg", "a.json", [12]),
        ("x/8.jpg", "a.json", [11]),
        ("images/%E5%88%92%E7%97%95%20%39.jpg", "result.json", [13]),
        ("images/0abc1234-划痕 9.jpg", "result.json", [13]),
        ("/data/upload/1/0abc1234-%E5%88%92%E7%97%95%209.jpg", "result.json", [13]),
        ("0abc1234-8.jpg", "result.json", [14]),
        ("0abc1235-8.jpg", "result.json", []),
        ("%2e%2e%2f0.jpg", "a.json", []),
        ("../../../etc/passwd", "a.json", []),
        ("a/" * 100_000 + "7.jpg", "a.json", [9, 10]),
    ],
)
def test_the_picture_that_a_name_means(in_project, name, file, expected):
    """The nearest of its stem, whatever the ending; none is chosen among equals."""
    index = importlib.import_module("pipeline.picture_index")
    picture = importlib.import_module("pipeline.annotations").Picture
    pictures = [picture(Path(name), name) for name in PICTURES]
    found = index.PictureIndex(pictures).named(name, PurePosixPath(file))
    assert [picture.name for picture in found] == [PICTURES[number] for number in expected]


def test_a_picture_is_found_in_any_tree(in_project):
    """Every folder holds the same name, and tools put other folders before and change endings."""
    index = importlib.import_module("pipeline.picture_index")
    picture = importlib.import_module("pipeline.annotations").Picture
    rng = random.Random(0)
    for _ in range(200):
        top = rng.choice(["", "images/", "photos/", "export/images/default/"])
        places = {"/".join(rng.choices("abc", k=2)) for _ in range(6)}
        names = [f"{top}{place}/1.jpg" for place in places]
        searched = index.PictureIndex([picture(Path(name), name) for name in names])
        for place, name in zip(places, names, strict=True):
            before = rng.choice(["", "D:\\data\\", "/home/someone/", "labels/"])
            written = f"{before}{place}/1" + rng.choice(["", ".jpg", ".JPG", ".png"])
            (found,) = searched.named(written, PurePosixPath("a.json"))
            assert found.name == name
            (found,) = searched.mirrored(PurePosixPath(f"labels/{place}/1.xml"))
            assert found.name == name


def test_yolo_of_label_studio(fill, run):
    """It puts eight hex digits before the name of a picture that was uploaded."""
    project = fill({
        **{f"pictures/{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"labels/0abc123{name}-{name}.txt": yolo_txt(name) for name in BOXES},
        "classes.txt": "light\ndark\n",
        "notes.json": '{"categories": [], "info": {}}',
    })  # fmt: skip
    assert run(project, "check_data.py").returncode == 0
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}


def test_masks_are_no_pictures(fill, faults, picture):
    """VOC has them in folders of their own, LabelMe's converter in one for each picture."""
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{split}/{name}.json": labelme_json(name) for name, split in SPLITS.items()},
    })  # fmt: skip
    masks = [f"SegmentationClassPNG/{name}.png" for name in BOXES]
    masks += [f"train/a_json/{name}.png" for name in ("img", "label", "label_viz")]
    for seed, name in enumerate(masks):
        path = project / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(path)
    assert faults(project, ":")[0] == (
        "warning: FILE 7 pictures lie in folders of masks, so they are not used: "
        "SegmentationClassPNG/a.png, SegmentationClassPNG/b.png, SegmentationClassPNG/c.png (+4). "
        "Move those that are photographs."
    )
    assert splits(project) == SPLITS


def test_pictures_found_by_their_file_name_alone(project, coco, faults):
    """Said once, and not of paths of another machine or of what lies in no folder."""
    data = project / "data"
    (data / "line 2").mkdir()
    for number, before in enumerate(("line 1/", "line 1\\", "/line 1/", "line 2/", "images/", "")):
        coco.tree["images"][number]["file_name"] = f"{before}{number}.png"
        (data / "images" / f"{number}.png").rename(data / "line 2" / f"{number}.png")
    coco.tree["images"][6]["file_name"] = "line 1/6.png"
    coco.save()
    assert faults(project, ":") == [
        "warning: FILE 2 pictures were found by their file name alone, such as line 1/0.png: "
        "line 2/0.png. If these are others, mend the folders."
    ]


def test_pictures_that_differ_by_their_ending_alone(fill, faults, picture):
    """The annotation says which one it is of; the other one is no good picture."""
    project = fill({
        **{f"{split}/{name}.png": "" for name, split in SPLITS.items()},
        **{f"{SPLITS[name]}/{name}.xml": voc_xml(name) for name in "acd"},
        "train/b.json": labelme_json("b")[:-1] + r', "imagePath": "..\\photos\\b.png"}',
    })  # fmt: skip
    for name in "ab":
        picture(ord(name)).save(project / "data" / "train" / f"{name}.bmp")
    assert faults(project, ":")[0] == (
        "warning: FILE 2 pictures have the name of an annotated one but for the ending, so they "
        "are not used: train/a.bmp, train/b.bmp. Remove or rename them."
    )
    assert boxes(project) == {name: found for name, found in BOXES.items() if found}
    assert {row["path"] for row in table(project, "splits.csv")} == {
        f"{split}/{name}.png" for name, split in SPLITS.items()
    }


def test_lists_of_names_with_blanks(project, coco, run):
    data = project / "data"
    (data / "photos").mkdir()
    for number, image in enumerate(coco.tree["images"]):
        image["file_name"] = f"photos/part {number}.5.png"
        (data / "images" / f"{number}.png").rename(data / image["file_name"])
    coco.save()
    lines = [f"photos/part {n}.5.png Annotations/part {n}.5.xml\n" for n in range(6)]
    (data / "train_list.txt").write_text("".join(lines))
    (data / "test_list.txt").write_text("part 6.5\nphotos/part 7.5.png\tAnnotations/part 7.5.xml\n")
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert {name for name, split in splits(project).items() if split == "test"} == {
        "part 6.5",
        "part 7.5",
    }
    assert done.stdout.endswith("\nno errors. Splits (given): data/splits.csv\n")


def test_several_pictures_of_a_name(project, faults, picture):
    picture(50).save(project / "data" / "images" / "0.jpg")
    (project / "data" / "0.xml").write_text("<annotation/>")
    assert faults(project, "0.xml") == [
        "error: FILE: several pictures of this name: images/0.jpg, images/0.png. Rename all but "
        "one."
    ]


def test_a_picture_that_is_elsewhere(project, coco, faults, picture):
    """What is said of its name is true, and no picture gets the boxes of another folder's."""
    data = project / "data"
    for name in ("line 1/a.jpg", "line 2/a.jpg", "line 1/b.jpg"):
        (data / name).parent.mkdir(exist_ok=True)
        picture(len(list(data.rglob("*.jpg"))) + 50).save(data / name)
    (data / "line 2" / "b.xml").write_text("<annotation/>")
    coco.add("a.jpg", [])
    coco.save()
    assert [line for line in faults(project, "") if line.startswith("error")] == [
        "error: FILEannotations.json: images[8]: several pictures are called a.jpg: line 1/a.jpg, "
        "line 2/a.jpg. Write the folder as well.",
        "error: FILEline 2/b.xml: no picture of this name beside it or in the folder that mirrors "
        "its own, only elsewhere: line 1/b.jpg. Move one to the other, or remove this file.",
    ]


def test_no_picture_of_another_known_folder_is_meant(project, coco, faults, picture):
    """Days have the same folders and names; a picture of one of them that is missing is no
    other day's."""
    data = project / "data"
    for number, name in enumerate(("day 1/ng/70.jpg", "day 2/ok/70.jpg", "day 2/ng/80.jpg")):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        picture(50 + number).save(data / name)
    (data / "labels/day 2/ng").mkdir(parents=True)
    (data / "labels/day 2/ng/70.xml").write_text("<annotation/>")
    coco.add("day 2/ng/70.jpg", [])
    coco.save()
    assert [line for line in faults(project, "") if line.startswith("error")] == [
        "error: FILEannotations.json: images[8]: no such picture: day 2/ng/70.jpg. Add it, or mend "
        "or remove the entry.",
        "error: FILElabels/day 2/ng/70.xml: no picture of this name beside it or in the folder "
        "that mirrors its own, only elsewhere: day 1/ng/70.jpg, day 2/ok/70.jpg. Move one to the "
        "other, or remove this file.",
    ]


def test_a_picture_is_annotated_once(project, faults):
    (project / "data" / "classes.txt").write_text("dark\nlight\n")
    for number in range(3):
        (project / "data" / "images" / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert faults(project, ":") == [
        "error: FILE 3 pictures are annotated twice, such as images/0.png: "
        "data/annotations.json: images[0] and data/images/0.txt. Remove one of them, or name the "
        "right file or folder as data.labels in settings.yaml."
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda coco: coco["images"].append("x.png"),
        lambda coco: coco["images"].append({"id": 3.5, "file_name": None}),
        lambda coco: coco["images"].append({"id": [1], "file_name": "../../etc/passwd"}),
        lambda coco: coco["images"][0].update(width="a", height=[1]),
        lambda coco: coco["images"][0].update(width=float("nan"), height=1e400),
        lambda coco: coco["annotations"].append(None),
        lambda coco: coco["annotations"][0].update(image_id={}),
        lambda coco: coco["annotations"][0].update(category_id=[]),
        lambda coco: coco["annotations"][0].update(bbox={"x": 1}),
        lambda coco: coco["annotations"][0].update(bbox=[10**400, "x", None, True]),
        lambda coco: coco["annotations"][0].update(bbox=[1e308, 1e308, 1e308, 1e308]),
        lambda coco: coco["annotations"][0].update(bbox=[], segmentation={"counts": "a"}),
        lambda coco: coco["annotations"][0].update(bbox=[], segmentation=[[1, 2, "x"]]),
        lambda coco: coco["categories"].append(5),
        lambda coco: coco["categories"][0].update(name={"a": 1}),
        lambda coco: coco.update(annotations="none"),
        lambda coco: coco.update(images=None),
        lambda coco: coco.update(categories={}),
    ],
)
def test_whatever_a_json_holds(project, coco, run, change):
    """Wrong kinds end in errors with their place, or change nothing."""
    change(coco.tree)
    coco.save()
    done = run(project, "check_data.py")
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert done.returncode == (1 if errors else 0)
    assert all("data/annotations.json: " in line for line in errors if "data/: no" not in line)


def test_a_file_name_never_leads_out(project, coco, run, tmp_path, picture):
    picture(90).save(tmp_path / "secret.png")
    for name in ("../../secret.png", str(tmp_path / "secret.png")):
        coco.add(name, [("dark", 1, 1, 20, 20)])
    coco.save()
    done = run(project, "check_data.py")
    for index, name in ((8, "../../secret.png"), (9, tmp_path / "secret.png")):
        assert (
            f"error: data/annotations.json: images[{index}]: no such picture: {name}. Add it, or "
            "mend or remove the entry.\n"
        ) in done.stdout


def test_deeply_nested_xml(project, run):
    deep = "<annotation>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>"
    (project / "data" / "9.xml").write_text(deep)
    done = run(project, "check_data.py")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "error: data/9.xml: no picture of this name." in done.stdout


@pytest.mark.parametrize("pack", ["pcb_det", "screws_det"])
def test_real_data_of_every_format(empty_project, run, real_data, pack):
    """The same boxes, however they are written down."""
    source = real_data(pack)
    tree = json.loads((source / "val.json").read_text())
    names = [category["name"] for category in tree["categories"]]
    (empty_project / "settings.yaml").write_text(f"classes: {json.dumps(names)}\n")
    data, found = empty_project / "data", {}
    for kind in ("coco", "voc", "yolo", "labelme"):
        shutil.rmtree(data)
        (data / "images" / "test").mkdir(parents=True)
        if kind == "coco":
            (data / "a.json").write_text(json.dumps(tree))
        (data / "classes.txt").write_text("\n".join(names))
        for image in tree["images"]:
            name, width, height = image["file_name"], image["width"], image["height"]
            split = "train" if image["id"] % 2 else "test"
            (data / "images" / split).mkdir(exist_ok=True)
            shutil.copy(source / "images" / name, data / "images" / split)
            own = [a for a in tree["annotations"] if a["image_id"] == image["id"]]
            corners = [
                (a["category_id"] - 1, x, y, x + w, y + h)
                for a in own
                for x, y, w, h in [a["bbox"]]
            ]
            text = {"coco": None, "voc": _voc, "yolo": _yolo, "labelme": _labelme}[kind]
            suffix = {"voc": ".xml", "yolo": ".txt", "labelme": ".json"}.get(kind)
            if text:
                path = data / "labels" / split / Path(name).with_suffix(suffix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(corners, names, width, height))
        done = run(empty_project, "check_data.py")
        assert done.returncode == 0, done.stdout
        found[kind] = (data / "boxes.csv").read_text()
    assert len(found["coco"].splitlines()) == len(tree["annotations"]) + 1
    assert found["voc"] == found["coco"] == found["yolo"] == found["labelme"]


def _voc(corners, names, width, height):
    tags = ("xmin", "ymin", "xmax", "ymax")
    objects = "".join(
        f"<object><name>{names[label]}</name><bndbox>"
        + "".join(f"<{tag}>{value!r}</{tag}>" for tag, value in zip(tags, box, strict=True))
        + "</bndbox></object>"
        for label, *box in corners
    )
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    return f"<annotation>{size}{objects}</annotation>"


def _yolo(corners, names, width, height):
    return "".join(
        f"{label} {(x0 + x1) / 2 / width!r} {(y0 + y1) / 2 / height!r} {(x1 - x0) / width!r} "
        f"{(y1 - y0) / height!r}\n"
        for label, x0, y0, x1, y1 in corners
    )


def _labelme(corners, names, width, height):
    shapes = [
        {"label": names[label], "shape_type": "rectangle", "points": [[x1, y1], [x0, y0]]}
        for label, x0, y0, x1, y1 in corners
    ]
    return json.dumps({"shapes": shapes, "imageWidth": width, "imageHeight": height})
