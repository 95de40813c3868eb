"""Yours: an update never touches this file, and everything works without it.

此文件归您所有：更新模板时不会改动它，不修改也能正常使用。augment 在自带的数据增强之后作用于
每张训练图片：把产线上会出现的变化写在这里，如反光、灰尘、另一种板色。检测任务中请不要移动画面
里的东西，因为标注框不会跟着移动；平移、缩放和翻转请用 settings.yaml 的 augment 设置。picture 是
[S, S, 3] 的 uint8 RGB 图片；随机数只用 rng，训练才能重现；返回形状和类型相同的图片。
"""

import numpy as np


def augment(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Called on every training picture after the built-in augmentation.

    Put in what happens to your pictures on the line: glare, dust, another board colour. In
    detection leave everything in its place: the boxes are not moved along. Moves, zoom and flips
    are settings (`augment` in settings.yaml), which move the boxes too.

    Args:
        picture: [S, S, 3], uint8, RGB.
        rng: source of chance; use it alone, so that a run can be repeated.

    Returns:
        A picture of the same shape and type.
    """
    return picture
