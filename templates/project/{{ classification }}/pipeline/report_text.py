"""The report's text in Chinese."""

from pipeline import report_base_text

CHINESE = report_base_text.CHINESE | {
    "Accuracy": "准确率",
    "Accuracy on held-out pictures": "留出图片上的准确率",
    "Added": "添加时间",
    "Calibration": "概率校准",
    "Calibration error": "校准误差（ECE）",
    "Classes added without training": "未经训练添加的类别",
    "Confusion matrix": "混淆矩阵",
    "Brier score": "Brier 分数",
    "Each stands beside the trained head as a prototype; pictures far from every class are "
    "answered unknown.": (
        "每个类别都是训练好的分类头旁边的一个原型；离所有类别都很远的图片回答为 unknown。"
    ),
    "F1, mean of the classes": "F1（各类平均）",
    "Feature drift": "特征漂移",
    "Feature drift: how far the features of held-out pictures have moved from the pretrained "
    "backbone's (one minus the cosine).": (
        "特征漂移：留出图片的特征与预训练骨干网络相比偏移了多少（1 减余弦相似度）。"
    ),
    "Found when left out": "留一时找到的张数",
    "How often the model is right when it gives a probability; on the diagonal the probability "
    "can be taken at its word. Larger dots stand for more pictures.": (
        "模型给出某一概率时实际答对的比例；落在对角线上说明概率可信。点越大，图片越多。"
    ),
    "Brier score on held-out pictures": "留出图片上的 Brier 分数",
    "Mistakes": "识别错误的图片",
    "None.": "没有。",
    "Pictures": "图片数",
    "Precision": "精确率",
    "Recall": "召回率",
    "Rows: what the picture shows. Columns: what the model said.": "行为真实类别，列为模型的判断。",
    "The model is a fine-tuned backbone: on held-out pictures it was better than a linear head "
    "on the frozen one.": "模型为微调后的骨干网络：在留出图片上优于冻结骨干网络加线性分类头。",
    "The model is a linear head on the frozen, pretrained backbone.": (
        "模型为冻结的预训练骨干网络加线性分类头。"
    ),
    "The most confident ones first: a wrong label, a new kind of defect, or a picture that a "
    "person would find hard, too.": (
        "把握最大的错误排在最前：可能是标注错误、新的缺陷类型，或者人也难以判断的图片。"
    ),
    "Trained classes before": "已训练类别：添加前",
    "after": "添加后",
    "probability given": "给出的概率",
    "share right": "答对的比例",
}
