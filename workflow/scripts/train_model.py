"""Rules train_model, regularize_model, finetune_model, scratch_model: train a net by a recipe, from new weights or a
parent's."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    train, profile = this.backend("train", "profile")
    given = {name: this.input[name] for name in ("parent", "dense") if this.input.get(name)}
    tensorboard = this.output.get("tensorboard")
    with this.timed("work"), whole(this.output.model) as model:
        trained = train.train_model(
            model,
            data=this.params.data,
            checkpoint=this.checkpoint,
            label=this.params.label,
            **given,
            **this.params.step,
            **({"tensorboard": tensorboard} if tensorboard else {}),
        )
    with this.timed("evaluate"):
        measured = profile.measure_model(this.output.model, this.params.data)
    this.record(trained, measured)
    this.forget_checkpoint()
