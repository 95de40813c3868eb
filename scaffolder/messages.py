"""What `fewshot` says once it knows the user's language. Questions stand in copier.yml."""

ENGLISH = {
    "summary": "Summary",
    "folder": "Folder",
    "language": "Language",
    "task": "Task",
    "num_classes": "Number of classes",
    "classes": "Classes",
    "shots": "Pictures per class",
    "target": "Target",
    "confirm": "Write the project?",
    "declined": "Nothing was written.",
    "created": "Made {folder} from template {version}.",
    "committed": "It is a git repository with a first commit: an update will start from there.",
    "outer": (
        "Nothing was committed: the folder is part of the git repository {repository}.\n"
        "Commit it there before an update."
    ),
    "pictures": "Drew {count} sample pictures. They are drawings, not photographs.",
    "next": "Next:",
    "setup": "make the environment",
    "data": "put your pictures into data/<class>/",
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
    "shots": "每类图片数",
    "target": "部署目标",
    "confirm": "写入项目？",
    "declined": "没有写入任何内容。",
    "created": "已用模板 {version} 创建 {folder}。",
    "committed": "项目已是 git 仓库并完成首次提交：以后的更新从这里开始。",
    "outer": "没有提交：该文件夹属于 git 仓库 {repository}。\n更新之前请先在那里提交。",
    "pictures": "已绘制 {count} 张示例图片。它们是绘图，不是照片。",
    "next": "下一步：",
    "setup": "创建环境",
    "data": "把图片放进 data/<类别>/",
    "check": "检查图片并划分数据",
    "all": "训练、评估、导出、压缩、报告",
    "help": "全部步骤",
}


def texts(language: object) -> dict[str, str]:
    """Returns the texts in a language, English if it is unknown."""
    return CHINESE if language == "zh" else ENGLISH
