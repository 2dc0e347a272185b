"""Shaders: every kind of surface and pattern compiles, and each is compiled once."""

import numpy as np
import pytest

from chronopose.synth.look import Fabric, Pattern, Surface
from chronopose.synth.programs import is_cloth
from tests.synth.studio import renderer


@pytest.mark.parametrize("printed", [False, True])
def test_every_pattern_compiles(printed: bool) -> None:
    with renderer() as lens:
        for pattern in Pattern:
            fabric = Fabric(colours=np.zeros((3, 3)), pattern=pattern, print_=3 if printed else -1)
            program = lens._programs.of_surface(Surface.CLOTH, fabric)
            assert ("prints" in program) == printed
            assert lens._programs.of_surface(Surface.SKIRT, fabric) is not None


def test_every_surface_has_a_program_and_keeps_it() -> None:
    with renderer() as lens:
        for kind in Surface:
            fabric = Fabric(colours=np.zeros((3, 3))) if is_cloth(kind) else None
            program = lens._programs.of_surface(kind, fabric)
            assert program is lens._programs.of_surface(kind, fabric)
            assert "in_position" in program
