"""Without windows in OpenCV, asking for one is answered in one line."""

import cv2
import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.video.window import Window

HEADLESS = "GUI:                           NONE" in cv2.getBuildInformation()


@pytest.mark.skipif(not HEADLESS, reason="this build of OpenCV has windows")
def test_a_build_without_windows_says_what_to_install() -> None:
    with pytest.raises(InputError, match="install opencv-python in its place") as raised:
        Window("test")
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(HEADLESS, reason="this build of OpenCV has no windows")
def test_a_picture_is_shown() -> None:
    with Window("test") as window:
        assert window.show(np.zeros((8, 8, 3), np.uint8)) in (True, False)
