"""What is read from files of other projects, and what is refused: code, bombs, broken files, files without weights."""

import hashlib
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.models.published import reading
from chronopose.models.published.reading import download, is_repository, read

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def same(tensors: dict[str, Tensor]) -> bool:
    return list(tensors) == list(WEIGHTS) and all(torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize(
    ("content", "ignored"),
    [
        (WEIGHTS, ()),
        (OrderedDict(WEIGHTS), ()),
        ({"state_dict": WEIGHTS, "optimizer": {"state": {0: torch.ones(3)}}, "epoch": 3}, ("optimizer", "epoch")),
        ({"model": {"state_dict": WEIGHTS, "n": 1}, "scaler": None}, ("scaler", "n")),
        # HRNet's program names the model beside its weights, and keeps the best ones too.
        ({"model": "pose_hrnet", "state_dict": WEIGHTS, "best_state_dict": WEIGHTS}, ("model", "best_state_dict")),
        ({f"module.{name}": tensor for name, tensor in WEIGHTS.items()}, ()),
        ({"model": {f"module.module.{name}": tensor for name, tensor in WEIGHTS.items()}}, ()),
        (WEIGHTS | {"note": "text"}, ("note",)),
        ({name: nn.Parameter(tensor) for name, tensor in WEIGHTS.items()}, ()),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_in_what_training_programs_save(
    content: Any, ignored: tuple[str, ...], zipped: bool, tmp_path: Path
) -> None:
    file = tmp_path / "best.pth"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    source = read(file)
    assert same(source.tensors) and source.ignored == ignored
    assert source.name == "best.pth" and source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not any(tensor.requires_grad for tensor in source.tensors.values())


@pytest.mark.parametrize("name", ["model.safetensors", "w.pt", "w.pth.tar", "pytorch_model.bin"])
def test_the_ending_says_how_a_file_is_read(name: str, tmp_path: Path) -> None:
    if name.endswith(".safetensors"):
        save_file(WEIGHTS, tmp_path / name)
    else:
        torch.save(WEIGHTS, tmp_path / name)
    assert {key: t.tolist() for key, t in read(tmp_path / name, "hub/x").tensors.items()} == {
        key: t.tolist() for key, t in WEIGHTS.items()
    }
    assert read(tmp_path / name, "hub/x").name == "hub/x"


HISTORY = """
import numpy

class HistoryBuffer:
    def __init__(self):
        self.history = numpy.arange(3.0)
        self.statistics = {"mean": HistoryBuffer.mean}

    def mean(self):
        return self.history.mean()
"""
"""Like mmengine's history of a run, which keeps arrays and names functions of its own class."""


def test_arrays_and_the_history_that_mmpose_keeps_beside_the_weights_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("mmengine.logging.history_buffer")
    exec(HISTORY, module.__dict__)
    for name in ("mmengine", "mmengine.logging", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)
    meta = {"dataset_meta": {"sigmas": np.ones(17), "count": np.float64(3)}, "cfg": "text", "epoch": 210}
    history = {"loss": module.HistoryBuffer()}
    torch.save({"meta": meta, "state_dict": WEIGHTS, "message_hub": history}, tmp_path / "best.pth")
    for name in ("mmengine", "mmengine.logging", module.__name__):
        monkeypatch.delitem(sys.modules, name)
    source = read(tmp_path / "best.pth")
    assert same(source.tensors) and source.ignored == ("meta", "message_hub")


class _Code:
    def __init__(self, call: Any, *given: Any) -> None:
        self.call, self.given = call, given

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.given


@pytest.mark.parametrize("code", [_Code(Path.touch, Path("ran")), _Code(os.system, "touch ran")])
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_does_not_run(
    code: _Code, beside: bool, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": WEIGHTS, "meta": code} if beside else code
    torch.save(content, "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"^evil\.pth: not readable as weights alone .*which is no weight") as error:
        read(Path("evil.pth"))
    assert "\n" not in str(error.value) and not Path("ran").exists()


def test_what_is_passed_over_calls_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`getattr` and numpy's names stand for a class that does nothing, so they open no way to anything else."""
    monkeypatch.chdir(tmp_path)
    # The opcodes of getattr(set, "clear")().
    opcodes = b"\x80\x02cbuiltins\ngetattr\ncbuiltins\nset\nX\x05\x00\x00\x00clear\x86R)R."
    with zipfile.ZipFile("evil.pth", "w") as archive:
        archive.writestr("archive/data.pkl", opcodes)
        archive.writestr("archive/version", "3\n")
    with pytest.raises(InputError, match="reduce for unrecognized function"):
        read(Path("evil.pth"))


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(WEIGHTS, tmp_path / "w.pth")
    monkeypatch.setattr(reading, "LARGEST_FILE", 100)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(InputError, match=r"bytes, at most 100 are read"):
        read(tmp_path / "w.pth")


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(1 << 20))
    assert (tmp_path / "bomb.pth").stat().st_size < 10_000
    monkeypatch.setattr(reading, "LARGEST_FILE", 100_000)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(InputError, match=r"unpacks to 1,048,\d+ bytes, at most 100,000 are read"):
        read(tmp_path / "bomb.pth")


def test_a_tensor_that_claims_more_numbers_than_there_are_is_refused(tmp_path: Path) -> None:
    torch.save({"huge": torch.zeros(1).expand(1 << 40)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"huge claims \(1099511627776,\), more numbers than the file has for it"):
        read(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    "tensor", [torch.zeros(2, 2).to_sparse(), torch.zeros(2, dtype=torch.complex64), torch.zeros(2, device="meta")]
)
def test_what_is_no_plain_tensor_is_refused(tensor: Tensor, tmp_path: Path) -> None:
    torch.save({"x": tensor}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"x is no plain tensor"):
        read(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", b"", "not readable as weights alone"),
        ("w.pth", b"not a pickle at all", "not readable as weights alone"),
        ("w.pth", b"PK\x03\x04 half of a zip file", "not readable as weights alone"),
        ("w.safetensors", b"\xff" * 40, "not a readable safetensors file"),
        ("w.onnx", b"x", r"wanted a file ending in \.pth, \.pt"),
    ],
)
def test_broken_and_other_files_are_refused_in_one_line(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "held"),
    [({}, "nothing"), ({"epoch": 3, "loss": 0.1}, "epoch, loss"), ([torch.ones(2)], "list"), (torch.ones(2), "Tensor")],
)
def test_a_file_without_weights_by_name_says_what_it_holds(content: Any, held: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=rf"no weights by name in it; it holds {held}$"):
        read(tmp_path / "w.pt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"w\.pth: no such file"):
        read(tmp_path / "w.pth")


# The hub ---------------------------------------------------------------------------------------------------------


def test_names_of_files_are_not_taken_for_repositories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for name in ("weights/vitpose.pth", "weights/vitpose.safetensors", "a/b", "x.pth", "../x", "/a/b", "a/b/c", "x"):
        assert not is_repository(name), name
    assert is_repository("usyd-community/vitpose-base-simple") and is_repository("a/c")


def test_a_repositorys_weights_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def answer(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(tmp_path / "model.safetensors")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", answer)
    assert download("usyd-community/vitpose-base") == tmp_path / "model.safetensors"
    assert asked == [("usyd-community/vitpose-base", "model.safetensors")]


def test_without_a_network_the_hub_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"^usyd-community/vitpose-base: neither a file nor to be had") as error:
        download("usyd-community/vitpose-base")
    assert "connect to the network once" in str(error.value) and "\n" not in str(error.value)
