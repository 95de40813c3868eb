"""AutoAugment with the policy found on ImageNet: Cubuk et al., CVPR 2019, table 9."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

# Two operations, each with its probability and its magnitude from 0 to 9.
POLICY = (
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("equalize", 0.4, 4), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, 7)),
    (("posterize", 0.8, 5), ("equalize", 1.0, 2)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, 8), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, 2)),
    (("equalize", 0.0, 7), ("equalize", 0.8, 8)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, 8)),
    (("shear_x", 0.6, 5), ("equalize", 1.0, 9)),
    (("color", 0.4, 0), ("equalize", 0.6, 3)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
)


def auto_augment(square: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Applies one random sub-policy: [S, S, 3] uint8 -> the same."""
    picture = Image.fromarray(np.ascontiguousarray(square))
    for operation, probability, magnitude in POLICY[rng.integers(len(POLICY))]:
        if rng.random() < probability:
            sign = rng.choice((-1, 1))
            picture = _apply(picture, operation, magnitude / 9, sign)
    return np.asarray(picture)


def _apply(picture: Image.Image, operation: str, strength: float, sign: int) -> Image.Image:
    """`strength` from 0 to 1 covers the ranges of the paper's table 6."""
    grey = (127, 127, 127)
    enhance = 1 + sign * 0.9 * strength
    match operation:
        case "rotate":
            return picture.rotate(sign * 30 * strength, Image.BILINEAR, fillcolor=grey)
        case "shear_x":
            matrix = (1, sign * 0.3 * strength, 0, 0, 1, 0)
            return picture.transform(
                picture.size, Image.AFFINE, matrix, Image.BILINEAR, fillcolor=grey
            )
        case "posterize":
            return ImageOps.posterize(picture, 8 - round(4 * strength))
        case "solarize":
            return ImageOps.solarize(picture, 256 - round(256 * strength))
        case "color":
            return ImageEnhance.Color(picture).enhance(enhance)
        case "contrast":
            return ImageEnhance.Contrast(picture).enhance(enhance)
        case "sharpness":
            return ImageEnhance.Sharpness(picture).enhance(enhance)
        case "equalize":
            return ImageOps.equalize(picture)
        case "autocontrast":
            return ImageOps.autocontrast(picture)
        case "invert":
            return ImageOps.invert(picture)
