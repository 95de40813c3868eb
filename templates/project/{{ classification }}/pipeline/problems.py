"""What can be wrong with the pictures and their labels, in the words that the user reads."""

from dataclasses import dataclass

# kind: (grade, English, Chinese). An error would let training fail or its figures lie.
KINDS = {
    # a file
    "empty": (
        "error",
        "an empty file (0 bytes). Copy it again or remove it.",
        "空文件（0 字节）。请重新复制或删除。",
    ),
    "truncated": (
        "error",
        "cut off, its end is missing. Copy it again or remove it.",
        "图片不完整，结尾缺失。请重新复制或删除。",
    ),
    "unreadable": (
        "error",
        "not a readable picture. Replace it or remove it.",
        "无法读取的图片。请替换或删除。",
    ),
    "huge": (
        "error",
        "over {most} million pixels. Crop or shrink it.",
        "超过 {most} 百万像素。请裁剪或缩小。",
    ),
    "tiny": (
        "error",
        "{width} x {height} px, smaller than data.min_side ({least}). Replace it or remove it.",
        "{width} x {height} 像素，小于 data.min_side（{least}）。请替换或删除。",
    ),
    "uniform": (
        "warning",
        "all of one colour. Look at it; remove it if it shows nothing.",
        "整张图只有一种颜色。请查看；如无内容请删除。",
    ),
    "wrong_ending": (
        "warning",
        "holds {format}, but its name ends in {ending}. Rename it to {right}.",
        "内容是 {format}，但扩展名是 {ending}。请改为 {right}。",
    ),
    "wrong_format": (
        "warning",
        "holds {format}, but its name ends in {ending}. Save it anew as PNG.",
        "内容是 {format}，但扩展名是 {ending}。请另存为 PNG。",
    ),
    "not_a_picture": (
        "warning",
        "not a picture by its name, so it is not used. Remove it, or save it as PNG.",
        "从文件名看不是图片，不会被使用。请删除，或另存为 PNG。",
    ),
    "no_class": (
        "warning",
        "not in the folder of a class, so it is not used. Move it into one.",
        "不在任何类别的文件夹中，不会被使用。请移入类别文件夹。",
    ),
    "folder_link": (
        "error",
        "a link to a folder; such links are not followed. Copy the pictures here.",
        "指向文件夹的链接，不会被跟随。请把图片复制到这里。",
    ),
    "outside": (
        "error",
        "leads out of the data folder. Copy the picture into it.",
        "指向数据文件夹之外。请把图片复制到数据文件夹中。",
    ),
    "bad_name": (
        "error",
        "the name is not valid UTF-8. Rename it.",
        "文件名不是有效的 UTF-8。请重命名。",
    ),
    # a class
    "unknown_class": (
        "error",
        "unknown class {label}. Rename it, or add it to the classes in settings.yaml.",
        "未知类别 {label}。请改名，或将其加入 settings.yaml 的 classes。",
    ),
    "misspelt_class": (
        "error",
        "unknown class {label}; did you mean {near}? Rename it, or add it to the classes in "
        "settings.yaml.",
        "未知类别 {label}；是否指 {near}？请改名，或将其加入 settings.yaml 的 classes。",
    ),
    "beside_splits": (
        "error",
        "stands beside {splits}. Move its pictures into one of them.",
        "与 {splits} 并列。请把其中的图片移入这些文件夹之一。",
    ),
    "no_pictures": (
        "error",
        "no pictures of class {label}. Add some, or take it out of the classes in settings.yaml.",
        "类别 {label} 没有图片。请添加，或将其从 settings.yaml 的 classes 中删除。",
    ),
    "too_few": (
        "error",
        "class {label} has {count} pictures to train on; at least 2 are needed. Add some.",
        "类别 {label} 只有 {count} 张训练图片；至少需要 2 张。请添加。",
    ),
    "few_shots": (
        "warning",
        "class {label} has {count} pictures to train on; the project was made for {shots}. "
        "Add some.",
        "类别 {label} 只有 {count} 张训练图片；项目按 {shots} 张创建。请添加。",
    ),
    "no_test": (
        "warning",
        "class {label} has no test picture, so its figures can't be measured. Add some.",
        "类别 {label} 没有测试图片，无法评估。请添加。",
    ),
    "no_test_at_all": (
        "error",
        "there are no test pictures. Add some, or give no splits at all to have them made.",
        "没有测试图片。请添加，或完全不指定划分，由程序自动划分。",
    ),
    "imbalance": (
        "warning",
        "class {label} has {count} pictures to train on, class {largest} has {most}, over 5 times "
        "as many. Add some of {label}.",
        "类别 {label} 有 {count} 张训练图片，类别 {largest} 有 {most} 张，超过 5 倍。"
        "请添加 {label} 的图片。",
    ),
    # a row of the CSV file
    "no_such_picture": (
        "error",
        "no such picture: {path}. Mend the path, or remove the row.",
        "没有这张图片：{path}。请修改路径，或删除该行。",
    ),
    "no_label": (
        "error",
        "no label. Write the class.",
        "缺少标签。请填写类别。",
    ),
    "unknown_split": (
        "error",
        "unknown split {split}. Write train, val or test.",
        "未知划分 {split}。请写 train、val 或 test。",
    ),
    "no_split": (
        "error",
        "no split, while other rows have one. Fill in all of them or none.",
        "缺少划分，而其他行已有。请全部填写或全部留空。",
    ),
    "same_row": (
        "warning",
        "{path} stands in line {first} already. Remove one of the rows.",
        "{path} 已在第 {first} 行出现。请删除其中一行。",
    ),
    "contrary_row": (
        "error",
        "{path} is {label} here and {other} in line {first}. Remove the wrong row.",
        "{path} 在此处为 {label}，在第 {first} 行为 {other}。请删除错误的一行。",
    ),
    # the same picture in several files
    "same": (
        "warning",
        "the same picture as {others}. Keep one.",
        "与 {others} 是同一张图片。请只保留一张。",
    ),
    "almost_same": (
        "warning",
        "almost the same picture as {others}. Keep one.",
        "与 {others} 几乎是同一张图片。请只保留一张。",
    ),
    "same_two_classes": (
        "error",
        "the same picture as {others}, under several classes ({labels}). Keep the right one.",
        "与 {others} 是同一张图片，却属于多个类别（{labels}）。请只保留正确的一张。",
    ),
    "almost_same_two_classes": (
        "error",
        "almost the same picture as {others}, under several classes ({labels}). Keep the right "
        "one.",
        "与 {others} 几乎是同一张图片，却属于多个类别（{labels}）。请只保留正确的一张。",
    ),
    "same_two_splits": (
        "error",
        "the same picture as {others}, in several splits ({splits}), which makes the figures look "
        "too good. Keep one.",
        "与 {others} 是同一张图片，却在多个划分中（{splits}），会使指标虚高。请只保留一张。",
    ),
    "almost_same_two_splits": (
        "error",
        "almost the same picture as {others}, in several splits ({splits}), which makes the "
        "figures look too good. Keep one.",
        "与 {others} 几乎是同一张图片，却在多个划分中（{splits}），会使指标虚高。请只保留一张。",
    ),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: one of KINDS.
        where: file, folder or CSV line.
        details: what the kind's text asks for.
    """

    kind: str
    where: str
    details: dict

    @property
    def is_error(self) -> bool:
        return KINDS[self.kind][0] == "error"

    def text(self, language: str) -> str:
        """One line: grade, place, what is wrong and what to do."""
        grade, english, chinese = KINDS[self.kind]
        if language == "zh":
            grade = "错误" if self.is_error else "警告"
            return printable(f"{grade}：{self.where}：{chinese.format(**self.details)}")
        return printable(f"{grade}: {self.where}: {english.format(**self.details)}")


def problem(kind: str, where: str, **details: object) -> Problem:
    return Problem(kind, where, details)


def printable(text: str) -> str:
    """Escapes line breaks, terminal codes and whatever else does not print."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
