"""Data sets from files, in the real workflow: found below the data root, prepared again when their contents change."""

import io
import shutil
import zipfile

import pytest
import yaml
from PIL import Image

TARGET = "results/data/image_folder_8x8x1_pathpets/manifest.json"
STUDY = {
    "backend": "keras",
    "dataset": {"name": "image_folder", "path": "pets", "size": 8, "channels": 1},
    "model": {"name": "mlp"},
    "train": {"epochs": 1},
    "chains": [["train"]],
}


def picture(shade):
    content = io.BytesIO()
    Image.new("L", (8, 8), shade).save(content, "PNG")
    return content.getvalue()


def images():
    names = [f"{split}/{name}/{i}.png" for split in ("train", "test") for name in ("cats", "dogs") for i in range(10)]
    return {name: picture(shade) for shade, name in enumerate(names)}


def zipped(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


@pytest.fixture
def pets(project):
    """A project with a study of images in folders that are not there yet."""
    (project.folder / "config.yaml").write_text(yaml.safe_dump({"data_root": "mine", "studies": {"pets": STUDY}}))
    return project


def test_images_in_folders(pets):
    done = pets.snakemake("--cores", "1", TARGET)
    assert "error: mine/pets does not exist: it should hold <split>/<class>/<image>" in done.stdout
    for name, content in images().items():
        (pets.folder / "mine" / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (pets.folder / "mine" / "pets" / name).write_bytes(content)
    pets.run("--cores", "1", TARGET)
    assert pets.planned(TARGET) == {}
    (pets.folder / "mine/pets/train/cats/new.png").write_bytes(b"half")
    assert pets.planned(TARGET) == {"prepare_dataset": 1}
    done = pets.snakemake("--cores", "1", TARGET)
    assert "error: mine/pets: train/cats/new.png cannot be decoded as an image" in done.stdout


def test_images_in_a_zip_where_the_environment_says(pets, monkeypatch):
    (pets.folder / "config.yaml").write_text(yaml.safe_dump({"studies": {"pets": STUDY}}))
    monkeypatch.setenv("ESPALIER_DATA", str(pets.folder / "elsewhere"))
    archive = pets.folder / "elsewhere" / "pets" / "all.zip"
    archive.parent.mkdir(parents=True)
    zipped(archive, images())
    pets.run("--cores", "1", TARGET)
    assert pets.planned(TARGET) == {}
    other = shutil.copytree(pets.folder / "elsewhere", pets.folder / "scratch")  # with time stamps of now
    monkeypatch.setenv("ESPALIER_DATA", str(other))
    (other / "pets" / "all.zip").touch()
    assert pets.planned(TARGET) == {}  # the same data
    archive = other / "pets" / "all.zip"
    zipped(archive, images() | {"train/cats/0.png": picture(99)})
    assert pets.planned(TARGET) == {"prepare_dataset": 1}
