"""What records say of the software and the machine."""

import platform
from importlib import metadata

import pytest

from espalier.run import software


@pytest.fixture(autouse=True)
def asked_anew():
    software.processor.cache_clear()
    yield
    software.processor.cache_clear()


def test_every_record_names_the_packages_of_all_jobs_and_those_of_its_framework():
    found = software.versions("jsonschema")
    assert list(found) == ["python", "numpy", "pandas", "snakemake", "jsonschema", "processor"]
    assert found["python"] == platform.python_version() and found["snakemake"] == metadata.version("snakemake")
    assert found["processor"]


def test_the_processor_is_named_as_linux_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(software, "CPUINFO", tmp_path / "cpuinfo")
    software.CPUINFO.write_text("processor\t: 0\nmodel\t\t: 1\nmodel name\t: Maker 9000 @ 2: fast\n\nprocessor\t: 1\n")
    assert software.processor() == "Maker 9000 @ 2: fast"


def test_elsewhere_the_platform_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(software, "CPUINFO", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert software.processor() == "arm64"
