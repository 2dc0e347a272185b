"""A device is taken where it works, and torch is not loaded to learn that there is no GPU."""

import subprocess
import sys

import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.runtimes.devices import pick_device


def test_auto_is_a_device_that_works() -> None:
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["toaster", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_here_is_the_users_mistake(device: str) -> None:
    with pytest.raises(InputError, match="wanted auto, cpu or cuda"):
        pick_device(device)


def test_without_a_driver_torch_is_not_loaded() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    code = (
        "import sys; from chronopose.runtimes.devices import pick_device; "
        "print(pick_device('auto'), pick_device('cpu'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "cpu", "False"]
