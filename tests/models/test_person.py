"""The person network: shapes, geometry of its cells, gradients, and that it can learn a person."""

import dataclasses

import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.losses.detection import detection_loss
from chronopose.models.person import PersonConfig, PersonModel, cell_centres


@pytest.fixture(scope="module")
def model() -> PersonModel:
    torch.manual_seed(0)
    return PersonModel(PersonConfig(width=16)).eval()


def test_any_picture_with_sides_that_are_multiples_of_32_has_a_box_for_each_cell(model: PersonModel) -> None:
    for height, width in ((64, 64), (64, 96), (128, 32)):
        output = model(torch.zeros(2, 3, height, width, dtype=torch.uint8))
        cells = height * width // 64
        assert output.logit.shape == (2, cells)
        assert output.boxes.shape == (2, cells, 4)
        assert (output.boxes[..., :2] < output.centres).all() and (output.boxes[..., 2:] > output.centres).all()
    with pytest.raises(InputError, match="multiples of 32"):
        model(torch.zeros(1, 3, 60, 64))


def test_cells_lie_on_the_pixels_they_look_at() -> None:
    centres = cell_centres(2, 3)
    assert centres.tolist() == [[3.5, 3.5], [11.5, 3.5], [19.5, 3.5], [3.5, 11.5], [11.5, 11.5], [19.5, 11.5]]


def test_a_frame_has_the_same_answer_alone_and_in_a_batch(model: PersonModel) -> None:
    pixels = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    together = model(pixels)
    alone = model(pixels[1:2])
    torch.testing.assert_close(together.logit[1:2], alone.logit, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.boxes[1:2], alone.boxes, atol=1e-2, rtol=1e-4)


def test_nothing_is_a_person_to_begin_with_and_every_parameter_learns(model: PersonModel) -> None:
    fresh = PersonModel(dataclasses.replace(model.config, width=8)).train()
    output = fresh(torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(2)))
    assert output.logit.sigmoid().mean() < 0.2
    truth, known = torch.tensor([[[8.0, 8, 40, 56]], [[20, 0, 60, 60]]]), torch.ones(2, 1)
    parts = detection_loss(output.logit, output.boxes, output.centres, truth, known, torch.full((2, 1, 5), 2.0))
    sum(parts.values(), torch.zeros(())).backward()
    assert [name for name, values in fresh.named_parameters() if values.grad is None] == []


@pytest.mark.parametrize(
    ("field", "value"), [("long_side", 100), ("long_side", 0), ("width", 0), ("backbone", "mobilenetv4_conv_smal")]
)
def test_wrong_settings_are_named(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        PersonModel(PersonConfig(**{field: value}))  # type: ignore[arg-type]
