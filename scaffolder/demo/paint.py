"""How a drawn board looks: etching, colours, light, camera. Sizes are in px."""

import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

Colour = tuple[int, ...]
HOLE = (28, 24, 20)


@dataclass(frozen=True)
class Colours:
    """Of one board, RGB: the board, copper under the solder mask, bare metal."""

    board: Colour
    copper: Colour
    bare: Colour


KINDS = [
    Colours((24, 84, 48), (58, 132, 74), (196, 190, 170)),
    Colours((16, 66, 60), (60, 140, 118), (205, 178, 110)),
    Colours((22, 74, 44), (72, 152, 84), (214, 208, 190)),
    Colours((46, 40, 38), (178, 122, 74), (206, 160, 108)),
]


def colours(rng: random.Random) -> Colours:
    """Returns the colours of one of the kinds of boards, a little different each time."""

    def shade(colour: Colour) -> Colour:
        bright = rng.uniform(0.8, 1.2)
        return tuple(min(255, round(value * bright * rng.uniform(0.95, 1.05))) for value in colour)

    kind = rng.choice(KINDS)
    return Colours(shade(kind.board), shade(kind.copper), shade(kind.bare))


def board(rng: random.Random, copper: Image.Image, colours: Colours) -> Image.Image:
    """Etches a board: where `copper` is 255 the copper stays, with edges that are not straight."""
    soft = copper.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 3)))
    ragged = noise(rng, soft.size, copper.width // 4, rng.uniform(0.1, 0.3))
    mask = ImageChops.add(soft, ragged, 1, -128).point(lambda value: 255 * (value > 127))
    mask = mask.filter(ImageFilter.GaussianBlur(1))
    picture = Image.new("RGB", mask.size, colours.board)
    picture.paste(colours.copper, mask=mask)
    # Copper stands up from the board: one edge catches the light, the other throws a shadow.
    rise = ImageChops.offset(mask, 3, 3)
    strength = rng.uniform(0.1, 0.35)
    picture.paste("white", mask=ImageChops.subtract(mask, rise, 1 / strength))
    picture.paste("black", mask=ImageChops.subtract(rise, mask, 1 / strength))
    return picture


def photograph(rng: random.Random, picture: Image.Image) -> Image.Image:
    """Takes the picture: unevenly lit, a little out of focus, noisy."""
    light = Image.linear_gradient("L").rotate(rng.uniform(0, 360)).crop((38, 38, 218, 218))
    light = light.resize(picture.size).point(lambda value: 150 + value // 3)
    picture = ImageChops.multiply(picture, Image.merge("RGB", [light] * 3))
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(1.0, 1.7))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.9)))
    return grained(rng, picture, picture.width, rng.uniform(0.01, 0.05))


def grained(rng: random.Random, picture: Image.Image, across: int, strength: float) -> Image.Image:
    """Adds grey noise, `across` grains wide."""
    grain = noise(rng, picture.size, across, strength)
    return ImageChops.add(picture, Image.merge("RGB", [grain] * 3), 1, -128)


def noise(rng: random.Random, size: tuple[int, int], across: int, strength: float) -> Image.Image:
    """Uneven grey around 128: random values, `across` to the width, enlarged to `size`."""
    cells = across, round(across * size[1] / size[0])
    values = Image.frombytes("L", cells, rng.randbytes(cells[0] * cells[1]))
    values = values.point(lambda value: round(128 + (value - 128) * strength))
    return values.resize(size, Image.Resampling.BICUBIC)
