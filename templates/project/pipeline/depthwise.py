"""A faster depthwise convolution for training on a CPU.

Paddle's CPU kernel runs one tiny matrix product per channel and picture. On small maps it is
several times faster to write the convolution as one matrix per channel, [H'W', HW], and to
multiply all pictures at once. The values are the same; exported networks never see it.
"""

from functools import lru_cache, partial

import numpy as np
import paddle
from paddle import nn

LARGEST_SIDE = 9  # px; above it the matrices, which grow with the fourth power, lose again


def use_matmul(network: nn.Layer) -> None:
    """Makes every depthwise convolution of `network` take the matrix form on small maps.

    With CUDA there is nothing to gain, and nothing is changed.
    """
    if paddle.is_compiled_with_cuda():
        return
    for layer in network.sublayers():
        if (
            isinstance(layer, nn.Conv2D)
            and layer._groups == layer._in_channels == layer._out_channels
            and set(layer._dilation) == {1}
        ):
            layer.forward = partial(_forward, layer, layer.forward)


def _forward(layer: nn.Conv2D, convolve, x):
    """[N, C, H, W] -> [N, C, H', W']."""
    if max(x.shape[2:]) > LARGEST_SIDE:
        return convolve(x)
    count, channels, height, width = x.shape
    padding = layer._padding if isinstance(layer._padding, str) else tuple(layer._updated_padding)
    select, out_height, out_width = _selection(
        height, width, layer._kernel_size[0], layer._kernel_size[1], layer._stride[0], padding
    )
    matrices = paddle.matmul(layer.weight.flatten(1), select)
    matrices = matrices.reshape([channels, out_height * out_width, height * width])
    columns = x.reshape([count, channels, height * width]).transpose([1, 2, 0])
    y = paddle.matmul(matrices, columns).transpose([2, 0, 1])
    y = y.reshape([count, channels, out_height, out_width])
    return y if layer.bias is None else y + layer.bias.reshape([1, -1, 1, 1])


@lru_cache(maxsize=64)
def _selection(height: int, width: int, kernel_y: int, kernel_x: int, stride: int, padding):
    """Which weight joins which input to which output: [kernel_y * kernel_x, H'W' * HW]."""
    out_height, top = _extent(height, kernel_y, stride, padding, axis=0)
    out_width, left = _extent(width, kernel_x, stride, padding, axis=1)
    select = np.zeros((kernel_y, kernel_x, out_height, out_width, height, width), np.float32)
    for row, column, dy, dx in np.ndindex(out_height, out_width, kernel_y, kernel_x):
        y, x = row * stride + dy - top, column * stride + dx - left
        if 0 <= y < height and 0 <= x < width:
            select[dy, dx, row, column, y, x] = 1
    flat = select.reshape(kernel_y * kernel_x, -1)
    return paddle.to_tensor(flat), out_height, out_width


def _extent(length: int, kernel: int, stride: int, padding, axis: int) -> tuple[int, int]:
    """Output length and the padding before the first value."""
    if padding == "SAME":
        outputs = -(-length // stride)
        return outputs, max((outputs - 1) * stride + kernel - length, 0) // 2
    before = 0 if padding == "VALID" else padding[axis]
    return (length + 2 * before - kernel) // stride + 1, before
