"""Pictures with a bright dot where a joint is, by which a label that is a pixel off is found out."""

import numpy as np
from PIL import Image


def picture(size: tuple[int, int], xy: np.ndarray, grey: int = 60) -> Image.Image:
    """A dark picture of `size` width, height, with a dot of 3 x 3 pixels around the 0-based pixel nearest to `xy`."""
    pixels = np.full((size[1], size[0], 3), grey, dtype=np.uint8)
    x, y = np.round(xy).astype(int)
    pixels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 255
    return Image.fromarray(pixels)


def centre(pixels: np.ndarray) -> np.ndarray:
    """Where the dot is, (2,) in 0-based pixels: the middle of what is bright."""
    y, x = np.nonzero(pixels.mean(axis=2) > 160)
    return np.array([x.mean(), y.mean()])
