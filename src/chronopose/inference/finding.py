"""Which detector finds the persons: the bundled one, or torchvision's by name."""

import logging

from chronopose.runtimes.choosing import Notify
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.persons import person_network
from chronopose.tracking.detector import TORCHVISION_MB, Detector, TorchvisionDetector, is_cached
from chronopose.tracking.person import PersonDetector

_log = logging.getLogger(__name__)

BUNDLED = "person-small"


def choose_detector(
    name: str, device: str = "cpu", beside: Runtime | None = None, notify: Notify | None = None
) -> Detector:
    """The detector of that name.

    Args:
        name: "auto" (the best torchvision detector whose weights are here already, else the bundled one), "bundled",
            or a torchvision detector, whose weights are downloaded on first use.
        device: where it runs, as torch writes it.
        beside: the pose model's runtime; the bundled detector runs in the same backend.
        notify: told before a graph is made for it, which takes some ten seconds.

    Raises:
        InputError: no such detector, or its weights cannot be had.
    """
    if name == "auto":
        # A CPU keeps up with a video with the lightest ones alone.
        names = list(TORCHVISION_MB) if device.startswith("cuda") else list(reversed(TORCHVISION_MB))
        name = next((known for known in names if is_cached(known)), "bundled")
        _log.info("detector: %s", name)
    if name == "bundled":
        if beside is None:
            return PersonDetector(person_network(BUNDLED, device))
        return PersonDetector(person_network(BUNDLED, device, beside.name, beside.precision, notify))
    return TorchvisionDetector(name, device)
