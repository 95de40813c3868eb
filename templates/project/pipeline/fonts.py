"""Fonts of this machine for names in any script, Chinese above all."""

from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

DEFAULT = "DejaVu Sans"  # comes with Matplotlib
# Where the machine has one of these, Chinese names can be drawn.
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Noto Sans CJK JP",
)
LONGEST_NAME = 24


@cache
def installed() -> dict[str, str]:
    """The files of those of the fonts that this machine has."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    names = [name for name in (DEFAULT, *CHINESE) if name in known]
    return {name: str(font_manager.findfont(name)) for name in names}


def file_for(text: str) -> str | None:
    """The first font that has every character of the text; None when none has."""
    needed = {ord(char) for char in text}
    return next((file for file in installed().values() if needed <= characters(file)), None)


def short(name: str) -> str:
    """A name that fits beside a figure or a box."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


@cache
def characters(file: str) -> set[int]:
    """The code points that a font file can draw."""
    return set(FT2Font(file).get_charmap())
