"""What can be wrong with the pictures and their labels, in the words that the user reads."""

from pipeline.picture_problems import PICTURE_KINDS, Problem

# kind: (grade, English, Chinese). An error would let training fail or its figures lie.
KINDS = PICTURE_KINDS | {
    # a file
    "no_class": (
        "warning",
        "not in the folder of a class, so it is not used. Move it into one.",
        "不在任何类别的文件夹中，不会被使用。请移入类别文件夹。",
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
    "added_class": (
        "warning",
        "class {label} was added by add_class.py, so its pictures are not trained on. To train on "
        "them, add it to the classes in settings.yaml.",
        "类别 {label} 由 add_class.py 添加，其图片不参与训练。如需训练，请将其加入 settings.yaml "
        "的 classes。",
    ),
    "beside_splits": (
        "error",
        "stands beside {splits}. Move its pictures into one of them.",
        "不在 {splits} 等划分文件夹中。请把其中的图片移入这些文件夹之一。",
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
        "类别 {label} 只有 {count} 张训练图片；创建项目时设定为 {shots} 张。请添加。",
    ),
    "one_picture": (
        "warning",
        "class {label}: its {count} pictures to train on are almost the same one. Held-out and "
        "test figures of such a class look too good, if there are any. Add pictures of other "
        "parts; if these do show several (fixed camera), set data.alike_are_copies to false.",
        "类别 {label} 的 {count} 张训练图片几乎是同一张。这样的类别即使有验证和测试指标，也会虚高。"
        "请添加其他零件的图片；如果拍的就是不同零件（固定相机），请把 data.alike_are_copies "
        "设为 false。",
    ),
    "few_pictures": (
        "warning",
        "class {label} has {count} pictures; the project was made for {shots}. Add some.",
        "类别 {label} 只有 {count} 张图片；创建项目时设定为 {shots} 张。请添加。",
    ),
    "imbalance": (
        "warning",
        "class {label} has {count} pictures to train on, class {largest} has {most}, over 5 times "
        "as many. Add some of {label}.",
        "类别 {label} 有 {count} 张训练图片，类别 {largest} 有 {most} 张，超过 5 倍。"
        "请添加 {label} 的图片。",
    ),
    "shrunk": (
        "warning",
        "the pictures have {side} px (median of the shorter sides), but the network sees them with "
        "{input_size} px: a defect smaller than about {least} px may vanish. Crop them to the part "
        "that matters, or set model.input_size in settings.yaml.",
        "图片为 {side} 像素（短边的中位数），而网络看到的只有 {input_size} 像素：小于约 {least} "
        "像素的缺陷可能消失。请裁剪到有用的部分，或在 settings.yaml 中设置 model.input_size。",
    ),
    # the CSV file and its rows
    "unlisted": (
        "warning",
        "{count} pictures are not in {table}, so they are not used: {names}. Give each a "
        "row, or remove them; without {table} the folders name the classes.",
        "{count} 张图片不在 {table} 中，不会被使用：{names}。请为每张添加一行，或将其删除；"
        "没有 {table} 时以文件夹名为类别。",
    ),
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
    "same_two_classes": (
        "error",
        "the same picture as {others}, under several classes ({labels}). Keep the right one.",
        "与 {others} 是同一张图片，却属于多个类别（{labels}）。请只保留正确的一张。",
    ),
    "almost_same_two_classes": (
        "warning",
        "almost the same picture as {others}, under several classes ({labels}). Look at them: if "
        "one is labelled wrongly, keep the right one; if they differ in a defect too small to be "
        "seen at {side} px, they are fine.",
        "与 {others} 几乎是同一张图片，却属于多个类别（{labels}）。请查看：如果标错，请只保留正确的"
        "一张；如果区别只是缩小到 {side} 像素就看不出的小缺陷，则没有问题。",
    ),
}


def problem(kind: str, where: str, **details: object) -> Problem:
    return Problem(kind, where, details, KINDS[kind])
