"""A window on the screen, where this build of OpenCV has one."""

from typing import Self

import cv2
import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels

_ESCAPE = 27


class Window:
    """Shows pictures one after the other, in the thread that opened it. A context manager.

    Raises:
        InputError: this build of OpenCV has no windows, as opencv-python-headless.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        except cv2.error:
            raise InputError(
                "no window can be opened: this build of OpenCV has none (opencv-python-headless has not); "
                "install opencv-python in its place, or write a video instead"
            ) from None

    def show(self, pixels: Pixels) -> bool:
        """Shows (H, W, 3) RGB uint8; False once the user has closed the window or pressed q or Escape."""
        cv2.imshow(self._title, np.ascontiguousarray(pixels[..., ::-1]))
        key = cv2.waitKey(1) & 0xFF
        return key not in (_ESCAPE, ord("q")) and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyWindow(self._title)
