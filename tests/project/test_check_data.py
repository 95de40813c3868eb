"""check_data.py names every fault of a data set, and splits it fairly."""

import codecs
import csv
import errno
import hashlib
import importlib
import json
import os
import shutil
import string
import zlib
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image, ImageEnhance

KEEP_ONE_ALIKE = (
    "Keep one; if they show different parts (fixed camera), set data.alike_are_copies to false."
)


def rows(project, data="data"):
    with (project / data / "splits.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def splits(project):
    return {row["path"]: row["split"] for row in rows(project)}


@pytest.fixture
def check(project, run):
    """Runs check_data.py; returns its exit code and the problems it names."""

    def check(*args):
        done = run(project, "check_data.py", *args)
        assert "Traceback" not in done.stderr
        out = done.stdout.splitlines()
        return done.returncode, [line for line in out if line.startswith(("error", "warning"))]

    return check


@pytest.fixture
def many(project, picture):
    """Gives a class more pictures."""

    def many(label, count, start=1000):
        folder = project / "data" / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(start, start + count):
            picture(number, dark=label == "dark").save(folder / f"{number}.png")

    return many


# Splits


def test_a_clean_data_set(project, run):
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "  train   test  class\n"
        "      6      2  dark\n"
        "      6      2  light\n"
        "no errors. Splits (drawn): data/splits.csv\n"
    )
    assert list(rows(project)[0]) == ["path", "label", "split", "group"]
    assert {row["path"] for row in rows(project)} == {
        f"{label}/{number}.png" for label in ("dark", "light") for number in range(8)
    }
    assert all(row["label"] == row["path"].split("/")[0] for row in rows(project))
    assert all(row["group"] == row["path"] for row in rows(project))


def test_pictures_keep_their_split(project, check, many, run):
    check()
    first = splits(project)
    many("dark", 8)
    assert "Splits (kept, new pictures added): " in run(project, "check_data.py").stdout
    second = splits(project)
    assert {path: second[path] for path in first} == first
    assert Counter(second[path] for path in second if path.startswith("dark")) == {
        "train": 12,
        "test": 4,
    }
    assert "Splits (kept): " in run(project, "check_data.py").stdout
    assert splits(project) == second
    (project / "data" / "splits.csv").unlink()
    check()
    anew = splits(project)
    assert anew != second
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "train: {seed: 5}\n")
    check()
    assert splits(project) == anew
    check("--resplit")
    assert splits(project) != anew


def test_broken_splits_of_before(project, run):
    (project / "data" / "splits.csv").write_text("nonsense\n1\n")
    done = run(project, "check_data.py")
    assert done.returncode == 1
    assert done.stderr == (
        "error: data/splits.csv:1: no column path, split. The first line must name the "
        "columns: path,split. Or run check_data.py --resplit.\n"
    )
    assert run(project, "check_data.py", "--resplit").returncode == 0


def test_look_alikes_stay_together(project, check, picture):
    for number in range(8):
        for copy in range(2):
            light = ImageEnhance.Brightness(picture(number)).enhance(0.97 - copy * 0.02)
            light.save(project / "data" / "light" / f"{number}-{copy}.png")
    code, problems = check()
    assert code == 0
    assert problems[0] == (
        "warning: data/light/0-0.png: almost the same picture as data/light/0-1.png, "
        f"data/light/0.png. {KEEP_ONE_ALIKE}"
    )
    assert len(problems) == 8
    of_group = {}
    for row in rows(project):
        assert row["group"] == row["path"] or row["label"] == "light"
        of_group.setdefault(row["group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in of_group.values())
    counts = Counter(row["split"] for row in rows(project) if row["label"] == "light")
    assert counts == {"train": 18, "test": 6}


@pytest.mark.parametrize(
    ("count", "test"), [(2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (9, 2), (40, 10)]
)
def test_small_classes_get_test_pictures(in_project, count, test):
    from pipeline.splitting import draw_splits

    names = [str(number) for number in range(count)]
    for seed in range(20):
        drawn = draw_splits([{"a"}] * count, names, [None] * count, 0.25, seed)
        assert Counter(drawn)["test"] == test


def test_any_grouping_is_split_fairly(in_project):
    import hypothesis
    from hypothesis import strategies as st

    from pipeline.splitting import draw_splits

    labelled = st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.booleans())

    @hypothesis.given(st.lists(labelled, max_size=30), st.floats(0.01, 0.89), st.integers(0, 9))
    @hypothesis.settings(deadline=None)
    def check(pictures, share, seed):
        labels = [label for label, _, _ in pictures]
        groups = [f"{label}{group}" for label, group, _ in pictures]
        kept = ["test" if old and group == 0 else None for _, group, old in pictures]
        drawn = draw_splits([{label} for label in labels], groups, kept, share, seed)
        assert set(drawn) <= {"train", "test"}
        assert all(new == old for new, old in zip(drawn, kept, strict=True) if old)
        for group in set(groups):
            assert len({drawn[i] for i, name in enumerate(groups) if name == group}) == 1
        if not any(kept):
            for label in set(labels):
                of_class = [split for split, own in zip(drawn, labels, strict=True) if own == label]
                sizes = Counter(g for g in groups if g.startswith(label)).values()
                if len(of_class) >= 2:
                    assert of_class.count("train") >= 2
                if len(of_class) >= 3 and len(sizes) > 1:
                    assert "test" in of_class

    check()


def test_given_folders(project, check, picture, run):
    shutil.rmtree(project / "data")
    for split, start in (("train", 0), ("val", 10), ("test", 20)):
        for label in ("dark", "light"):
            folder = project / "data" / split / label / "camera 1"
            folder.mkdir(parents=True)
            for number in range(start, start + 4):
                seed = number + 100 * (label == "dark")
                picture(seed, dark=label == "dark").save(folder / f"{number}.png")
    done = run(project, "check_data.py")
    assert done.stdout == (
        "  train    val   test  class\n"
        "      4      4      4  dark\n"
        "      4      4      4  light\n"
        "no errors. Splits (given): data/splits.csv\n"
    )
    assert all(path.startswith(f"{split}/") for path, split in splits(project).items())
    (project / "data" / "dark").mkdir()
    picture(500, dark=True).save(project / "data" / "dark" / "x.png")
    assert check() == (
        1,
        ["error: data/dark: stands beside train, val, test. Move its pictures into one of them."],
    )


def test_folders_as_other_tools_name_them(project, check):
    data = project / "data"
    names = {"Train": (0, 2), "训练集": (2, 4), "valid": (4, 6), "test_images": (6, 8)}
    for split, numbers in names.items():
        for label in ("dark", "light"):
            (data / split / label).mkdir(parents=True)
            for number in range(*numbers):
                path = data / label / f"{number}.png"
                path.rename(data / split / label / path.name)
    for label in ("dark", "light"):
        (data / label).rmdir()
    assert check() == (0, [])
    split_of = {"Train": "train", "训练集": "train", "valid": "val", "test_images": "test"}
    found = splits(project).items()
    assert len(found) == 16
    assert all(split == split_of[path.split("/")[0]] for path, split in found)


def test_a_class_may_be_named_like_a_split(project, check):
    (project / "data" / "light").rename(project / "data" / "valid")
    (project / "settings.yaml").write_text("classes: [dark, valid]\n")
    assert check() == (0, [])
    assert Counter(row["label"] for row in rows(project)) == {"dark": 8, "valid": 8}


def test_drawn_test_pictures_are_some_of_the_shots(project, check):
    answers = project / ".copier-answers.yml"
    answers.write_text("language: en\nshots: 8\n")
    assert check() == (0, [])
    table = project / "data" / "labels.csv"
    lines = [
        f"{label}/{number}.png,{label},{'test' if number < 2 else 'train'}"
        for label in ("dark", "light")
        for number in range(8)
    ]
    table.write_text("\n".join(["path,label,split", *lines]))
    assert check()[1] == [
        f"warning: data/: class {label} has 6 pictures to train on; the project was made for 8. "
        "Add some."
        for label in ("dark", "light")
    ]


# A file


def test_every_fault_of_a_file_at_once(project, check, picture):
    check()
    before = (project / "data" / "splits.csv").read_bytes()
    light = project / "data" / "light"
    whole = (light / "1.png").read_bytes()
    (light / "a.png").write_bytes(b"")
    (light / "b.png").write_bytes(whole[:-100])
    (light / "c.png").write_bytes(b"this is a text")
    # A header that claims 30,000 x 30,000 px.
    header = whole[12:16] + (30_000).to_bytes(4, "big") * 2 + whole[24:29]
    huge = whole[:12] + header + zlib.crc32(header).to_bytes(4, "big") + whole[33:]
    (light / "d.png").write_bytes(huge)
    picture(900, side=15).save(light / "e.png")
    picture(901).save(light / "f.png", "JPEG")
    picture(902).save(light / "g.PNG", "GIF")
    Image.new("RGB", (48, 48), (250, 250, 250)).save(light / "h.png")
    picture(903).save(light / "i.JPEG")
    (light / "notes.txt").write_text("by shift 2")
    (light / "nowhere.png").symlink_to("gone.png")
    (light / ".DS_Store").write_bytes(b"x")
    (light / "Thumbs.db").write_bytes(b"x")
    (project / "data" / "README.md").write_text("no one's mistake")
    picture(904).save(project / "data" / "loose.png")
    assert check() == (
        1,
        [
            "warning: data/light/f.png: holds JPEG, but its name ends in .png. Rename it to .jpg.",
            "warning: data/light/g.PNG: holds GIF, but its name ends in .PNG. Save it anew as PNG.",
            "warning: data/light/h.png: all of one colour. Look at it; remove it if it shows "
            "nothing.",
            "warning: data/light/notes.txt: not a picture by its name, so it is not used. Remove "
            "it, or save it as PNG.",
            "warning: data/loose.png: not in the folder of a class, so it is not used. Move it "
            "into one.",
            "error: data/light/a.png: an empty file (0 bytes). Copy it again or remove it.",
            "error: data/light/b.png: cut off, its end is missing. Copy it again or remove it.",
            "error: data/light/c.png: not a readable picture (cannot identify image file). Replace "
            "it or remove it.",
            "error: data/light/d.png: over 200 million pixels. Crop or shrink it.",
            "error: data/light/e.png: 15 x 15 px, smaller than data.min_side (16). Replace it or "
            "remove it.",
            "error: data/light/nowhere.png: a link that leads nowhere, or no ordinary file. Copy "
            "it again or remove it.",
        ],
    )
    assert (project / "data" / "splits.csv").read_bytes() == before


def test_a_picture_that_the_system_does_not_let_read(project, in_project, monkeypatch):
    examine = importlib.import_module("pipeline.examine")
    picture_files = importlib.import_module("pipeline.picture_files")
    denied = Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(Image, "open", denied)
    path = project / "data" / "light" / "0.png"
    problems = examine.examine([picture_files.PictureFile(path, "light/0.png")], "data", 16)
    assert [problem.text("en") for problem in problems] == [
        "error: data/light/0.png: can't be read: Permission denied. Check the file's permissions "
        "and the disk, or copy it again."
    ]
    assert [problem.text("zh") for problem in problems] == [
        "错误：data/light/0.png：无法读取：Permission denied。请检查访问权限和磁盘，或重新复制。"
    ]


def test_every_ending_of_a_format(project, check, picture):
    light = project / "data" / "light"
    for number, name in enumerate(("a.jpe", "b.JPEG", "c.pgm", "d.ppm", "e.tiff"), 900):
        mode, kind = ("L" if "pgm" in name else "RGB"), "JPEG" if "j" in name.lower() else None
        picture(number).convert(mode).save(light / name, kind)
    assert check() == (0, [])
    assert {"light/a.jpe", "light/c.pgm", "light/d.ppm"} < splits(project).keys()


def test_folders_of_a_nas_are_no_data(project, check, picture, in_project):
    finding = importlib.import_module("pipeline.finding")
    data = project / "data"
    for name in ("light/@eaDir/1.png", "#recycle/light", "$RECYCLE.BIN/light", "__MACOSX/light"):
        (data / name).mkdir(parents=True)
        picture(900, side=15).save(data / name / "SYNOPHOTO_THUMB_M.jpg")
    assert check() == (0, [])
    assert len(splits(project)) == len(finding.find_pictures(data)) == 16


def test_only_the_first_page_of_a_tiff_is_used(project, check, picture):
    light, more = project / "data" / "light", {"save_all": True, "append_images": [picture(901)]}
    picture(900).save(light / "pages.tif", **more)
    picture(902).save(light / "one.tif")
    picture(903).save(light / "camera.jpg", "MPO", **more)
    assert check() == (
        0,
        [
            "warning: data/light/pages.tif: has several pages, and only the first is used. Save "
            "the others as pictures of their own if they show parts."
        ],
    )


def test_nearly_all_of_one_grey(project, check):
    light, rng = project / "data" / "light", np.random.default_rng(0)
    hot = rng.integers(0, 4096, (48, 48), np.uint16)  # 12 bits in 16
    hot[20, 20] = 65535
    Image.fromarray(hot).save(light / "hot.png")
    dim = rng.normal(60, 2, (48, 48)).astype(np.uint8)
    Image.fromarray(dim).save(light / "dim.png")
    dim[10:12, 5:20] = 200  # a scratch in dark field
    Image.fromarray(dim[::-1]).save(light / "scratch.png")
    black_and_white = 255 * (rng.random((48, 48)) < 0.02)
    Image.fromarray(black_and_white.astype(np.uint8)).save(light / "binary.png")
    assert check() == (
        0,
        [
            "warning: data/: 2 pictures are nearly all of one grey: light/dim.png, light/hot.png. "
            "But for the darkest and the brightest 0.1% their pixels are fewer than 24 of 255 "
            "levels apart, as with 12-bit data in a 16-bit file or with one hot pixel. Save them "
            "with 8 bits of their own, or check the exposure. A dark field whose defects cover "
            "under 0.1% is fine."
        ],
    )


def test_the_last_line_says_what_became_of_the_splits(project, run):
    (project / "data" / "light" / "0.png").write_bytes(b"")
    done = run(project, "check_data.py")
    assert done.stderr == (
        "error: 1 to mend in data/. No splits yet. Then run check_data.py again.\n"
    )
    (project / "data" / "splits.csv").write_text("path,split\n")
    done = run(project, "check_data.py")
    assert done.stderr == (
        "error: 1 to mend in data/. data/splits.csv is as it was. Then run check_data.py again.\n"
    )


def test_links(project, check, picture, tmp_path):
    """A link inside of the data folder is a picture like any other; none leads out of it."""
    light, outside = project / "data" / "light", tmp_path / "outside"
    outside.mkdir()
    picture(900).save(outside / "x.png")
    (light / "a.png").symlink_to(outside / "x.png")
    (light / "b").symlink_to(outside)
    (light / "c.png").symlink_to("../light/1.png")
    assert check() == (
        1,
        [
            "warning: data/light/1.png: the same picture as data/light/c.png. Keep one.",
            "error: data/light/a.png: leads out of the data folder. Copy the picture into it.",
            "error: data/light/b: a link to a folder; such links are not followed. Copy the "
            "pictures here.",
        ],
    )


def test_the_data_folder_may_be_elsewhere(project, run, tmp_path):
    elsewhere = tmp_path / "disk" / "pictures"
    shutil.move(project / "data", elsewhere)
    (project / "data").symlink_to(elsewhere)
    assert run(project, "check_data.py").returncode == 0
    (project / "data").unlink()
    done = run(project, "check_data.py")
    assert done.stderr == (
        f"error: {project}/data: no such folder. Make it, or mend data.folder in settings.yaml.\n"
    )
    (project / "settings.yaml").write_text(
        f"classes: [dark, light]\ndata: {{folder: '{elsewhere}'}}\n"
    )
    done = run(project, "check_data.py")
    assert done.returncode == 0
    assert done.stdout.endswith(f"Splits (kept): {elsewhere}/splits.csv\n")


def test_odd_names(project, check, picture, in_project):
    names = ["a b.png", "{x} $(touch y).png", "'q\".png", "-rf.png", "ü 图,😀.png", "n\nl.png"]
    for number, name in enumerate(names):
        picture(900 + number).save(project / "data" / "light" / name)
    assert check() == (0, [])
    assert {f"light/{name}" for name in names} < set(splits(project))
    # Excel takes a table without this mark for the system's own encoding.
    assert (project / "data" / "splits.csv").read_bytes().startswith(codecs.BOM_UTF8)
    settings = importlib.import_module("pipeline.settings").load()
    dataset = importlib.import_module("pipeline.dataset")
    assert {f"light/{name}" for name in names} < {
        sample.path.relative_to(project / "data").as_posix()
        for sample in dataset.read_splits(settings)
    }
    (project / "data" / "light" / "\x1b[31mred\n.png").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(project) + b"/data/light/\xff.png")).write_bytes(b"")
    assert check() == (
        1,
        [
            r"error: data/light/\x1b[31mred\n.png: an empty file (0 bytes). Copy it again or "
            "remove it.",
            r"error: data/light/\udcff.png: the name is not valid UTF-8. Rename it.",
        ],
    )


def test_in_chinese(project, run):
    (project / ".copier-answers.yml").write_text("language: zh\nshots: 9\n")
    (project / "data" / "light" / "0.png").write_bytes(b"")
    done = run(project, "check_data.py")
    assert done.stdout == (
        "警告：data/：类别 dark 只有 8 张图片；创建项目时设定为 9 张。请添加。\n"
        "警告：data/：类别 light 只有 7 张图片；创建项目时设定为 9 张。请添加。\n"
        "错误：data/light/0.png：空文件（0 字节）。请重新复制或删除。\n"
    )
    assert done.stderr == (
        "error: data/ 中有 1 处需要修改。尚未生成划分。请修改后重新运行 check_data.py。\n"
    )
    (project / "data" / "labels.csv").write_bytes("path,label\n划痕.png,划痕\n".encode("gbk"))
    assert run(project, "check_data.py").stderr == (
        "error: data/labels.csv：不是 UTF-8 文本。请另存为“CSV UTF-8”。\n"
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


# A class


def test_unknown_classes(project, check):
    data = project / "data"
    (data / "light").rename(data / "Lihgt")
    (data / "Lihgt" / "0.png").rename(data / "0.png")
    (data / "scratch").mkdir()
    (data / "0.png").rename(data / "scratch" / "0.png")
    assert check() == (
        1,
        [
            "error: data/: no pictures of class light. Add some, or take it out of the classes in "
            "settings.yaml.",
            "error: data/Lihgt: unknown class Lihgt; did you mean light? Rename it, or add it to "
            "the classes in settings.yaml.",
            "error: data/scratch: unknown class scratch. Rename it, or add it to the classes in "
            "settings.yaml.",
        ],
    )


def test_a_class_is_known_however_its_accents_are_composed(project, check):
    (project / "data" / "light").rename(project / "data" / "re\u0301sine")
    (project / "settings.yaml").write_text("classes: [dark, 'r\u00e9sine']\n")
    assert check() == (0, [])
    assert {row["label"] for row in rows(project)} == {"dark", "r\u00e9sine"}


def test_no_pictures_at_all(project, check):
    shutil.rmtree(project / "data")
    (project / "data").mkdir()
    assert check() == (
        1,
        [
            f"error: data/: no pictures of class {label}. Add some, or take it out of the classes "
            "in settings.yaml."
            for label in ("dark", "light")
        ],
    )


def test_too_few_and_imbalance(project, check, many):
    for number in range(1, 8):
        (project / "data" / "light" / f"{number}.png").unlink()
    assert check()[1] == [
        "warning: data/: class light has 1 pictures to train on, class dark has 6, over 5 times as "
        "many. Add some of light.",
        "warning: data/: class light has no test picture, so its figures can't be measured. Add "
        "some.",
        "error: data/: class light has 1 pictures to train on; at least 2 are needed. Add some.",
    ]
    many("light", 2)
    many("dark", 12, start=2000)
    assert check() == (
        0,
        [
            "warning: data/: class light has 3 pictures; the project was made for 4. Add some.",
            "warning: data/: class light has 2 pictures to train on, class dark has 15, over 5 "
            "times as many. Add some of light.",
        ],
    )


def test_no_test_split(project, check):
    (project / "data" / "train").mkdir()
    for label in ("dark", "light"):
        (project / "data" / label).rename(project / "data" / "train" / label)
    assert check() == (
        0,
        [
            "warning: data/: all pictures are given to train, by data/train, as tools do that know "
            "no other split, so the splits are drawn. To give them yourself, give pictures to test "
            "in the same way."
        ],
    )
    assert Counter(splits(project).values()) == {"train": 12, "test": 4}
    for label in ("dark", "light"):
        (project / "data" / "val" / label).mkdir(parents=True)
        for number in range(2):
            moved = project / "data" / "val" / label / f"{number}.png"
            (project / "data" / "train" / label / f"{number}.png").rename(moved)
    assert check() == (
        1,
        [
            "error: data/: there are no test pictures: data/train, data/val give splits, and none "
            "to test. Give pictures to test in the same way, or give no splits at all (rename such "
            "folders, remove such lists), and they are drawn."
        ],
    )
    (project / "data" / "test" / "dark").mkdir(parents=True)
    moved = project / "data" / "test" / "dark" / "0.png"
    (project / "data" / "train" / "dark" / "2.png").rename(moved)
    assert check() == (
        0,
        [
            "warning: data/: class light has no test picture, so its figures can't be measured. "
            "Add some."
        ],
    )
    for split in ("val", "test"):  # splits.csv remembers that the rest was to train on
        shutil.rmtree(project / "data" / split)
    assert check()[0] == 0 and "test" in splits(project).values()


def test_too_few_pictures_to_draw_a_test_split(project, check, run):
    for label in ("dark", "light"):
        for number in range(2, 8):
            (project / "data" / label / f"{number}.png").unlink()
    code, problems = check()
    assert code == 1
    assert problems[-1] == (
        "error: data/: there are no test pictures. To have some drawn, each class needs at least 3 "
        "pictures, not all alike. Add some."
    )
    (project / ".copier-answers.yml").write_text("language: zh\n")
    said = run(project, "check_data.py").stdout
    assert "没有测试图片。自动划分时，每个类别至少需要 3 张不全相似的图片。请添加。" in said


def test_three_pictures_a_class_are_enough_to_draw_a_test_split(project, check):
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "data: {test_share: 0.05}\n")
    for label in ("dark", "light"):
        for number in range(3, 8):
            (project / "data" / label / f"{number}.png").unlink()
    assert check()[0] == 0
    counts = Counter((path.split("/")[0], split) for path, split in splits(project).items())
    assert counts["dark", "test"] == counts["light", "test"] == 1


def test_a_class_of_one_part_alone(project, check, picture):
    shutil.rmtree(project / "data" / "light")
    (project / "data" / "light").mkdir()
    for number in range(4):
        light = ImageEnhance.Brightness(picture(0)).enhance(1 - number * 0.02)
        light.save(project / "data" / "light" / f"{number}.png")
    code, problems = check()
    assert code == 0
    assert [line for line in problems if "data/:" in line] == [
        "warning: data/: class light: its 4 pictures to train on are almost the same one. "
        "Held-out and test figures of such a class look too good, if there are any. Add pictures "
        "of other parts; if these do show several (fixed camera), set data.alike_are_copies to "
        "false.",
        "warning: data/: class light has no test picture, so its figures can't be measured. Add "
        "some.",
    ]
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "data: {alike_are_copies: false}\n")
    assert check("--resplit") == (0, [])
    counts = Counter((path.split("/")[0], split) for path, split in splits(project).items())
    assert counts["light", "test"] == 1


def test_large_pictures_are_seen_small(project, check, picture):
    for path in (project / "data").glob("*/*.png"):
        if path.stem > "4":
            path.unlink()
        else:
            with Image.open(path) as small:
                small.resize((1300, 1000)).save(path.with_suffix(".jpg"))
            path.unlink()
    warning = (
        "warning: data/: the pictures have 1000 px (median of the shorter sides), but the network "
        "sees them with 224 px: a defect smaller than about 18 px may vanish. Crop them to the "
        "part that matters, or set model.input_size in settings.yaml."
    )
    assert check() == (0, [warning])
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "model: {input_size: 256}\n")
    assert check() == (0, [])


# The same picture twice


def test_the_same_picture_within_a_class(project, check):
    light = project / "data" / "light"
    shutil.copy(light / "0.png", light / "copy.png")
    Image.open(light / "1.png").save(light / "other.bmp")  # other bytes, same pixels
    Image.open(light / "2.png").save(light / "again.jpg", quality=80)
    Image.open(light / "3.png").resize((200, 200), Image.Resampling.BICUBIC).save(light / "big.png")
    assert check() == (
        0,
        [
            "warning: data/light/0.png: the same picture as data/light/copy.png. Keep one.",
            "warning: data/light/1.png: the same picture as data/light/other.bmp. Keep one.",
            "warning: data/light/2.png: almost the same picture as data/light/again.jpg. "
            f"{KEEP_ONE_ALIKE}",
            "warning: data/light/3.png: almost the same picture as data/light/big.png. "
            f"{KEEP_ONE_ALIKE}",
        ],
    )


def test_the_same_picture_in_two_classes(project, check):
    data = project / "data"
    shutil.copy(data / "light" / "0.png", data / "dark" / "x.png")
    Image.open(data / "light" / "1.png").save(data / "dark" / "y.jpg", quality=80)
    almost = (
        "warning: data/dark/y.jpg: almost the same picture as data/light/1.png, under several "
        "classes (dark, light). Look at them: if one is labelled wrongly, keep the right one; if "
        "they differ in a defect too small to be seen at 128 px, they are fine."
    )
    exact = (
        "error: data/dark/{}: the same picture as data/light/{}, under several classes (dark, "
        "light). Keep the right one."
    )
    assert check() == (1, [almost, exact.format("x.png", "0.png")])
    (data / "dark" / "x.png").unlink()
    assert check() == (0, [almost])
    # An exact copy among look-alikes is an error as any other.
    shutil.copy(data / "light" / "1.png", data / "dark" / "z.png")
    assert check() == (
        1,
        [
            almost.replace("as data", "as data/dark/z.png, data"),
            exact.format("z.png", "1.png"),
        ],
    )


def test_a_fixed_camera_does_not_stand_in_the_way(project, check):
    """Parts that differ in a faint scratch and the noise look the same, and are no copies."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    part = np.where(np.hypot(x, y) < 0.6, 200, 60) - 30 * (x**2 + y**2)
    scratched = part.copy()
    scratched[140:146, 148:149] = 170
    for label, scene in (("dark", scratched), ("light", part)):
        for path in sorted((project / "data" / label).iterdir()):
            noisy = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(path)
    code, (problem,) = check()
    assert code == 0
    assert problem.startswith("warning: data/dark/0.png: almost the same picture as data/dark/1.")
    assert Counter(splits(project).values()) == {"train": 12, "test": 4}


def test_the_same_picture_in_two_splits(project, check, picture):
    data = project / "data"
    for number, label in enumerate(("dark", "light")):
        (data / "test" / label).mkdir(parents=True)
        picture(900 + number, dark=label == "dark").save(data / "test" / label / "x.png")
    (data / "train").mkdir()
    for label in ("dark", "light"):
        (data / label).rename(data / "train" / label)
    assert check() == (0, [])
    before = rows(project)
    shutil.copy(data / "train" / "dark" / "0.png", data / "test" / "dark" / "y.png")
    Image.open(data / "train" / "light" / "0.png").save(data / "test" / "light" / "y.jpg")
    assert check() == (
        1,
        [
            "error: data/test/dark/y.png: the same picture as data/train/dark/0.png, in several "
            "splits (test, train), which makes the figures look too good. Keep one.",
            "error: data/test/light/y.jpg: almost the same picture as data/train/light/0.png, in "
            "several splits (test, train), which makes the figures look too good. "
            f"{KEEP_ONE_ALIKE}",
        ],
    )
    assert rows(project) == before
    settings = project / "settings.yaml"
    settings.write_text(settings.read_text() + "data: {alike_are_copies: false}\n")
    code, (problem,) = check()
    assert code == 1
    assert problem.startswith("error: data/test/dark/y.png: the same picture as")


def test_a_fixed_camera_is_no_duplicate(in_project):
    """Parts at the same place, told apart by a small defect or by nothing but the noise."""
    duplicates = importlib.import_module("pipeline.duplicates")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    blank = 140 - 40 * (x**2 + y**2)

    def photograph(scene):
        noisy = np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).astype(np.uint8)
        return duplicates.fingerprint(np.repeat(noisy[..., None], 3, 2))

    blanks = [photograph(blank) for _ in range(5)]
    assert duplicates.group(blanks, alike_are_copies=True) == list(range(5))

    part = np.where(np.hypot(x, y) < 0.6, 200, 60) + 20 * (np.sin(30 * x) > 0)
    scratched = part.copy()
    scratched[140:160, 145:150] = 40
    prints = [photograph(scene) for scene in (part, scratched, part)]
    assert duplicates.group(prints, alike_are_copies=True) == [0, 1, 0]
    assert duplicates.group(prints, alike_are_copies=False) == [0, 1, 2]
    assert duplicates.group([], alike_are_copies=True) == []


def graded(duplicates, kind: int, grade: int):
    """A part with a spot so bright that only neighbouring grades are almost the same picture."""
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    scene = np.where(np.hypot(x, y) < 0.6, 120, 20) + 20 * (np.sin((10 + 5 * kind) * x) > 0)
    scene[54:74, 54:74] += 14 * grade
    return duplicates.fingerprint(np.repeat(np.uint8(scene)[..., None], 3, 2))


def test_groups_are_those_of_all_pairs(in_project, monkeypatch):
    import hypothesis
    from hypothesis import strategies as st

    duplicates = importlib.import_module("pipeline.duplicates")
    monkeypatch.setattr(duplicates, "BLOCK", 3)
    prints = {
        (kind, grade): graded(duplicates, kind, grade) for kind in range(2) for grade in range(5)
    }
    alike = {
        (one, other)
        for one in prints
        for other in prints
        if duplicates.group([prints[one], prints[other]], alike_are_copies=True) == [0, 0]
    }
    assert ((0, 0), (0, 1)) in alike and ((0, 0), (0, 2)) not in alike
    assert not any(one[0] != other[0] for one, other in alike)

    @hypothesis.given(st.lists(st.sampled_from(sorted(prints)), max_size=10))
    @hypothesis.settings(deadline=None)
    def check(keys):
        first = list(range(len(keys)))
        for _ in keys:  # until it spreads no further
            for i, one in enumerate(keys):
                for j, other in enumerate(keys):
                    if (one, other) in alike:
                        first[i] = first[j] = min(first[i], first[j])
        assert duplicates.group([prints[key] for key in keys], alike_are_copies=True) == first

    check()


def test_pictures_of_one_group_are_not_compared_again(in_project, monkeypatch):
    duplicates = importlib.import_module("pipeline.duplicates")
    compared = []
    correlate = np.vdot
    monkeypatch.setattr(np, "vdot", lambda a, b: compared.append(1) or correlate(a, b))
    prints = [graded(duplicates, 0, number % 2) for number in range(40)]
    assert duplicates.group(prints, alike_are_copies=True) == [0] * 40
    assert len(compared) < 40


@pytest.mark.parametrize(
    ("pack", "classes"),
    [
        ("pcb_cls", "open, short, mousebite, spur, copper, pin-hole"),
        ("screws_cls", "screw, missing_screw"),
    ],
)
def test_no_false_alarm_on_real_pictures(project, check, real_data, pack, classes):
    """Boards and screws that look alike; a copy hidden among them is found nevertheless."""
    shutil.rmtree(project / "data")
    shutil.copytree(real_data(pack), project / "data")
    (project / "settings.yaml").write_text(f"classes: [{classes}]\n")
    assert check() == (0, [])
    label = classes.split(", ")[0]
    original = min((project / "data" / "train" / label).iterdir())
    with Image.open(original) as opened:
        half = opened.convert("RGB").resize((opened.width * 2 // 3, opened.height * 2 // 3))
    half.save(project / "data" / "test" / label / "half.jpg", quality=80)
    assert check() == (
        1,
        [
            f"error: data/test/{label}/half.jpg: almost the same picture as "
            f"data/train/{label}/{original.name}, in several splits (test, train), which makes "
            f"the figures look too good. {KEEP_ONE_ALIKE}"
        ],
    )


# labels.csv


def test_a_table_of_labels(project, check, run):
    (project / "data" / "dark").rename(project / "data" / "mixed")
    for number in range(8):
        light = project / "data" / "light" / f"{number}.png"
        light.rename(project / "data" / "mixed" / f"l{number}.png")
    lines = [f"mixed/{n}.png,dark" for n in range(8)] + [f"mixed/l{n}.png,light" for n in range(8)]
    table = project / "data" / "labels.csv"
    table.write_text("\ufeffpath,label\r\n" + "\r\n".join(lines) + "\r\n")
    done = run(project, "check_data.py")
    assert "no errors. Splits (drawn): data/splits.csv\n" in done.stdout
    lines = [f"{line},{'test' if '3' in line else 'train'}" for line in lines]
    table.write_text("path,label,split\n" + "\n".join(lines) + "\n")
    done = run(project, "check_data.py")
    assert "no errors. Splits (given): data/splits.csv\n" in done.stdout
    tested = [path for path, split in splits(project).items() if split == "test"]
    assert tested == ["mixed/3.png", "mixed/l3.png"]
    before = splits(project)
    table.write_text(table.read_text().replace("/", "\\"))  # as Windows writes paths
    assert check() == (0, [])
    assert splits(project) == before
    for name in ("y.png", "x.png"):
        shutil.copyfile(project / "data" / "mixed" / "0.png", project / "data" / name)
    assert check() == (
        0,
        [
            "warning: data/: 2 pictures are not in labels.csv, so they are not used: x.png, y.png. "
            "Give each a row, or remove them; without labels.csv the folders name the classes."
        ],
    )


def test_every_fault_of_a_table_at_once(project, check, picture, tmp_path):
    picture(900).save(tmp_path / "secret.png")
    lines = ["path,label,split"]
    for label in ("dark", "light"):
        for number in range(7):
            lines.append(f"{label}/{number}.png,{label},{'test' if number == 0 else 'train'}")
    lines += [
        "dark/0.png,dark,test",
        "./dark/1.png,light,train",
        "dark/gone.png,dark,train",
        ",dark,train",
        "../../secret.png,dark,train",
        f"{tmp_path}/secret.png,dark,train",
        "dark/7.png,drak,train",
        "dark/7.png,,train",
        "dark/7.png,dark,training",
        "dark/7.png,dark,",
        "dark/7.png",
    ]
    (project / "data" / "labels.csv").write_text("\n".join(lines) + "\n")
    table = "data/labels.csv"
    assert check() == (
        1,
        [
            "warning: data/: 1 pictures are not in labels.csv, so they are not used: light/7.png. "
            "Give each a row, or remove them; without labels.csv the folders name the classes.",
            f"warning: {table}:16: dark/0.png stands in line 2 already. Remove one of the rows.",
            f"error: {table}:17: ./dark/1.png is light here and dark in line 3. Remove the wrong "
            "row.",
            f"error: {table}:18: no such picture: dark/gone.png. Mend the path, or remove the row.",
            f"error: {table}:19: no such picture: ''. Mend the path, or remove the row.",
            f"error: {table}:20: leads out of the data folder. Copy the picture into it.",
            f"error: {table}:21: leads out of the data folder. Copy the picture into it.",
            f"error: {table}:22: unknown class drak; did you mean dark? Rename it, or add it to "
            "the classes in settings.yaml.",
            f"error: {table}:23: no label. Write the class.",
            f"error: {table}:24: unknown split training. Write train, val or test.",
            f"error: {table}:25: no split, while other rows have one. Fill in all of them or none.",
            f"error: {table}:26: no label. Write the class.",
        ],
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ":1: no column path, label. The first line must name the columns: path,label."),
        (b"file,label\n", ":1: no column path. The first line must name the columns: path,label."),
        ("path,label\n划痕.png,划痕\n".encode("gbk"), ': not UTF-8 text. Save it as "CSV UTF-8".'),
    ],
)
def test_unusable_tables(project, run, content, fault):
    (project / "data" / "labels.csv").write_bytes(content)
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (1, f"error: data/labels.csv{fault}\n")


def test_the_table_named_in_the_settings(project, run):
    (project / "settings.yaml").write_text("classes: [dark, light]\ndata: {labels: my.csv}\n")
    done = run(project, "check_data.py")
    assert (done.returncode, done.stderr) == (
        1,
        "error: data/my.csv: no such file. Make it, or mend settings.yaml.\n",
    )
    lines = [f"{label}/{n}.png,{label}" for label in ("dark", "light") for n in range(8)]
    (project / "data" / "my.csv").write_text("path,label\n" + "\n".join(lines))
    assert run(project, "check_data.py").returncode == 0


# Reading the splits


def test_read_splits(project, check, in_project):
    settings = importlib.import_module("pipeline.settings").load()
    dataset = importlib.import_module("pipeline.dataset")
    console = importlib.import_module("pipeline.console")

    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value) == "data/splits.csv: no such file. Run check_data.py first."

    check()
    samples = dataset.read_splits(settings)
    assert len(samples) == 16
    assert samples[0] == dataset.Sample(
        project / "data/dark/0.png", 0, splits(project)["dark/0.png"], "dark/0.png"
    )
    assert dataset.manifest(samples[:1]) == [
        {
            "path": "data/dark/0.png",
            "label": 0,
            "split": samples[0].split,
            "sha256": hashlib.sha256((project / "data/dark/0.png").read_bytes()).hexdigest(),
        }
    ]

    table = project / "data" / "splits.csv"
    table.write_text(
        "path,label,split,group\n"
        "dark/0.png,dark,train,dark/0.png\n"
        "dark/gone.png,drak,training,x\n"
        "../settings.yaml,dark,test,x\n"
    )
    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value).splitlines() == [
        "data/splits.csv:3: no such picture: 'dark/gone.png'.",
        "data/splits.csv:3: unknown split 'training'.",
        "data/splits.csv:4: no such picture: '../settings.yaml'.",
        "data/splits.csv:3: unknown class 'drak'.",
        "Run check_data.py again.",
    ]
    table.write_text("path,label,split,group\n")
    with pytest.raises(console.UserError) as error:
        dataset.read_splits(settings)
    assert str(error.value).splitlines() == [
        "data/splits.csv: names no pictures.",
        "Run check_data.py again.",
    ]


CHANGED = "data/: labels have changed since check_data.py: {}. Run it again."


@pytest.fixture
def reading(in_project):
    """Returns what stops a later step from reading the splits, or None."""
    console = importlib.import_module("pipeline.console")
    settings = importlib.import_module("pipeline.settings")
    dataset = importlib.import_module("pipeline.dataset")

    def reading(read="read_splits"):
        dataset.checked.stop_at_changes.cache_clear()
        try:
            getattr(dataset, read)(settings.load())
        except console.UserError as error:
            return str(error)

    return reading


def test_labels_that_were_not_checked_are_not_used(project, check, reading):
    table = project / "data" / "labels.csv"
    check()
    names = sorted(splits(project))
    table.write_text("path,label\n" + "".join(f"{name},{name.split('/')[0]}\n" for name in names))
    check()
    assert reading() is None
    text = table.read_text()
    table.write_bytes(text.replace("\n", "\r\n").encode())  # as git and Excel do
    assert reading() is None
    table.write_text(text.replace("dark/1.png,dark", "dark/1.png,drak"))
    assert reading() == CHANGED.format("labels.csv")
    assert check()[0] == 1
    assert reading() == CHANGED.format("labels.csv")  # the splits are of the labels before
    table.write_text(text)
    assert reading() is None


def test_new_pictures_stop_nothing_and_are_named_before_training(
    project, check, many, reading, capsys
):
    check()
    many("dark", 5)
    assert reading() is None and not capsys.readouterr().err
    assert reading("read_training") is None
    assert capsys.readouterr().err == (
        "note: new in data/ since check_data.py, and not used: dark/1000.png, dark/1001.png, "
        "dark/1002.png (+2). Run it again to use them.\n"
    )
    check()
    assert reading("read_training") is None and not capsys.readouterr().err


def test_what_is_no_change_of_the_data(project, check, reading, capsys):
    check()
    data = project / "data"
    for path in data.rglob("*.png"):
        os.utime(path, (1, 1))
    for name in (".DS_Store", "light/Thumbs.db", "light/.1.png", "notes.txt", "boxes.csv"):
        (data / name).write_text("x")
    table = data / "splits.csv"
    table.write_text(table.read_text().replace(",test,", ",train,"))
    assert reading("read_training") is None and not capsys.readouterr().err


def test_pictures_of_an_added_class_are_no_change(project, check, reading, capsys):
    """evaluate.py reads them itself."""
    check()
    spot = {"name": "spot", "prototype": [], "margin": 0, "scale": 0, "radius": 0}
    (project / "export" / "x").mkdir(parents=True)
    added = project / "export" / "x" / "added.json"
    added.write_text(json.dumps({"additions": [{"class": spot}]}))
    (project / "data" / "spot").mkdir()
    picture = project / "data" / "spot" / "0.png"
    shutil.copyfile(project / "data" / "light" / "0.png", picture)
    assert reading("read_training") is None and not capsys.readouterr().err


def test_splits_of_an_earlier_template_are_read(project, check, many, reading):
    check()
    (project / "data" / ".checked").unlink()
    many("dark", 1)
    assert reading() is None


def test_classes_without_training_pictures(project, check, reading, run):
    check()
    (project / "settings.yaml").write_text("classes: [dark, light, spot, dent]\n")
    said = "no picture to train on of class spot, dent. Run check_data.py again."
    assert reading() is None
    assert reading("read_training") == said
    done = run(project, "train.py", "--frozen")
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")
    assert not (project / "runs").exists()


def test_help(project, run):
    done = run(project, "check_data.py", "--help")
    assert done.returncode == 0
    assert "Reads:" in done.stdout and "Writes:" in done.stdout and "--resplit" in done.stdout
    assert run(project, "check_data.py", "--nonsense").returncode == 2
