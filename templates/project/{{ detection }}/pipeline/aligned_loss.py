"""The loss of PaddleDetection's detectors: cells learn an object the better they already fit it.

Task alignment: Feng et al., "TOOD", ICCV 2021. PaddleDetection's own loss functions give the same
values where they can be used; they are not, because PicoDet's divides by zero where there is no
object, both begin by nine cells of every level, which small pictures do not have, and neither can
leave an object out.
"""

import paddle
from paddle.nn import functional as F

BOX_WEIGHT, SHARPNESS_WEIGHT = 2.5, 0.5  # beside the loss of the classes
BACKGROUND_WEIGHT = 0.75


def aligned_loss(assigner, scores, distances, centres, strides, targets):
    """Varifocal loss of the classes (Zhang et al., CVPR 2021), generalised IoU (Rezatofighi et
    al., CVPR 2019) and distribution focal loss (Li et al., NeurIPS 2020) of the boxes.

    Args:
        assigner: PaddleDetection's TaskAlignedAssigner, which chooses the cells of each object.
        scores: [N, cells, C], probabilities of the classes.
        distances: [N, cells, 4, bins], see `boxes_of`.
        centres: [cells, 2] of the cells, px.
        strides: [cells, 1], px.
        targets: [N, M, 6], as in `DenseDetector.losses`.

    Returns:
        One value, [].
    """
    from ppdet.modeling.assigners.utils import check_points_inside_bboxes
    from ppdet.modeling.losses import GIoULoss

    boxes, classes = boxes_of(distances, centres, strides), scores.shape[2]
    is_object = (targets[:, :, :1] >= 0).astype("float32")
    is_learned = is_object * (targets[:, :, 5:] > 0).astype("float32")
    labels = paddle.clip(targets[:, :, :1], min=0).astype("int64")
    corners = targets[:, :, 1:5] * is_object
    label, _, quality, chosen = assigner(
        *(scores.detach(), boxes.detach(), centres, None),
        *(labels, reaching_a_cell(corners, centres, strides) * is_object, is_learned, classes),
    )
    index = chosen.argmax(1).unsqueeze(2).tile([1, 1, 4])  # [N, cells, 4], objects
    wanted = paddle.take_along_axis(corners, index, 1)
    is_class = F.one_hot(label, classes + 1)[:, :, :classes]
    inside = check_points_inside_bboxes(centres, corners)  # [N, M, cells]
    left_out = (inside * (is_object - is_learned)).max(1).unsqueeze(2)
    care = 1 - left_out * (1 - is_class.sum(2, keepdim=True))

    weight = BACKGROUND_WEIGHT * scores.detach() ** 2 * (1 - is_class) + quality * is_class
    seen = F.binary_cross_entropy(scores, quality, weight * care, reduction="sum")

    bins = _bins(distances)
    sides = paddle.concat([centres - wanted[:, :, :2], wanted[:, :, 2:] - centres], 2) / strides
    sides = paddle.clip(sides, 0, len(bins) - 1.01).unsqueeze(3)
    share = F.relu(1 - (sides - bins).abs())  # of the bins on both sides of the value
    sharpness = -(share * paddle.log(distances + 1e-9)).sum(3).mean(2, keepdim=True)
    box = BOX_WEIGHT * GIoULoss()(boxes, wanted) + SHARPNESS_WEIGHT * sharpness
    fit = quality.sum(2, keepdim=True)  # 0 of cells without an object
    return (seen + (fit * box).sum()) / paddle.clip(fit.sum(), min=1)


def reaching_a_cell(corners, centres, strides):
    """Boxes, those that hold no cell's centre grown to the nearest of the finest level: a scratch
    between two rows of cells would be learned by none, and be background to all.

    Args:
        corners: [N, M, 4], px.
        centres: [cells, 2], px.
        strides: [cells, 1], px.

    Returns:
        [N, M, 4], px.
    """
    from ppdet.modeling.assigners.utils import check_points_inside_bboxes

    is_held = check_points_inside_bboxes(centres, corners).max(2, keepdim=True) > 0
    finest = strides.min()
    middle = (corners[:, :, :2] + corners[:, :, 2:]) / 2
    nearest = (paddle.floor(middle / finest) + 0.5) * finest
    low = paddle.minimum(corners[:, :, :2], nearest - 0.01)
    high = paddle.maximum(corners[:, :, 2:], nearest + 0.01)
    return paddle.where(is_held, corners, paddle.concat([low, high], 2))


def boxes_of(distances, centres, strides):
    """Boxes [N, cells, 4] in px.

    Args:
        distances: [N, cells, 4, bins]: for the sides left, top, right, bottom the probabilities
            of being 0, 1, 2, ... strides away from the cell's centre.
        centres: [cells, 2], px.
        strides: [cells, 1], px.
    """
    sides = (distances * _bins(distances)).sum(3) * strides
    return paddle.concat([centres - sides[:, :, :2], centres + sides[:, :, 2:]], axis=2)


def _bins(distances):
    return paddle.arange(distances.shape[3], dtype="float32")
