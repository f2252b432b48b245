# What `fetch_weights` looks up: whose ImageNet weights a file has, and where the user may have put them.


def study_of_weights(wildcards):
    """A study whose nets begin with these weights."""
    return next(study for study in STUDIES.values() if weights_of(study) == wildcards.weights)


def place_of_weights(wildcards, resources):
    return str(Path(DATA_ROOT, "weights"))


def given_weights(wildcards):
    """The user's own file of these weights, if there is one: under the name of the architecture, or under torchvision's,
    such as resnet50-0676ba61.pth."""
    study = study_of_weights(wildcards)
    name, suffix = study["model"]["name"], {"pytorch": "pth", "keras": "h5"}[study["backend"]]
    folder = Path(DATA_ROOT, "weights")
    return [
        local(str(path))
        for path in (folder / f"{name}.{suffix}", *sorted(folder.glob(f"{name}-*.{suffix}")))
        if path.exists()
    ][:1]


def stamp_of_weights(wildcards):
    """Of the user's file: size and time, by which one that is replaced by an older file is another one."""
    files = [Path(file).stat() for file in given_weights(wildcards)]
    return [[file.st_size, file.st_mtime_ns] for file in files]


def parameters_of_weights(wildcards):
    study = study_of_weights(wildcards)
    model = {key: study["model"][key] for key in ("name", "fallback") if study["model"].get(key)}
    return {"model": model, "size": study["dataset"]["size"]}


def backend_of_weights(wildcards):
    return study_of_weights(wildcards)["backend"]


def environment_of_weights(wildcards):
    return f"../../envs/{backend_of_weights(wildcards)}.yaml"


def code_of_weights(wildcards):
    """What a job that fetches weights is covered by."""
    study = study_of_weights(wildcards)
    modules = [f"espalier.{study['backend']}.{module}" for module in ("runtime", "pretrained")]
    return code_of_job(SCRIPTS / "fetch_weights.py", modules, [("model", study["model"]["name"], study["backend"])])
