"""A model's work is that of its module, and the machine's peak is believable."""

from chronopose.inference.bounds import encode_macs, peak
from chronopose.models.complexity import complexity
from chronopose.runtimes.as_module import RuntimeModel
from tests.inference.tiny_pose import predictor, tiny_model


def test_the_work_of_graphs_is_not_known() -> None:
    assert encode_macs(tiny_model()) == complexity(tiny_model()).macs_encode_per_frame
    assert encode_macs(RuntimeModel(predictor().runtime)) is None
    assert encode_macs(object()) is None


def test_the_peak_is_believable() -> None:
    assert 1e8 < peak("cpu") < 1e15
