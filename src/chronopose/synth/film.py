"""Films a planned clip: draws its frames, averages what moves during an exposure, and writes down the truth."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.formats.shards import ClipRecord
from chronopose.synth import labels
from chronopose.synth.actor import Actor
from chronopose.synth.assets import read_assets
from chronopose.synth.ranges import SceneConfig
from chronopose.synth.render import Renderer
from chronopose.synth.scene import Crew, Plan, plan, sensor_stream
from chronopose.synth.setting import Prop

Array = NDArray[np.float64]


class Studio:
    """Renders clips by number; the same number is the same clip on the same graphics driver.

    Args:
        assets: the folder of bodies, clothes, motions and panoramas (docs/assets.md).
        config: the ranges clips are drawn from.

    Raises:
        InputError: if the folder is not as wanted, or nothing can be rendered on this machine.
    """

    def __init__(self, assets: Path, config: SceneConfig) -> None:
        self.config = config
        self.crew = Crew(read_assets(assets), config.split)
        self.renderer = Renderer(config.width, config.height, config.supersample)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the graphics card's memory back."""
        self.renderer.close()

    def clip(self, index: int) -> ClipRecord:
        """Clip `index`, with the truth of everybody in it."""
        if index < 0:
            raise InputError(f"a clip's number must be at least 0, got {index}")
        scene = plan(self.config, self.crew, index)
        actors = [self.renderer.actor(person.meshes, person.look) for person in scene.people]
        try:
            return self._film(scene, actors, index)
        finally:
            for actor in actors:
                actor.release()

    def _film(self, scene: Plan, actors: list[Actor], index: int) -> ClipRecord:
        config, people, frames = self.config, scene.people, self.config.frames
        joints = np.stack([labels.joint_paths(self.crew.body, p.shape, p.matrices) for p in people], axis=1)
        surface = [labels.surface_paths(p.meshes, p.matrices) for p in people]
        pictures, visible, seen = [], [], []
        boxes = np.zeros((frames, len(people), 4), dtype=np.float32)
        xy = np.zeros((*joints.shape[:3], 2), dtype=np.float32)[:frames]
        blur = np.zeros(xy.shape[:3], dtype=np.float32)
        for frame in range(frames):
            first = frame * scene.instants
            middle = first + scene.lit // 2
            total = np.zeros((1, 1, 1), dtype=np.uint16)
            for instant in range(first, first + scene.lit):
                self.renderer.shoot(
                    scene.cameras[instant],
                    [(actor, person.matrices[instant]) for actor, person in zip(actors, people, strict=True)],
                    scene.backdrop,
                    [(prop, self._placement(scene, prop, instant)) for prop in scene.props],
                    scene.light,
                )
                total = total + self.renderer.picture()
                if instant == middle:
                    _, distance = self.renderer.surfaces()
            pictures.append(_shrink((total // scene.lit).astype(np.uint8), config.width, config.height))
            camera = scene.cameras[middle]
            xy[frame] = camera.project(joints[middle])[0]
            ends = [scene.cameras[i].project(joints[i])[0] for i in (first, first + scene.lit - 1)]
            blur[frame] = np.nan_to_num(np.linalg.norm(ends[1] - ends[0], axis=-1))
            visible.append([labels.visibility(person, camera, distance) for person in joints[middle]])
            seen.append([labels.seen_share(points[middle], camera, distance) for points in surface])
            boxes[frame] = [labels.box(camera.project(points[middle])[0]) for points in surface]
        pixels = np.stack(pictures)
        if scene.sensor is not None:
            pixels = scene.sensor.record(pixels, sensor_stream(config, index))
        return ClipRecord(
            number=index,
            frames=pixels,
            fps=scene.fps,
            key=config.key,
            joints=labels.JOINTS,
            xy=xy,
            visible=np.array(visible, dtype=np.uint8),
            boxes=boxes,
            seen=np.array(seen, dtype=np.float32),
            blur=blur,
            motions=tuple(person.motion for person in people),
        )

    def _placement(self, scene: Plan, prop: Prop, instant: int) -> Array:
        """(4, 4) own axes -> world of a prop, carried by the main person or on its own."""
        own: Array = prop.placement[instant]
        if prop.bone is None:
            return own
        carrier = scene.people[0]
        bone = self.crew.body.index(prop.bone)
        hand = np.eye(4)
        hand[:3] = carrier.matrices[instant, bone]
        hand[:3, 3] += hand[:3, :3] @ carrier.shape.heads[bone]
        held: Array = hand @ own
        return held


def _shrink(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture drawn larger than wanted, at the size it is kept at."""
    if picture.shape[:2] == (height, width):
        return picture
    # Not BOX: at a scale of 1.5 it moves the picture against its labels by a sixth of a pixel.
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.HAMMING))
