"""Which detector finds the persons: the bundled one, or torchvision's by name."""

import logging

from chronopose.models import checkpoint
from chronopose.tracking.detector import TORCHVISION_MB, Detector, TorchvisionDetector, is_cached
from chronopose.tracking.person import PersonDetector

_log = logging.getLogger(__name__)

BUNDLED = "person-small"


def choose_detector(name: str, device: str = "cpu") -> Detector:
    """The detector of that name.

    Args:
        name: "auto" (the best torchvision detector whose weights are here already, else the bundled one), "bundled",
            or a torchvision detector, whose weights are downloaded on first use.
        device: where it runs, as torch writes it.

    Raises:
        InputError: no such detector, or its weights cannot be had.
    """
    if name == "auto":
        # A CPU keeps up with a video with the lightest ones alone.
        names = list(TORCHVISION_MB) if device.startswith("cuda") else list(reversed(TORCHVISION_MB))
        name = next((known for known in names if is_cached(known)), "bundled")
        _log.info("detector: %s", name)
    if name == "bundled":
        return PersonDetector(checkpoint.load(BUNDLED).model, device)
    return TorchvisionDetector(name, device)
