"""Damage: every kind of file that a job reads is damaged in four ways, and each time the file is found and named."""

import random
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from a_run import MEASURED, SOFTWARE, TIMING, Run

from espalier.analysis import tidy
from espalier.datasets import prepare
from espalier.run import records
from espalier.run.integrity import Damaged, files_behind, read_sealed, sha256, write_sealed

MODELS = ("model.safetensors", "model.keras", "model.onnx", "model.tflite")


def cut(path, other):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path, other):
    content = bytearray(path.read_bytes())
    place = random.Random(str(path.name)).randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)


def empty(path, other):
    path.write_bytes(b"")


def replace(path, other):
    assert path.read_bytes() != other.read_bytes()
    shutil.copyfile(other, path)


def remove(path, other):
    path.unlink()


DAMAGES = (cut, flip_a_bit, empty, replace, remove)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Two studies, each with a data set, nets, times and tables of its own. Not to be changed: see `run`."""
    tmp_path = tmp_path_factory.mktemp("run")
    runs = [Run(tmp_path, study=study) for study in ("one", "two")]
    for number, one in enumerate(runs):
        data = tmp_path / "data" / f"digits_8x8x1_{one.study}"
        images = prepare.prepare(
            data,
            prepare.Preparation(name="digits", size=8, channels=1, validation=number / 10, mean=number / 2, std=1.0),
        )
        for kind in MODELS:
            record = one.add("train", name=kind.partition(".")[2], top1=80.0 + number)
            folder = tmp_path / record["node"]
            (folder / kind).write_bytes(np.random.default_rng(number).bytes(1000))
            files = {"model_sha256": sha256(folder / kind), "data_sha256": images["sha256"]}
            columns = {key: record[key] for key in tidy.ID}
            details = {"measured": MEASURED | {"top1": 80.0 + number}, "history": record["history"]}
            records.write(folder / "record.json", columns, details, TIMING, SOFTWARE, files)
        time = {"batch_size": 1, "median_ms": 1.0 + number, "p90_ms": 2.0}
        one.time([{"node": record["node"], "baseline": record["node"]} | time])
        tidy.collect(one.records, one.latency, tmp_path / f"tables_{one.study}")
    return tmp_path


@pytest.fixture
def run(whole_run, tmp_path):
    """The two studies, to be damaged."""
    return shutil.copytree(whole_run, tmp_path / "run")


def read_everything(folder, study="one"):
    """Read what jobs of a study read, as they read it."""
    data = folder / "data" / f"digits_8x8x1_{study}"
    read = [folder / study / "seed0" / f"train~{kind.partition('.')[2]}" for kind in MODELS]
    for net, kind in zip(read, MODELS, strict=True):
        records.of_files_read({"parent": net / kind}, [net / "record.json"], data)
    prepare.load(data)
    latency = folder / "records" / study / "seed0" / "latency.json"
    tidy.collect([net / "record.json" for net in read], [latency], folder / "again")
    tidy.load(folder / f"tables_{study}")


def command_in(error):
    """The command that an error ends with, as a shell reads it."""
    return shlex.split(str(error).rpartition(": ")[2])


FILES = (
    *(f"one/seed0/train~{kind.partition('.')[2]}/{kind}" for kind in MODELS),
    "one/seed0/train~safetensors/record.json",
    *(f"data/digits_8x8x1_one/{file}" for file in ("images.npy", "labels.npy", "manifest.json")),
    "records/one/seed0/latency.json",
    *(f"tables_one/{name}.csv" for name in ("results", "history", "latency")),
    "tables_one/digests.json",
)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_the_file_is_named(run, file, damage):
    read_everything(run)
    damage(run / file, run / file.replace("one", "two"))
    with pytest.raises(Damaged) as error:
        read_everything(run)
    assert error.value.path == run / file
    assert str(error.value).startswith(f"{run / file} is damaged: ") and "\n" not in str(error.value)
    assert command_in(error.value) == ["rm", str(run / file)]


@pytest.mark.parametrize("file", FILES)
def test_every_single_bit_counts(run, file):
    """Ten of them, each flipped by itself."""
    path, generator = run / file, random.Random(0)
    content = path.read_bytes()
    for place in generator.sample(range(8 * len(content)), 10):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(Damaged) as error:
            read_everything(run)
        assert error.value.path == path
    path.write_bytes(content)
    read_everything(run)


def test_the_manifest_of_the_same_images_normalised_otherwise_is_not_taken_for_this_one(tmp_path):
    for mean in (0.0, 0.5):
        how = {"name": "digits", "size": 8, "channels": 1, "validation": 0.1, "std": 1.0}
        prepare.prepare(tmp_path / f"digits_8x8x1_mean{mean}", prepare.Preparation(mean=mean, **how))
    first, second = (tmp_path / f"digits_8x8x1_mean{mean}" for mean in (0.0, 0.5))
    assert (first / "images.npy").read_bytes() == (second / "images.npy").read_bytes()
    shutil.copy(first / "manifest.json", second)
    with pytest.raises(Damaged, match=r"manifest\.json is damaged"):
        prepare.load(second)


def test_a_net_and_its_record_that_both_are_another_nodes_are_found(run):
    one, two = run / "one/seed0/train~onnx", run / "two/seed0/train~onnx"
    for file in ("model.onnx", "record.json"):
        shutil.copyfile(two / file, one / file)
    with pytest.raises(Damaged, match="of another node, two/seed0/train~onnx"):
        read_everything(run)


def test_a_net_that_was_made_with_other_images_is_refused(run):
    one = run / "one/seed0/train~onnx"
    with pytest.raises(Damaged, match="with other images"):
        records.of_files_read({"parent": one / "model.onnx"}, [one / "record.json"], run / "data/digits_8x8x1_two")


def test_a_file_out_of_the_cache_is_to_be_deleted_there_too(tmp_path):
    (tmp_path / "cached").write_text("cached")
    (tmp_path / "link").symlink_to(tmp_path / "cached")
    assert files_behind(tmp_path / "cached") == [tmp_path / "cached"]
    assert files_behind(tmp_path / "link") == [tmp_path / "link", tmp_path / "cached"]
    assert command_in(Damaged(tmp_path / "link", "cut")) == ["rm", str(tmp_path / "link"), str(tmp_path / "cached")]


@pytest.mark.parametrize("text", ["[1]", "3", "{}", "[" * 100_000, '{"a": NaN}', "\ud800"])
def test_what_is_no_sealed_file_is_damaged(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(Damaged, match=r"file\.json is damaged"):
        read_sealed(path)


def test_a_sealed_file_belongs_to_its_folder_wherever_that_lies(tmp_path):
    for folder in ("a", "b", "elsewhere/a"):
        (tmp_path / folder).mkdir(parents=True)
    write_sealed(tmp_path / "a" / "file.json", {"numbers": [0.1, 1e-300, 2**70], "text": "ä"})
    for folder in ("b", "elsewhere/a"):
        shutil.copy(tmp_path / "a" / "file.json", tmp_path / folder)
    assert read_sealed(tmp_path / "elsewhere/a/file.json") == {"numbers": [0.1, 1e-300, 2**70], "text": "ä"}
    with pytest.raises(Damaged):
        read_sealed(tmp_path / "b" / "file.json")


def test_a_digest_is_worked_out_once_for_a_file_that_stays(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-2
    reads = []
    monkeypatch.setattr(Path, "open", lambda self, *mode: reads.append(self))
    sha256(path)
    assert not reads
