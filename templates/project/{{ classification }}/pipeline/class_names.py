"""Which names a class may have, as `fewshot new` has it: a name is also a folder's."""

from pipeline.text import composed

RESERVED = {"train", "val", "test", "labels.csv", "splits.csv", "unknown"}


def faults(name: str, taken: list[str]) -> list[str]:
    """All that is wrong with the name of a new class.

    Args:
        name: of the class.
        taken: names that are there already; neither case nor the composition of accents counts.
    """
    found = []
    if not name.strip():
        found.append("is empty")
    if not name.replace("\u200d", "").isprintable():
        found.append("has a line break, control character or unusual space")
    if "/" in name or "\\" in name:
        found.append("has a / or \\")
    if name.startswith("."):
        found.append("begins with a dot")
    if len(name) > 100 or len(name.encode(errors="replace")) > 255:
        found.append("is too long (at most 100 characters, 255 bytes)")
    if _folded(name) in RESERVED:
        found.append("is a reserved name")
    if _folded(name) in map(_folded, taken):
        found.append("is a class that the model was trained on")
    shown = repr(name if len(name) <= 40 else f"{name[:40]}...")
    return [f"The name {shown} {fault}. Choose another one." for fault in found]


def _folded(name: str) -> str:
    return composed(name).lower()
