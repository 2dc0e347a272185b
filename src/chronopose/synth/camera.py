"""A pinhole camera in the scene: where it stands, where it looks, and where a point lands in its picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEAR_M, FAR_M = 0.1, 100.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Camera:
    """One instant of the camera.

    Attributes:
        position: (3,) world metres.
        rotation: (3, 3) rows are the camera's right, up and backward axes in the world.
        fov: vertical angle of view in radians.
        width: of the picture in pixels.
        height: of the picture in pixels.
    """

    position: Array
    rotation: Array
    fov: float
    width: int
    height: int

    def view(self) -> Array:
        """(4, 4) world -> camera, which looks along -z."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = -self.rotation @ self.position
        return matrix

    def projection(self) -> Array:
        """(4, 4) camera -> clip space of OpenGL."""
        focal = 1 / np.tan(self.fov / 2)
        matrix = np.zeros((4, 4))
        matrix[0, 0] = focal * self.height / self.width
        matrix[1, 1] = focal
        matrix[2, 2] = (FAR_M + NEAR_M) / (NEAR_M - FAR_M)
        matrix[2, 3] = 2 * FAR_M * NEAR_M / (NEAR_M - FAR_M)
        matrix[3, 2] = -1
        return matrix

    def project(self, points: NDArray[np.floating]) -> tuple[Array, Array]:
        """World points (..., 3) -> image pixels (..., 2), integer at pixel centres, and depth (...) in metres.

        Depth is measured along the viewing axis; the pixels of a point that is not in front (depth at most `NEAR_M`)
        are NaN.
        """
        seen = (points - self.position) @ self.rotation.T
        depth = -seen[..., 2]
        focal_px = self.height / 2 / np.tan(self.fov / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            x = seen[..., 0] / depth * focal_px + self.width / 2 - 0.5
            y = -seen[..., 1] / depth * focal_px + self.height / 2 - 0.5
        xy = np.stack([x, y], axis=-1)
        xy[depth <= NEAR_M] = np.nan
        return xy, depth


def look_at(position: Array, target: Array, roll: float, fov: float, width: int, height: int) -> Camera:
    """A camera at `position` (3,) that looks at `target` (3,), turned about its axis by `roll` radians."""
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right = right / max(float(np.linalg.norm(right)), 1e-9)
    up = np.cross(right, forward)
    cos, sin = np.cos(roll), np.sin(roll)
    rotation = np.stack([cos * right + sin * up, cos * up - sin * right, -forward])
    return Camera(position=position, rotation=rotation, fov=fov, width=width, height=height)
