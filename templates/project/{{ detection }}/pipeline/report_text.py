"""The report's text in Chinese."""

from pipeline import report_base_text

CHINESE = report_base_text.CHINESE | {
    "All at an IoU of 0.5. The area below a line of the first figure is the class's AP50. The "
    "other figures show what a higher threshold of the score costs and what it saves.": (
        "均按 IoU 0.5 计算。第一幅图中曲线下的面积就是该类别的 AP50；其余两幅图说明提高置信度阈值"
        "会漏掉多少、又能减少多少误报。"
    ),
    "A box is shown on": "显示检出框的比例",
    "A box is shown from the threshold of its class on: the highest score that has a recall of "
    "{}.": "检出框的置信度达到所属类别的阈值才会显示；阈值取召回率达到 {} 的最高值。",
    "A box is shown from the threshold of its class on: the lowest score that has at most {} false "
    "alarms of the class a picture.": (
        "检出框的置信度达到所属类别的阈值才会显示；阈值取该类别每张图片误报数不超过 {} 的最低值。"
    ),
    "AP on held-out pictures": "留出图片上的 AP",
    "AP50 and AP as COCO defines them: average precision, where a found box is right from an IoU "
    "of 0.5 on, and the mean of this for IoUs from 0.5 to 0.95.": (
        "AP50 与 AP 采用 COCO 的定义：AP50 为平均精度，检出框与标注框的 IoU 不低于 0.5 即算正确；"
        "AP 为 IoU 从 0.5 到 0.95 的平均值。"
    ),
    "AP50 on held-out pictures": "留出图片上的 AP50",
    "At these thresholds and an IoU of 0.5.": "按上述阈值和 IoU 0.5 判断。",
    "Boxes": "标注框数",
    "False alarms": "误报",
    "False alarms a picture": "每张图片的误报数",
    "Labelled boxes. Pictures:": "表中为标注框数。图片数：",
    "Misses": "漏检",
    "Mistakes": "错误",
    "No test picture is without objects. Put good parts among the pictures, to see how many would "
    "be taken out by mistake.": (
        "测试图片中没有不含目标的图片。加入良品图片，才能知道会误剔多少良品。"
    ),
    "None.": "没有。",
    "Out of reach. The highest recall that any threshold has on the pictures that set it:": (
        "无法达到该召回率。在用于确定阈值的图片上，任何阈值所能达到的最高召回率："
    ),
    "Parts that the line would take out: defective ones, and good ones by mistake.": (
        "产线会剔除的零件：有缺陷的，以及被误剔的良品。"
    ),
    "Pictures": "图片数",
    "Precision": "精确率",
    "Recall": "召回率",
    "Some of the labelled training objects": "部分训练图片中的标注目标",
    "The largest ones first.": "按尺寸从大到小排列。",
    "The model is a fine-tuned detector: its AP on held-out pictures was no lower than that of a "
    "new head on the frozen backbone.": (
        "模型为微调后的检测器：在留出图片上的 AP 不低于冻结骨干网络加新检测头。"
    ),
    "The model is a new detection head on the frozen, pretrained backbone.": (
        "模型为冻结的预训练骨干网络加新检测头。"
    ),
    "The most confident ones first.": "按把握从大到小排列。",
    "The most confident ones first: a forgotten label, a second box on an object, a box that lies "
    "askew, or something that looks like a defect.": (
        "把握最大的排在最前：可能是漏标、同一目标上的第二个框、位置偏移的框，或者与缺陷相似的图案。"
    ),
    "There is no val split: the test pictures set the thresholds themselves, so the table looks a "
    "little too good.": "没有 val 划分：阈值由测试图片自身确定，因此表中结果略微偏好。",
    "Threshold": "阈值",
    "Thresholds": "置信度阈值",
    "Where nothing of a class is labelled or found, predict.min_score stands in.": (
        "某个类别没有标注目标或没有检出时，改用 predict.min_score。"
    ),
    "Wrong classes": "类别错误",
    "false alarms a picture": "每张图片的误报数",
    "found": "检出",
    "labelled": "标注",
    "pictures with objects": "含目标的图片",
    "pictures without objects": "不含目标的图片",
    "precision": "精确率",
    "predict.py --thresholds shows boxes from these thresholds on; without that, predict.min_score "
    "of settings.yaml holds for every class. Both are as they were at the export.": (
        "predict.py --thresholds 按上述阈值显示检出框；不加该选项时，所有类别都使用 settings.yaml "
        "的 predict.min_score。两者都以导出时的值为准。"
    ),
    "recall": "召回率",
    "threshold of the score": "置信度阈值",
    "training pictures without a box:": "没有标注框的训练图片：",
    "{} val pictures set the thresholds; the table is measured on the test pictures.": (
        "阈值由 {} 张 val 图片确定；下表在测试图片上测得。"
    ),
}
