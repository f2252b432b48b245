"""`espalier verify`: what is damaged, missing, stale or foreign in a run."""

import shutil
import time
from pathlib import Path

import pytest
import yaml
from a_run import LAYER, MEASURED, SOFTWARE, TIMING

from espalier.__main__ import main
from espalier.analysis import tidy
from espalier.backends import BACKENDS
from espalier.plan import grid
from espalier.run import records
from espalier.run.integrity import sha256, write_sealed
from espalier.run.verify import Inspection

PRUNED = {"prune_type": "filter_wise", "method": "mean_abs"}
CONFIG = {
    "studies": {
        "net": {
            "backend": "pytorch",
            "dataset": {"name": "digits", "size": 32},
            "model": {"name": "vgg16_bn", "width": 0.25},
            "train": {"epochs": 2},
            "chains": [
                ["train", {"prune": {**PRUNED, "ratio": [0.2, 0.4]}}, "finetune"],
                ["train", {"quantize": {"scheme": "float32"}}],
            ],
            "latency": {},
        }
    }
}
NET = "models/net/seed0/train"
DATA = "data/digits_32x32x3"


def made_up(folder, config, size=1000):
    """The files of a finished run of a config, with noise for nets and images; what the config plans."""
    plan, record_files = grid.build(config), []
    for name in plan.datasets():
        data = folder / "data" / name
        data.mkdir(parents=True)
        for file in ("images.npy", "labels.npy"):
            (data / file).write_text(f"{name} {file}")
        digests = {file: sha256(data / file) for file in ("images.npy", "labels.npy")}
        write_sealed(data / "manifest.json", {"sha256": name, "files": digests})
        write_sealed(data / "timing.json", {"seconds": 1.0})
    nets = {}
    for number, job in enumerate(plan.jobs.values()):
        node = folder / "models" / job.node
        node.mkdir(parents=True, exist_ok=True)
        model = node / BACKENDS[job.backend].format_of(job.step).file
        model.write_bytes(number.to_bytes(4) * (size // 4))
        nets[job.node] = sha256(model)
        files = {"model_sha256": nets[job.node], "data_sha256": job.columns["dataset"]}
        files |= {"parent_sha256": nets[job.parent]} if job.parent else {}
        columns = job.columns | {"epochs": job.columns["epochs"] or 1}
        records.write_origin(node / f"{model.name}.json", job.node, {}, TIMING, SOFTWARE, files)
        (node / "predictions.npz").write_bytes(model.read_bytes())
        files["predictions_sha256"] = sha256(node / "predictions.npz")
        details = {"measured": MEASURED, "layers": [LAYER | {"layer": f"layer{n}"} for n in range(16)]}
        records.write(node / "record.json", columns, details, TIMING, SOFTWARE, files)
        record_files.append(node / "record.json")
    timed = []
    for name, study in plan.studies.items():
        for seed in study["seeds"] if "latency" in study else ():
            timed.append(folder / "records" / name / f"seed{seed}" / "latency.json")
            rows = [{"study": name, "seed": seed, "node": node} for node in plan.timed(name, seed)]
            write_sealed(timed[-1], {"rows": rows, "timing": TIMING, "software": SOFTWARE})
    for study in ("", *plan.studies):
        tidy.collect(record_files, timed, folder / "records" / study)
    return plan


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    made_up(folder / "results", CONFIG)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A finished run that may be changed, as the working directory."""
    folder = shutil.copytree(finished, tmp_path / "run")
    monkeypatch.chdir(folder)
    return folder / "results"


def found(results):
    """What is wrong, as (state, path below the results)."""
    inspection = Inspection(results, grid.build(CONFIG))
    return [(fault.state, fault.path.relative_to(results).as_posix()) for fault in inspection.faults]


def test_a_run_as_it_was_written_has_no_fault(run, capsys):
    assert found(run) == []
    assert main(["verify"]) == 0
    assert "6 results: 0 damaged, 0 missing, 0 stale, 0 foreign" in capsys.readouterr().out


EVERY_FILE = (
    f"{NET}/model.safetensors", f"{NET}/model.safetensors.json", f"{NET}/record.json", f"{NET}/predictions.npz",
    "records/net/results.csv", f"{NET}/quantize~float32/model.onnx",
    f"{DATA}/manifest.json", f"{DATA}/images.npy", f"{DATA}/labels.npy", f"{DATA}/timing.json",
    "records/net/seed0/latency.json", "records/results.csv", "records/layers.csv", "records/digests.json",
)  # fmt: skip


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_damaged_file_is_named_deleted_and_then_missing(run, file, capsys):
    with (run / file).open("r+b") as opened:
        opened.seek(3)
        opened.write(b"\xff")
    assert found(run) == [("damaged", file)]
    assert main(["verify"]) == 1
    assert "--mend" in capsys.readouterr().out and (run / file).exists()
    assert main(["verify", "--mend"]) == 1
    assert "snakemake --cores all everything" in capsys.readouterr().out and not (run / file).exists()
    assert found(run) == [("missing", file)]


def test_what_another_node_or_study_left_is_damaged(run):
    other = f"{NET}/prune~filter_wise~mean_abs~0.20"
    shutil.copy(run / other / "finetune" / "record.json", run / f"{other.replace('0.20', '0.40')}/finetune")
    assert found(run)[0] == ("damaged", f"{other.replace('0.20', '0.40')}/finetune/record.json")
    path = run / "records/net/seed0/latency.json"
    write_sealed(path, {"rows": [{"study": "other", "seed": 0}], "timing": TIMING, "software": SOFTWARE})
    assert ("damaged", "records/net/seed0/latency.json") in found(run)


def test_what_is_no_longer_planned_is_stale_and_what_no_job_writes_is_foreign(run):
    shutil.copytree(run / NET, run / NET.replace("net", "old"))
    shutil.copytree(run / DATA, run / "data/old_8x8x1")
    (run / DATA / "notes.txt").write_text("mine")
    (run / NET / ".partial-model.safetensors").write_text("cut")
    assert ("stale", NET.replace("net", "old")) in found(run) and ("stale", "data/old_8x8x1") in found(run)
    foreign = [path for state, path in found(run) if state == "foreign"]
    assert foreign == [f"{DATA}/notes.txt", f"{NET}/.partial-model.safetensors"]
    assert main(["verify", "--mend"]) == 0
    assert (run / DATA / "notes.txt").exists() and (run / "data/old_8x8x1/images.npy").exists()


def test_a_net_whose_parent_is_another_now_is_stale(run):
    (run / NET / "model.safetensors").write_bytes(b"another training")
    for file in ("record.json", "model.safetensors.json"):
        record = records.read(run / NET / file)
        record["files"]["model_sha256"] = sha256(run / NET / "model.safetensors")
        write_sealed(run / NET / file, record)
    children = ("prune~filter_wise~mean_abs~0.20", "prune~filter_wise~mean_abs~0.40", "quantize~float32")
    assert sorted(found(run)) == [("stale", f"{NET}/{child}") for child in children]


def test_a_damaged_file_out_of_the_cache_is_deleted_there_too(run, tmp_path):
    model, cached = run / NET / "model.safetensors", tmp_path / "cached"
    model.rename(cached)
    model.symlink_to(cached)
    assert found(run) == []
    cached.write_bytes(b"world-writable")
    assert found(run) == [("damaged", f"{NET}/model.safetensors")]
    main(["verify", "--mend"])
    assert not model.is_symlink() and not cached.exists()


@pytest.mark.parametrize("text", ["studies: [", "studies: {net: {}}", None], ids=["no YAML", "wrong", "not there"])
def test_a_wrong_config_is_one_message(run, text, capsys):
    if text is None:
        Path("config.yaml").unlink()
    else:
        Path("config.yaml").write_text(text)
    assert main(["verify"]) == 2
    assert "config.yaml" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_missing(run, tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing")]) == 1
    assert "6 results: 0 damaged, 45 missing" in capsys.readouterr().out


def test_a_thousand_results_take_seconds(tmp_path):
    config = {"studies": {"net": CONFIG["studies"]["net"] | {"seeds": [0], "latency": {}}}}
    del config["studies"]["net"]["latency"]
    ratios = [round(0.001 * number, 3) for number in range(1, 500)]
    config["studies"]["net"]["chains"] = [["train", {"prune": {**PRUNED, "ratio": ratios}}, "finetune"]]
    plan = made_up(tmp_path, config, size=20_000)
    started = time.process_time()
    assert len(plan.jobs) == 999 and Inspection(tmp_path, plan).faults == []
    assert time.process_time() - started < 10
