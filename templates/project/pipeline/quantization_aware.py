"""Fine-tuning in which a network learns to bear 8 bits, with its fp32 self as the teacher.

Its convolutions compute with weights and inputs that are rounded to 8 bits, the gradients as if
they were not (Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018). It needs pictures and no labels.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from tqdm import tqdm

from pipeline import quiet

OBSERVED = 20  # batches that only set the ranges: with wrong ones the weights would be spoilt
STEPS = 200
RATE = 3e-5  # learning rate in the beginning; it falls to nothing in a cosine
CLIP_NORM = 1.0
SCHEME = {
    "weight_quantize_type": "channel_wise_abs_max",
    "activation_quantize_type": "moving_average_abs_max",
    "quantizable_layer_type": ["Conv2D"],
}


def fine_tune(
    student: nn.Layer,
    teacher: nn.Layer,
    apart: Callable[[nn.Layer, nn.Layer, paddle.Tensor], paddle.Tensor],
    batches: Iterator[np.ndarray],
    log: Path,
) -> dict[str, np.ndarray]:
    """Fine-tunes a network with PaddleSlim's imitation of 8 bits.

    Args:
        student: can't be used any more afterwards.
        teacher: the same network, which stays as it is.
        apart: (student, teacher, inputs) -> how far apart their answers are, a number.
        batches: inputs [N, 3, S, S], as many as are asked for.
        log: file that PaddleSlim's output goes to.

    Returns:
        The parameters by name as they were learned, in fp32, to be quantized after training.
    """
    parameters = dict(student.named_parameters())  # the quantized layers share these tensors
    with quiet.output_to(log):
        from paddleslim import QAT

        QAT(SCHEME).quantize(student)
    rate = paddle.optimizer.lr.CosineAnnealingDecay(RATE, STEPS)
    optimizer = paddle.optimizer.AdamW(
        rate,
        parameters=list(parameters.values()),
        grad_clip=nn.ClipGradByGlobalNorm(CLIP_NORM),
    )
    student.train()  # the ranges are learned, the statistics of batch norm stay
    for layer in student.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer.eval()
    teacher.eval()
    with paddle.no_grad():
        for _ in range(OBSERVED):
            student(paddle.to_tensor(next(batches)))
    for _ in tqdm(range(STEPS), "fine-tuning in 8 bits", unit="step", leave=False, disable=None):
        loss = apart(student, teacher, paddle.to_tensor(next(batches)))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        rate.step()
    return {name: value.numpy() for name, value in parameters.items()}
