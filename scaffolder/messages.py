"""What `fewshot` says once it knows the user's language. Questions stand in copier.yml."""

from collections.abc import Mapping

# The key of a text, and what stands in it.
Note = tuple[str, Mapping[str, object]]

ENGLISH = {
    "summary": "Summary",
    "folder": "Folder",
    "language": "Language",
    "task": "Task",
    "num_classes": "Number of classes",
    "classes": "Classes",
    "shots": "Shots per class",
    "target": "Target",
    "start": "Start",
    "start_run": "run {run} of {project}",
    "start_base": "the base model, since {project} has no finished run",
    "confirm": "Write the project?",
    "declined": "Nothing was written.",
    "created": "Made {folder} from template {version}.",
    "committed": "It is a git repository with a first commit: an update will start from there.",
    "outer": (
        "Nothing was committed: the folder is part of the git repository {repository}.\n"
        "Commit it there before an update."
    ),
    "pictures": "Drew {count} sample pictures. They are drawings, not photographs.",
    "unusable_run": "Not used: run {run} ({why}).",
    "unfinished_run": "Not used: run {run}, which is not finished.",
    "no_run": "{project} has no finished run: training starts from the base model.",
    "weights": (
        "Training starts from run {run} of {project}. Class rows kept: {kept}; new: {new}.\n"
        "start/source.json says where the weights come from and goes into git.\n"
        "start/model.safetensors does not: copy it along when you clone."
    ),
    "fitting": "Set as the weights need it: {settings}.",
    "carried": "Settings carried over: {settings}.",
    "dropped": "Settings not carried over: {settings}.",
    "custom": "custom.py was carried over as it is; other code of your own was not.",
    "custom_left": "custom.py was not carried over ({why}).",
    "none": "none",
    "next": "Next:",
    "setup": "make the environment",
    "data_classification": "put your pictures into data/<class>/",
    "data_detection": "put your pictures and their annotations into data/",
    "check": "check them and make the splits",
    "all": "train, evaluate, export, compress, report",
    "help": "every step",
}

CHINESE = {
    "summary": "摘要",
    "folder": "文件夹",
    "language": "语言",
    "task": "任务",
    "num_classes": "类别数",
    "classes": "类别",
    "shots": "每类样本数",
    "target": "部署目标",
    "start": "起点",
    "start_run": "{project} 的训练 {run}",
    "start_base": "基础模型（{project} 没有已完成的训练）",
    "confirm": "写入项目？",
    "declined": "没有写入任何内容。",
    "created": "已用模板 {version} 创建 {folder}。",
    "committed": "项目已是 git 仓库并完成首次提交：以后的更新从这里开始。",
    "outer": "没有提交：该文件夹属于 git 仓库 {repository}。\n更新之前请先在那里提交。",
    "pictures": "已绘制 {count} 张示例图片。它们是绘图，不是照片。",
    "unusable_run": "未使用：训练 {run}（{why}）。",
    "unfinished_run": "未使用：训练 {run}，尚未完成。",
    "no_run": "{project} 没有已完成的训练：将从基础模型开始训练。",
    "weights": (
        "将从 {project} 的训练 {run} 开始训练。保留的类别：{kept}；新的类别：{new}。\n"
        "start/source.json 记录权重的来源，纳入 git。\n"
        "start/model.safetensors 不纳入 git：克隆项目时请一并拷贝。"
    ),
    "fitting": "按权重的需要设置：{settings}。",
    "carried": "沿用的设置：{settings}。",
    "dropped": "没有沿用的设置：{settings}。",
    "custom": "custom.py 原样沿用；您自己的其他代码没有沿用。",
    "custom_left": "没有沿用 custom.py（{why}）。",
    "none": "无",
    "next": "下一步：",
    "setup": "创建环境",
    "data_classification": "把图片放进 data/<类别>/",
    "data_detection": "把图片和标注放进 data/",
    "check": "检查图片并划分数据",
    "all": "训练、评估、导出、压缩、报告",
    "help": "全部步骤",
}


def texts(language: object) -> dict[str, str]:
    """Returns the texts in a language, English if it is unknown."""
    return CHINESE if language == "zh" else ENGLISH


def plain(text: object) -> str:
    """Returns a text that cannot steer the terminal: what is not printable is written out."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))
