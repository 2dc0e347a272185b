"""What a file of weights says of itself is read alone, by whoever has no torch loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from chronopose.core.errors import InputError
from chronopose.formats import weights_file
from chronopose.models import checkpoint
from tests.inference.tiny_pose import save_tiny, tiny_model


def test_the_header_says_what_was_saved(tmp_path: Path) -> None:
    path = save_tiny(tmp_path / "tiny.safetensors")
    header = weights_file.header_of(path)
    assert (header.kind, header.card) == ("dsta", weights_file.Card(data="nothing", licence="none"))
    assert header.config["offsets"] == list(tiny_model().config.offsets)
    assert checkpoint.describe(path) == ("dsta", tiny_model().config, header.card)


def test_torch_is_not_loaded_for_it() -> None:
    code = (
        "import sys; from chronopose.formats import weights_file; "
        "print(sorted(weights_file.header_of(path).kind for path in weights_file.bundled().values())); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['dsta', 'ftp_pose', 'listpose', 'person']", "False"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"no\.safetensors: not a readable safetensors checkpoint"):
        weights_file.header_of(path)
