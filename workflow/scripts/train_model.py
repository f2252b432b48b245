"""Rules train_model, regularize_model, finetune_model: train a net by a recipe, from new weights or a parent's."""

from espalier.files import whole
from espalier.job import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    train, profile = this.backend("train", "profile")
    parent, tensorboard = this.input.get("parent"), this.output.get("tensorboard")
    with this.timed("work"), whole(this.output.model) as model:
        trained = train.train_model(
            model,
            data=this.params.data,
            parent=parent,
            checkpoint=this.checkpoint,
            label=this.params.label,
            **this.params.step,
            **({"tensorboard": tensorboard} if tensorboard else {}),
        )
    with this.timed("evaluate"):
        measured = profile.measure_model(this.output.model, this.params.data)
    this.record(trained, measured)
    this.forget_checkpoint()
