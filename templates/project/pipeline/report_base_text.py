"""The text that all reports share, in Chinese."""

CHINESE = {
    "Backbone": "骨干网络",
    "Before pruning": "剪枝前",
    "Change": "变化",
    "Channels removed": "去掉通道后",
    "Class": "类别",
    "Compression": "压缩",
    "Data": "数据",
    "Drift is not watched: that takes an export of this template's version and 20 training "
    "pictures or more.": "没有监测漂移：需要用本版模板导出，并有至少 20 张训练图片。",
    "Drift: predict.py says that the line has changed when the median score of 12 or more "
    "pictures exceeds": (
        "漂移：12 张及以上图片的得分中位数超过下值时，predict.py 会提示产线发生了变化："
    ),
    "Export": "导出",
    "Fine-tuned": "微调后",
    "Form": "导出版本",
    "Frozen backbone": "冻结的骨干网络",
    "Git commit": "Git 提交",
    "Inputs a second": "每秒输入数",
    "Inputs at a time": "每次输入数",
    "Largest difference": "最大差异",
    "Latency is the median of one input at a time, timed in turn on:": (
        "延迟为每次一个输入的中位数，轮流计时，机器与时间："
    ),
    "Learning rate": "学习率",
    "Loss on the training pictures": "训练损失",
    "Machine": "机器",
    "Mean difference": "平均差异",
    "Median times, each case in a process of its own, taken in turn on:": (
        "延迟为中位数，每种情况在单独的进程中轮流计时，处理器与时间："
    ),
    "No fine-tuning took place, so there are no curves.": "没有进行微调，因此没有曲线。",
    "Not measured:": "未测量：",
    "Not there yet. Run:": "尚未生成，请运行：",
    "Of earlier weights: the run has others by now. Run again:": (
        "对应的是较早的权重，该训练的权重现已不同，请重新运行："
    ),
    "On held-out pictures": "留出的图片",
    "On test pictures that the model has never seen": "模型从未见过的测试图片数",
    "Peak MB of memory": "内存峰值（MB）",
    "Pick:": "选定：",
    "Provenance": "来源信息",
    "Ranges were set by training pictures": "用于校准的训练图片数",
    "Refused:": "已拒绝：",
    "Results by class": "各类别的结果",
    "Run": "训练编号",
    "SHA-256 of the weights": "权重的 SHA-256",
    "Seconds of training": "训练用时（秒）",
    "Seed": "随机种子",
    "Settings of this run": "本次训练的设置",
    "Some of the training pictures": "部分训练图片",
    "Speed and memory": "速度与内存",
    "Template version": "模板版本",
    "The metric is that of all test pictures at that time": "指标所用为当时的全部测试图片",
    "The model is that of run {}, pruned: the channels that cost least were taken out.": (
        "模型由训练 {} 的模型剪枝得到：去掉了影响最小的通道。"
    ),
    "The ranges are 95% intervals: another sample of test pictures of this size would "
    "likely give a figure in there.": (
        "区间为 95% 置信区间：换一批同样多的测试图片，结果很可能仍落在其中。"
    ),
    "The same pictures through the trained network and through each export, training pictures "
    "among them where the test pictures are few: this compares, and is no measure of quality. "
    "Pictures:": (
        "同一批图片分别通过训练所得网络和各导出模型；测试图片较少时其中也有训练图片，"
        "因此只用于比较，不代表质量。图片数："
    ),
    "Threads": "线程数",
    "Trained again": "再训练后",
    "Training": "训练",
    "Training pictures that say what is usual:": "用于确定正常范围的训练图片数：",
    "Training data, with SHA-256": "训练数据及其 SHA-256",
    "Weights from": "权重来源",
    "epoch": "轮次",
    "inputs a second": "每秒输入数",
    "ms": "毫秒",
    "ms, threads:": "毫秒，线程数：",
    "of earlier weights": "较早的权重",
    "report made on": "报告生成于",
    "test": "测试",
    "threads × inputs at a time": "线程数 × 每次输入数",
    "train": "训练",
    "training was interrupted": "训练中断",
    "uncommitted changes": "有未提交的修改",
    "val": "验证",
    "(a single picture is far beyond 1).": "（单张图片超过 1 即为偏离）。",
    "× fastest fp32": "相对最快 fp32 的倍数",
    "× own fp32": "相对同运行时 fp32 的倍数",
}
