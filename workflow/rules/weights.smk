# What `fetch_weights` and `read_weights` look up: whose weights a file has, and where the user's own are.


def study_of_weights(wildcards):
    """A study whose nets begin with these weights."""
    return next(study for study in STUDIES.values() if weights_of(study) == wildcards.weights)


def place_of_weights(wildcards, resources):
    return str(Path(DATA_ROOT, "weights"))


def file_of_weights(wildcards):
    """The user's own file of these weights, if there is one: under the name of the architecture, or under torchvision's,
    such as resnet50-0676ba61.pth."""
    study = study_of_weights(wildcards)
    name = study["model"]["name"].rpartition("/")[2]  # of torchvision/resnet18
    suffix = {"pytorch": "pth", "keras": "h5"}[study["backend"]]
    folder = Path(DATA_ROOT, "weights")
    found = (folder / f"{name}.{suffix}", *sorted(folder.glob(f"{name}-*.{suffix}")))
    return next((path for path in found if path.exists()), None)


def given_weights(wildcards, resources):
    return str(file_of_weights(wildcards) or "")


def contents_of_weights(wildcards):
    """Of the user's file: the same bytes elsewhere, or with another time stamp, are the same weights."""
    file = file_of_weights(wildcards)
    return contents_of({"": file} if file else {})


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


def own_weights(wildcards):
    """The user's own file of weights that a study's nets begin with."""
    weights = STUDIES[wildcards.study]["model"]["weights"]
    if not is_file(weights):
        raise WorkflowError(f"{wildcards.study} begins with no file of weights")
    return ancient(local(weights))  # its bytes are compared, not its time stamp


def contents_of_own_weights(wildcards):
    return contents_of({"": Path(STUDIES[wildcards.study]["model"]["weights"])})


def model_with_own_weights(wildcards):
    return sorted_keys(STUDIES[wildcards.study]["model"])


def code_of_own_weights(wildcards):
    """What a job that reads weights is covered by."""
    backend, model = STUDIES[wildcards.study]["backend"], STUDIES[wildcards.study]["model"]["name"]
    modules = [f"espalier.{backend}.{module}" for module in ("runtime", "pretrained")]
    return code_of_job(SCRIPTS / "read_weights.py", modules, [("model", model, backend)])
