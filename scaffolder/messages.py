"""What `fewshot` says once it knows the user's language. Questions stand in copier.yml."""

from collections.abc import Mapping

# The key of a text, and what stands in it.
Note = tuple[str, Mapping[str, object]]

ENGLISH = {
    "fault_separator": "; ",
    "names_separator": ", ",
    "unknown_answer": "unknown answer {name} ({hint})",
    "did_you_mean": "did you mean {near}?",
    "there_are": "there are {names}",
    "not_one_of": "{value} is not one of {choices}",
    "no_text_or_number": "{value} is not text or a number",
    "no_whole_number": "{value} is not a whole number",
    "classes_no_text": "the class name {name} is not text: put it in quotes",
    "target_no_text": "the target name {name} is not text: put it in quotes",
    "several_names": "{name} has a comma, or a space at its beginning or end: write {options}",
    "other_task": "{model} is a model for {its_task}, not for {task}",
    "other_projects_task": (
        "{project} is a project for {its_task}, not for {task}: "
        "what one task has learned does not fit another"
    ),
    "other_projects_answers": "{fault} (from the other project's answers; an option wins)",
    "correct_with_set": (
        "{fault} (change an answer with --set NAME=VALUE; a class name in .copier-answers.yml "
        "and settings.yaml, and commit them)"
    ),
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
    "start_model": "{model} of the library",
    "start_base": "the base model, since {project} has no run to start from",
    "confirm": "Write the project? (c: change an answer)",
    "yes_or_no": "Type y, n or c.",
    "declined": "Nothing was written.",
    "stopped": "stopped: nothing was written",
    "created": "Made {folder} from template {version}.",
    "committed": "It is a git repository with a first commit: an update will start from there.",
    "outer": (
        "Nothing was committed: the folder is part of the git repository {repository}.\n"
        "Commit it there before an update."
    ),
    "pictures": "Drew {count} sample pictures. They are drawings, not photographs.",
    "unusable_run": "Not used: run {run} ({why}).",
    "unfinished_run": "Not used: run {run}, which is not finished.",
    "pruned_run": "Not used: run {run}, which is pruned.",
    "unusable_start": "Not used: the model that {project} itself starts from ({why}).",
    "inherited": (
        "{project} has no run to start from: the model that it itself starts from is taken."
    ),
    "no_run": "{project} has no run to start from: training starts from the base model.",
    "start_backbone": (
        "Training starts from the backbone of run {run} of {project}; the head is fitted anew."
    ),
    "start_untrained": (
        "Training starts from run {run} of {project}, which has stage 1 alone: its backbone is the "
        "one that it began with, and the head is fitted anew."
    ),
    "start_rows": (
        "Training starts from run {run} of {project}. Class rows kept: {kept}; new: {new}."
    ),
    "start_files": (
        "start/source.json says where the weights come from and goes into git.\n"
        "start/model.safetensors does not: copy it along when you clone."
    ),
    "base_weights": (
        "Training starts from {model}: {file}.\n"
        "It is not part of the project: pull it too where the project is cloned."
    ),
    "fitting": "Set as the weights need it: {settings}.",
    "origin_template": (
        "The project's own template {version} was not read ({why}). Whatever its settings.yaml "
        "has otherwise than the new one counts as chosen."
    ),
    "carried": "Settings carried over: {settings}.",
    "dropped": "Settings not carried over: {settings}.",
    "dropped_answers": "Answers not carried over, since nothing asks for them now: {answers}.",
    "custom": "custom.py was carried over as it is; other code of your own was not.",
    "custom_left": "custom.py was not carried over ({why}).",
    "up_to_date": "Nothing to do: the project has template {version}.",
    "change_log": "What is new:",
    "planned": "Nothing was written. --diff shows every line.",
    "resolve": (
        "Files marked conflict need you: choose between the lines that begin with <<<<<<< and\n"
        ">>>>>>>, or, where there are none, decide as the note says. Then git add and git commit.\n"
        "Back to before: fewshot update --abort"
    ),
    "review": "Look: git diff --cached; then commit. Back to before: fewshot update --abort",
    "committed_as": "Committed as {commit}.",
    "untested": "The smoke test was not run: {why}.",
    "untested_off": "it was switched off",
    "untested_none": "there is no tests/test_smoke.py",
    "untested_no_environment": "the project has no environment: make setup test",
    "untested_old_environment": "its environment is to be made anew: make setup test",
    "behind": "{version} -> {newest} ({count} newer)",
    "aborted": "The project is as it was before the update.",
    "kept_aside": "What was written into these files since then is in {folder}.",
    "linked": "It fits template {version}: {share} of that template's text is in the project.",
    "linked_next": (
        "Written: .copier-answers.yml. Check the answers, commit it, then: fewshot update --plan"
    ),
    "why_same_lines": "you and the template changed the same lines",
    "why_binary": "you and the template changed it, and it is not text: yours stays",
    "why_removed": "the template has it no longer, you have changed it: delete or keep it",
    "why_user_deleted": "you have deleted it, or git does not track it",
    "why_user_added": "you have your own there: the template's is not written",
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
    "fault_separator": "；",
    "names_separator": "、",
    "unknown_answer": "没有{name}这个回答（{hint}）",
    "did_you_mean": "是 {near} 吗？",
    "there_are": "可用的有 {names}",
    "not_one_of": "{value}不是以下之一：{choices}",
    "no_text_or_number": "{value}不是文本或数字",
    "no_whole_number": "{value}不是整数",
    "classes_no_text": "类别名称 {name} 不是文本：请加引号",
    "target_no_text": "部署目标 {name} 不是文本：请加引号",
    "several_names": "{name}含有逗号，或首尾有空格：请写成 {options}",
    "other_task": "{model} 是用于 {its_task} 的模型，不能用于 {task}",
    "other_projects_task": (
        "{project} 是用于 {its_task} 的项目，不能用于 {task}：一种任务学到的内容不适用于另一种任务"
    ),
    "other_projects_answers": "{fault}（来自另一个项目的回答；命令行选项优先）",
    "correct_with_set": (
        "{fault}（用 --set NAME=VALUE 更改回答；类别名称请在 .copier-answers.yml 和 settings.yaml "
        "中更改并提交）"
    ),
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
    "start_model": "模型库中的 {model}",
    "start_base": "基础模型（{project} 没有可作为起点的训练）",
    "confirm": "写入项目？（c：修改回答）",
    "yes_or_no": "请输入 y、n 或 c。",
    "declined": "没有写入任何内容。",
    "stopped": "已停止：没有写入任何内容",
    "created": "已用模板 {version} 创建 {folder}。",
    "committed": "项目已是 git 仓库并完成首次提交：以后的更新从这里开始。",
    "outer": "没有提交：该文件夹属于 git 仓库 {repository}。\n更新之前请先在那里提交。",
    "pictures": "已绘制 {count} 张示例图片。它们是绘图，不是照片。",
    "unusable_run": "未使用：训练 {run}（{why}）。",
    "unfinished_run": "未使用：训练 {run}，尚未完成。",
    "pruned_run": "未使用：训练 {run}，它已被剪枝。",
    "unusable_start": "未使用：{project} 自己的起点（{why}）。",
    "inherited": "{project} 没有可作为起点的训练：沿用它自己的起点。",
    "no_run": "{project} 没有可作为起点的训练：将从基础模型开始训练。",
    "start_backbone": "将从 {project} 的训练 {run} 的骨干网络开始训练；分类头重新拟合。",
    "start_untrained": (
        "将从 {project} 的训练 {run} 开始，它只有第一阶段：骨干网络与其起点相同，分类头重新拟合。"
    ),
    "start_rows": "将从 {project} 的训练 {run} 开始训练。保留的类别：{kept}；新的类别：{new}。",
    "start_files": (
        "start/source.json 记录权重的来源，纳入 git。\n"
        "start/model.safetensors 不纳入 git：克隆项目时请一并拷贝。"
    ),
    "base_weights": (
        "将从 {model} 开始训练：{file}。\n它不在项目之内：在克隆项目的机器上也要拉取一次。"
    ),
    "fitting": "按权重的需要设置：{settings}。",
    "origin_template": (
        "没有读取该项目自己的模板 {version}（{why}）。"
        "其 settings.yaml 中与新项目不同的值都视为有意设置。"
    ),
    "carried": "沿用的设置：{settings}。",
    "dropped": "没有沿用的设置：{settings}。",
    "dropped_answers": "没有沿用的回答（模板不再询问）：{answers}。",
    "custom": "custom.py 原样沿用；您自己的其他代码没有沿用。",
    "custom_left": "没有沿用 custom.py（{why}）。",
    "up_to_date": "无需更新：项目已是模板 {version}。",
    "change_log": "新内容（英文）：",
    "planned": "没有写入任何内容。--diff 显示每一行。",
    "resolve": (
        "标为 conflict 的文件需要您处理：在 <<<<<<< 与 >>>>>>> 之间作出选择；\n"
        "没有这些标记的文件，请按说明决定。然后 git add 并 git commit。\n"
        "恢复原状：fewshot update --abort"
    ),
    "review": "用 git diff --cached 查看，然后提交。恢复原状：fewshot update --abort",
    "committed_as": "已提交为 {commit}。",
    "untested": "没有运行快速自检：{why}。",
    "untested_off": "已关闭",
    "untested_none": "没有 tests/test_smoke.py",
    "untested_no_environment": "项目没有环境，请运行 make setup test",
    "untested_old_environment": "项目环境需要重新创建，请运行 make setup test",
    "behind": "{version} -> {newest}（有 {count} 个更新的版本）",
    "aborted": "项目已恢复到更新之前的状态。",
    "kept_aside": "此后写入这些文件的内容保存在 {folder}。",
    "linked": "与模板 {version} 相符：项目含有该模板 {share} 的内容。",
    "linked_next": "已写入 .copier-answers.yml。请核对并提交，然后：fewshot update --plan",
    "why_same_lines": "您和模板修改了相同的行",
    "why_binary": "您和模板都修改了它，而它不是文本：保留您的",
    "why_removed": "模板不再包含它，而您修改过它：保留您的；请决定删除或保留",
    "why_user_deleted": "您已删除它，或 git 没有跟踪它",
    "why_user_added": "您在那里有自己的文件：没有写入模板的",
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
