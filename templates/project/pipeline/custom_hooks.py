"""What the user may add in `custom.py`. Everything works without that file."""

import importlib.util
import traceback
from collections.abc import Callable

import numpy as np

from pipeline.console import UserError
from pipeline.project import ROOT


def augment() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """`augment(picture, rng)` of custom.py, checked at every call; the identity without it.

    Raises:
        UserError: custom.py does not load, or later: it fails, or returns another shape or type.
    """
    path = ROOT / "custom.py"
    if not path.is_file():
        return lambda picture, rng: picture
    spec = importlib.util.spec_from_file_location("custom", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"custom.py{_line(error)}: {error}. Mend it, or remove the file.") from None
    hook = getattr(module, "augment", None)
    if hook is None:
        return lambda picture, rng: picture

    def checked(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        try:
            changed = hook(picture, rng)
        except Exception as error:
            raise UserError(f"custom.py{_line(error)}: augment failed: {error}.") from None
        if getattr(changed, "shape", None) != picture.shape or changed.dtype != np.uint8:
            raise UserError(
                f"custom.py: augment must return a uint8 array of shape {picture.shape}."
            )
        return changed

    return checked


def _line(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("custom.py")
    ]
    return f":{frames[-1].lineno}" if frames else ""
