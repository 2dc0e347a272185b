"""The ranges that rendered clips are drawn from."""

from dataclasses import dataclass
from typing import Literal

from chronopose.core.errors import InputError

Split = Literal["train", "heldout", "all"]


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """The ranges that clips are drawn from; a clip is a pure function of these and its number.

    Args:
        seed: another seed, other clips.
        split: "train" leaves a part of the motions and clothes out, "heldout" shows only those, "all" shows everything.
        frames: length of every clip; its key frame is frame `frames // 2`.
        width: of a frame in pixels.
        height: of a frame in pixels.
        fps: lowest and highest frame rate.
        people: fewest and most persons in a clip.
        person: smallest and largest height of the main person standing, as a share of the frame's height.
        fov_deg: narrowest and widest vertical angle of view.
        authored: share of the persons who move as key-framed by us; the others move as recorded.
        truncated: share of clips that cut the main person off at the frame's edge.
        occluded: share of clips with things in front of the people.
        blurred: share of clips with motion blur.
        handheld: share of persons who carry something.
        motions: names of what the people may do, () for everything.
        layout: "around" the main person; "crossing" sends everybody across the picture and back, for motions that walk.
        furnished: share of clips with things beside and behind the people.
        clean: leaves out noise, codec and all other flaws of a camera.
        supersample: how much larger the picture is drawn than it is kept.
    """

    seed: int = 0
    split: Split = "train"
    frames: int = 5
    width: int = 256
    height: int = 256
    fps: tuple[float, float] = (10.0, 30.0)
    people: tuple[int, int] = (1, 4)
    person: tuple[float, float] = (0.3, 1.1)
    fov_deg: tuple[float, float] = (25.0, 70.0)
    authored: float = 0.4
    truncated: float = 0.25
    occluded: float = 0.35
    blurred: float = 0.25
    handheld: float = 0.15
    furnished: float = 0.3
    motions: tuple[str, ...] = ()
    layout: Literal["around", "crossing"] = "around"
    clean: bool = False
    supersample: float = 1.5

    def __post_init__(self) -> None:
        for name, least, most in (("frames", 1, 10_000), ("width", 32, 4096), ("height", 32, 4096)):
            if not least <= getattr(self, name) <= most:
                raise InputError(f"{name} must lie in {least} to {most}, got {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, got {self.seed}")
        if not 1 <= self.people[0] <= self.people[1] <= 12:
            raise InputError(f"people must be a fewest and a most in 1 to 12, got {self.people}")
        for name in ("fps", "person", "fov_deg"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise InputError(f"{name} must be a lowest and a highest above 0, got {getattr(self, name)}")
        if self.fov_deg[1] >= 150:
            raise InputError(f"fov_deg must lie below 150, got {self.fov_deg}")
        for name in ("authored", "truncated", "occluded", "blurred", "handheld", "furnished"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must lie in 0 to 1, got {getattr(self, name)}")
        if not 1 <= self.supersample <= 4:
            raise InputError(f"supersample must lie in 1 to 4, got {self.supersample}")

    @property
    def key(self) -> int:
        """The key frame of every clip."""
        return self.frames // 2
