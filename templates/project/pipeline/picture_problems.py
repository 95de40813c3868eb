"""What can be wrong with picture files, in the words that the user reads."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import UserError
from pipeline.project import shown
from pipeline.text import printable

# kind: (grade, English, Chinese). An error would let training fail or its figures lie.
PICTURE_KINDS = {
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
        "not a readable picture ({reason}). Replace it or remove it.",
        "无法读取的图片（{reason}）。请替换或删除。",
    ),
    "out_of_reach": (
        "error",
        "can't be read: {reason}. Check the file's permissions and the disk, or copy it again.",
        "无法读取：{reason}。请检查访问权限和磁盘，或重新复制。",
    ),
    "no_file": (
        "error",
        "a link that leads nowhere, or no ordinary file. Copy it again or remove it.",
        "失效的链接，或不是普通文件。请重新复制或删除。",
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
    "faint": (
        "warning",
        "{count} pictures are nearly all of one grey: {names}. But for the darkest and the "
        "brightest 0.1% their pixels are fewer than {least} of 255 levels apart, as with 12-bit "
        "data in a 16-bit file or with one hot pixel. Save them with 8 bits of their own, or check "
        "the exposure. A dark field whose defects cover under 0.1% is fine.",
        "{count} 张图片几乎只有一种灰度：{names}。除最暗和最亮的各 0.1% 外，像素"
        "相差不到 {least} 级（共 255 级），常见于 16 位文件中的 12 位数据，或存在热像素（亮坏点）。"
        "请按其自身灰度范围另存为 8 位，或检查曝光。缺陷面积不到 0.1% 的暗场图片没有问题。",
    ),
    "pages": (
        "warning",
        "has several pages, and only the first is used. Save the others as pictures of their own "
        "if they show parts.",
        "有多页，只使用第一页。如果其他页也是零件图片，请分别另存为单独的图片。",
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
    "folder_link": (
        "error",
        "a link to a folder; such links are not followed. Copy the pictures here.",
        "指向文件夹的链接，程序不会读取其中的图片。请把图片复制到这里。",
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
    # the splits
    "no_test": (
        "warning",
        "class {label} has no test picture, so its figures can't be measured. Add some.",
        "类别 {label} 没有测试图片，无法评估。请添加。",
    ),
    "train_alone": (
        "warning",
        "all pictures are given to train, by {sources}, as tools do that know no other split, so "
        "the splits are drawn. To give them yourself, give pictures to test in the same way.",
        "所有图片都归入 train（由 {sources} 指定），与不支持划分的工具导出的一样，"
        "因此将自动划分。若要自行划分，请用同样的方式指定 test 图片。",
    ),
    "no_test_given": (
        "error",
        "there are no test pictures: {sources} give splits, and none to test. Give pictures to "
        "test in the same way, or give no splits at all (rename such folders, remove such lists), "
        "and they are drawn.",
        "没有测试图片：{sources} 指定了划分，但没有 test。请用同样的方式指定 test 图片，"
        "或完全不指定划分（重命名这些文件夹，删除这些列表），程序会自动划分。",
    ),
    "no_test_drawn": (
        "error",
        "there are no test pictures. To have some drawn, each class needs at least 3 pictures, not "
        "all alike. Add some.",
        "没有测试图片。自动划分时，每个类别至少需要 3 张不全相似的图片。请添加。",
    ),
    # the same picture in several files
    "same": (
        "warning",
        "the same picture as {others}. Keep one.",
        "与 {others} 是同一张图片。请只保留一张。",
    ),
    "almost_same": (
        "warning",
        "almost the same picture as {others}. Keep one; if they show different parts (fixed "
        "camera), set data.alike_are_copies to false.",
        "与 {others} 几乎是同一张图片。请只保留一张；如果拍的是不同零件（固定相机），请把 "
        "data.alike_are_copies 设为 false。",
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
        "figures look too good. Keep one; if they show different parts (fixed camera), set "
        "data.alike_are_copies to false.",
        "与 {others} 几乎是同一张图片，却在多个划分中（{splits}），会使指标虚高。请只保留一张；"
        "如果拍的是不同零件（固定相机），请把 data.alike_are_copies 设为 false。",
    ),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: its name among the task's kinds.
        where: file, folder, or a line of a file.
        details: what the kind's text asks for.
        words: grade (error or warning), English text, Chinese text.
    """

    kind: str
    where: str
    details: dict
    words: tuple[str, str, str]

    @property
    def is_error(self) -> bool:
        return self.words[0] == "error"

    def text(self, language: str) -> str:
        """One line: grade, place, what is wrong and what to do."""
        if language == "zh":
            return f"{'错误' if self.is_error else '警告'}：{self.ungraded(language)}"
        return f"{self.words[0]}: {self.ungraded(language)}"

    def ungraded(self, language: str) -> str:
        """The line without its grade."""
        _, english, chinese = self.words
        if language == "zh":
            return printable(f"{self.where}：{chinese.format(**self.details)}")
        return printable(f"{self.where}: {english.format(**self.details)}")


def picture_problem(kind: str, where: str, **details: object) -> Problem:
    return Problem(kind, where, details, PICTURE_KINDS[kind])


def report(problems: list[Problem], language: str, data: str, table: Path) -> None:
    """Prints all problems.

    Args:
        problems: in any order.
        language: en or zh.
        data: name of the data folder.
        table: the splits, which are not written when there is an error.

    Raises:
        UserError: at least one of them is an error.
    """
    # Errors come last: they stand just above the prompt. Line 9 comes before line 10.
    for fault in sorted(problems, key=lambda fault: (fault.is_error, _natural(fault.where))):
        print(fault.text(language))
    errors = sum(fault.is_error for fault in problems)
    if errors and language == "zh":
        kept = f"{shown(table)} 保持不变" if table.exists() else "尚未生成划分"
        raise UserError(
            f"{data}/ 中有 {errors} 处需要修改。{kept}。请修改后重新运行 check_data.py。"
        )
    if errors:
        kept = f"{shown(table)} is as it was" if table.exists() else "No splits yet"
        raise UserError(f"{errors} to mend in {data}/. {kept}. Then run check_data.py again.")


def _natural(where: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].zfill(9), where)
