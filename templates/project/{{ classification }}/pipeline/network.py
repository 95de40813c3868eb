"""The classifier: backbone, pooling over all stages, and one linear layer."""

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.utils import unique_name

from pipeline.backbone import new_backbone
from pipeline.views import turn


class Classifier(nn.Layer):
    """Backbone, average and maximum of each stage's map, standardisation, linear layer.

    Small defects show in the fine stages and in the maximum, large ones in the coarse stages and
    in the average; the linear layer picks. The standardisation is that of the frozen features
    and stays as it is.

    Args:
        backbone: a name that `new_backbone` knows.
        num_classes: number of outputs.
        widths: of the backbone's blocks, where it was pruned.
    """

    def __init__(self, backbone: str, num_classes: int, widths: Sequence[int] = ()):
        super().__init__()
        self.backbone = new_backbone(backbone, widths)
        self.backbone.eval()
        length = self.features(paddle.zeros([1, 3, 64, 64])).shape[1]
        self.register_buffer("feature_mean", paddle.zeros([length]))
        self.register_buffer("feature_scale", paddle.ones([length]))
        self.fc = nn.Linear(length, num_classes)

    def features(self, x):
        """Pictures [N, 3, S, S], 0..255 -> pooled features [N, D]."""
        return self.pooled(self.backbone(x))

    def pooled(self, maps):
        """The backbone's maps -> pooled features [N, D]."""
        pooled = []
        for stage in maps:
            pooled += [stage.mean([2, 3]), stage.max([2, 3])]
        return paddle.concat(pooled, axis=1)

    def standardise(self, features):
        """Pooled features [N, D] -> what the linear layer sees [N, D]."""
        return (features - self.feature_mean) * self.feature_scale

    def embeddings(self, x):
        """Pictures [N, 3, S, S], 0..255 -> standardised features [N, D]."""
        return self.standardise(self.features(x))

    def head(self, features):
        """Pooled features [N, D] -> logits [N, classes]."""
        return self.fc(self.standardise(features))

    def forward(self, x):
        """Pictures [N, 3, S, S], 0..255 -> logits [N, classes]."""
        return self.head(self.features(x))

    def depth_groups(self) -> list[list[paddle.Tensor]]:
        """The parameters from the input upwards, the head's last."""
        return [*self.backbone.depth_groups(), self.fc.parameters()]

    def set_head(self, head: "LinearHead") -> None:
        """Takes over what was fitted on frozen features."""
        self.feature_mean.set_value(head.mean)
        self.feature_scale.set_value(head.scale)
        self.fc.weight.set_value(head.weight)
        self.fc.bias.set_value(head.bias)


def pretrained_classifier(
    backbone: str, num_classes: int, state: dict[str, np.ndarray]
) -> Classifier:
    """A classifier on a backbone with these weights. Its head knows nothing yet."""
    with unique_name.guard():  # so that a checkpoint's names fit in any later process
        network = Classifier(backbone, num_classes)
    network.backbone.set_state_dict(state)
    return network


class Deployed(nn.Layer):
    """What is exported: probabilities and the embedding that they are computed from, averaged over
    views of the picture.

    Args:
        classifier: the trained network.
        views: names of views, as in `pipeline.views`; one is enough for a fine-tuned network.
        temperature: divides the logits, so that a probability of 0.9 is right 9 times in 10.
    """

    def __init__(self, classifier: Classifier, views: tuple[str, ...], temperature: float):
        super().__init__()
        self.classifier = classifier
        self.views = views
        self.temperature = temperature

    def forward(self, x):
        """Pictures [N, 3, S, S], 0..255 -> probabilities [N, classes], embeddings [N, D]."""
        # All views in one batch: repeated backbones make the graph large and its ONNX invalid.
        turned = paddle.concat([turn(x, view) for view in self.views])
        seen = self.classifier.embeddings(turned)
        embedding = seen.reshape([len(self.views), -1, seen.shape[1]]).mean(0)
        # The head is linear: these are the views' mean logits, and have the same softmax as the
        # mean of their log-probabilities.
        return F.softmax(self.classifier.fc(embedding) / self.temperature), embedding


class LinearHead:
    """A linear classifier on standardised features, as arrays.

    Attributes:
        mean, scale: [D], the standardisation.
        weight, bias: [D, classes] and [classes].
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray, weight: np.ndarray, bias: np.ndarray):
        self.mean = np.float32(mean)
        self.scale = np.float32(scale)
        self.weight = np.float32(weight)
        self.bias = np.float32(bias)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """[..., D] -> [..., classes]."""
        return ((features - self.mean) * self.scale) @ self.weight + self.bias
