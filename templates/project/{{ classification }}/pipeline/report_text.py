"""The report's text in Chinese."""

CHINESE = {
    "Accuracy": "准确率",
    "Accuracy on all test pictures. Latency is the median, timed in turn on this machine:": (
        "准确率在全部测试图片上测得；延迟为中位数，在本机上轮流计时："
    ),
    "Accuracy on held-out pictures": "留出图片上的准确率",
    "Backbone": "骨干网络",
    "Calibration": "概率校准",
    "Calibration error": "校准误差（ECE）",
    "Change": "变化",
    "Class": "类别",
    "Compression": "压缩",
    "Confusion matrix": "混淆矩阵",
    "Brier score": "Brier 分数",
    "Data": "数据",
    "Export": "导出",
    "F1, mean of the classes": "F1（各类平均）",
    "Feature drift": "特征漂移",
    "Feature drift: how far the features of held-out pictures have moved from the pretrained "
    "backbone's (one minus the cosine).": (
        "特征漂移：留出图片的特征与预训练骨干网络相比偏移了多少（1 减余弦相似度）。"
    ),
    "Fine-tuned": "微调后",
    "Frozen backbone": "冻结的骨干网络",
    "Git commit": "Git 提交",
    "How often the model is right when it gives a probability; on the diagonal the probability "
    "can be taken at its word. Larger dots stand for more pictures.": (
        "模型给出某一概率时实际答对的比例；落在对角线上说明概率可信。点越大，图片越多。"
    ),
    "Largest difference": "最大差异",
    "Learning rate": "学习率",
    "Brier score on held-out pictures": "留出图片上的 Brier 分数",
    "Loss on the training pictures": "训练损失",
    "Machine": "机器",
    "Mean difference": "平均差异",
    "Mistakes": "识别错误的图片",
    "No fine-tuning took place, so there are no curves.": "没有进行微调，因此没有曲线。",
    "None.": "没有。",
    "Not there yet. Run:": "尚未生成，请运行：",
    "On held-out training pictures": "留出的训练图片",
    "On test pictures that the model has never seen": "模型从未见过的测试图片数",
    "One picture at a time": "每次一张图片",
    "Pictures": "图片数",
    "Precision": "精确率",
    "Provenance": "来源信息",
    "Ranges were set by training pictures": "用于校准的训练图片数",
    "Recall": "召回率",
    "Refused:": "已拒绝：",
    "Results by class": "各类别的结果",
    "Rows: what the picture shows. Columns: what the model said.": "行为真实类别，列为模型的判断。",
    "Run": "训练编号",
    "SHA-256 of the weights": "权重的 SHA-256",
    "Seconds of training": "训练用时（秒）",
    "Seed": "随机种子",
    "Settings of this run": "本次训练的设置",
    "Some of the training pictures": "部分训练图片",
    "Template version": "模板版本",
    "The model is a fine-tuned backbone: on held-out pictures it was better than a linear head "
    "on the frozen one.": "模型为微调后的骨干网络：在留出图片上优于冻结骨干网络加线性分类头。",
    "The model is a linear head on the frozen, pretrained backbone.": (
        "模型为冻结的预训练骨干网络加线性分类头。"
    ),
    "The most confident ones first: a wrong label, a new kind of defect, or a picture that a "
    "person would find hard, too.": (
        "把握最大的错误排在最前：可能是标注错误、新的缺陷类型，或者人也难以判断的图片。"
    ),
    "The ranges are 95% bootstrap intervals: another sample of test pictures of this size would "
    "likely give a figure in there.": (
        "区间为 95% 自助法（bootstrap）区间：换一批同样多的测试图片，结果很可能仍落在其中。"
    ),
    "The same pictures through the trained network and through each export": (
        "同一批图片分别通过训练所得网络和各导出模型，图片数"
    ),
    "Training": "训练",
    "Training data, with SHA-256": "训练数据及其 SHA-256",
    "Weights from": "权重来源",
    "epoch": "轮次",
    "int8 model": "int8 模型",
    "ms, threads:": "毫秒，线程数：",
    "probability given": "给出的概率",
    "report made on": "报告生成于",
    "share right": "答对的比例",
    "test": "测试",
    "train": "训练",
    "training was interrupted": "训练中断",
    "uncommitted changes": "有未提交的修改",
    "val": "验证",
}
