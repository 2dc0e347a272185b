"""`doctor` tells what is here, and fails where something needed is not."""

import importlib.metadata
import json

import pytest

from chronopose.cli.__main__ import run


def test_the_findings_are_the_machines_own_and_decide_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor", "--json"])
    told = capsys.readouterr()
    findings = json.loads(told.out)
    assert told.err == ""
    assert set(findings) == {"machine", "packages", "optional", "devices", "video", "weights", "missing"}
    for package in ("torch", "av", "numpy", "cyclopts"):
        assert findings["packages"][package] == importlib.metadata.version(package)
    assert findings["video"]["h264 encoder"] == "libx264"
    assert {"dsta-small", "person-small", "ssdlite320_mobilenet_v3_large"} <= set(findings["weights"])
    lacking = {name for name, value in findings["weights"].items() if value.startswith("missing")}
    assert set(findings["missing"]) == lacking
    assert code == (1 if lacking else 0)


def test_people_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    run(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(findings)
    assert f"  {'torch':<24} {findings['packages']['torch']}" in lines
