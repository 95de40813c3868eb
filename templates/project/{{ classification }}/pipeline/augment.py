"""Augmentation: from a few pictures to many that are still of their class."""

import cv2
import numpy as np

from pipeline.auto_augment import auto_augment


def augment(square: np.ndarray, options, rng: np.random.Generator) -> np.ndarray:
    """One random variant of a picture.

    Args:
        square: [S, S, 3] uint8.
        options: `augment` of the settings.
        rng: source of chance.

    Returns:
        [S, S, 3] uint8.
    """
    if options.symmetry == "dihedral":
        square = np.rot90(square, rng.integers(4))
    if options.symmetry != "none" and rng.random() < 0.5:
        square = square[:, ::-1]
    square = _shift_and_scale(square, options.shift, options.scale, rng)
    if rng.random() < options.auto_augment:
        square = auto_augment(square, rng)
    square = _light(square, options.light, rng)
    if rng.random() < options.cutout:
        square = _cutout(square, rng)
    return square


def _shift_and_scale(square, shift: float, scale: float, rng) -> np.ndarray:
    """Moves by up to `shift` of the side and zooms by up to `scale`; the border is mirrored."""
    side = square.shape[0]
    zoom = scale ** rng.uniform(-1, 1)
    dx, dy = rng.uniform(-shift, shift, 2) * side
    keep = (1 - zoom) * (side - 1) / 2
    matrix = np.float32([[zoom, 0, keep + dx], [0, zoom, keep + dy]])
    # Cubic: linear interpolation blurs, and the pictures to be judged are not blurred.
    return cv2.warpAffine(
        np.ascontiguousarray(square),
        matrix,
        (side, side),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def _light(square, strength: float, rng) -> np.ndarray:
    """Changes contrast and brightness, each by up to `strength` (0.1: ten percent)."""
    contrast, brightness = 1 + rng.uniform(-strength, strength, 2)
    mean = float(square.mean())
    return cv2.addWeighted(square, contrast, square, 0, mean * (brightness - contrast))


def _cutout(square, rng) -> np.ndarray:
    """DeVries and Taylor 2017: a grey square with a quarter of the side, anywhere."""
    side = square.shape[0]
    half = side // 8
    y, x = rng.integers(0, side, 2)
    square = square.copy()
    square[max(0, y - half) : y + half, max(0, x - half) : x + half] = 127
    return square


def mix(x: np.ndarray, targets: np.ndarray, options, rng: np.random.Generator):
    """Mixup or CutMix over a batch, or neither.

    Mixup: Zhang et al., ICLR 2018, with alpha 0.2. CutMix: Yun et al., ICCV 2019.

    Args:
        x: [N, 3, S, S] float32.
        targets: [N, classes] float32, rows sum to 1.
        options: `augment` of the settings.
        rng: source of chance.

    Returns:
        The mixed x and targets, same shapes.
    """
    choice = rng.random()
    partner = rng.permutation(len(x))
    if choice < options.mixup:
        share = rng.beta(0.2, 0.2)
        x = share * x + (1 - share) * x[partner]
    elif choice < options.mixup + options.cutmix:
        side = x.shape[2]
        patch = int(side * np.sqrt(1 - rng.beta(1, 1)))
        top, left = rng.integers(0, side - patch + 1, 2)
        inside = np.s_[:, :, top : top + patch, left : left + patch]
        mixed = x.copy()
        mixed[inside] = x[partner][inside]
        x, share = mixed, 1 - (patch / side) ** 2
    else:
        return x, targets
    return np.float32(x), np.float32(share * targets + (1 - share) * targets[partner])
