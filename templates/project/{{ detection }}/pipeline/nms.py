"""Non-maximum suppression as a part of the network."""

import paddle
from paddle.base.layer_helper import LayerHelper

CANDIDATES = 1000  # the likeliest cells of each class that are compared
MOST = 300  # objects an input
SAME = 0.5  # IoU beyond which two boxes of a class are one object


def best_boxes(boxes, scores, least: float):
    """Keeps of overlapping boxes of a class the likeliest one.

    Paddle's operator `multiclass_nms3`, which Paddle Inference, Paddle Lite and paddle2onnx know;
    Paddle itself has no function for it.

    Args:
        boxes: [N, cells, 4], px.
        scores: [N, classes, cells].
        least: score below which a box is dropped.

    Returns:
        Rows [M, 6] of label, score, x0, y0, x1, y1, and their number in each picture, [N].
    """
    candidates = min(CANDIDATES, boxes.shape[1])  # CUDA's kernel refuses more than there are
    settings = {
        "background_label": -1,
        "score_threshold": least,
        "nms_top_k": candidates,
        "nms_threshold": SAME,
        "keep_top_k": min(MOST, candidates),
        "nms_eta": 1.0,
        "normalized": True,
    }
    if paddle.in_dynamic_mode():
        order = ("score_threshold", "nms_top_k", "keep_top_k", "nms_threshold")
        order += ("normalized", "nms_eta", "background_label")
        rows, _, counts = paddle._C_ops.multiclass_nms3(
            boxes, scores, None, *(settings[name] for name in order)
        )
        return rows, counts
    helper = LayerHelper("multiclass_nms3")
    rows = helper.create_variable_for_type_inference("float32")
    index, counts = (helper.create_variable_for_type_inference("int32") for _ in range(2))
    helper.append_op(
        type="multiclass_nms3",
        inputs={"BBoxes": boxes, "Scores": scores},
        attrs=settings,
        outputs={"Out": rows, "Index": index, "NmsRoisNum": counts},
    )
    for output in (rows, index, counts):
        output.stop_gradient = True
    return rows, counts
