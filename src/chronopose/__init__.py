"""Human pose estimation in video: temporal models behind one command."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from chronopose.core.skeleton import SKELETONS, Skeleton
    from chronopose.core.types import FramePoses, Pose, PoseSequence, Track, VideoInfo
    from chronopose.inference.estimator import Estimator, load

_HOME = {
    "SKELETONS": "chronopose.core.skeleton",
    "Skeleton": "chronopose.core.skeleton",
    "FramePoses": "chronopose.core.types",
    "Pose": "chronopose.core.types",
    "PoseSequence": "chronopose.core.types",
    "Track": "chronopose.core.types",
    "VideoInfo": "chronopose.core.types",
    "Estimator": "chronopose.inference.estimator",
    "load": "chronopose.inference.estimator",
}

__all__ = ["SKELETONS", "Estimator", "FramePoses", "Pose", "PoseSequence", "Skeleton", "Track", "VideoInfo", "load"]


def __getattr__(name: str) -> Any:
    """The public nouns, imported when first used: `import chronopose` loads neither torch nor av."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'chronopose' has no attribute {name!r}")
