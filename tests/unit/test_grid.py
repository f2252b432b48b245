"""From a config to one job per node: what is run, on what, under which name."""

import copy
import csv
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from espalier.plan import grid
from espalier.plan.explain import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
RECORDED = PROJECT / "report" / "reference"
SMALL = {
    "backend": "pytorch",
    "dataset": {"name": "digits", "size": 32},
    "model": {"name": "vgg16_bn", "width": 0.25},
    "train": {"epochs": 2},
    "chains": [["train"]],
}
PRUNE = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 0.4}
L2 = {"penalty": "l2_groups", "prune_type": "filter_wise"}


def built(*chains, top=None, **study):
    return grid.build({"studies": {"a": SMALL | study | ({"chains": list(chains)} if chains else {})}} | (top or {}))


def nodes(*chains, **options):
    return [node.removeprefix("a/seed0/") for node in built(*chains, **options).jobs]


# Nodes


def test_every_prefix_of_a_chain_is_a_node_in_its_parents_folder():
    made = built(["train", {"prune": PRUNE}, "finetune"])
    train, prune, finetune = (
        "a/seed0/train",
        "a/seed0/train/prune~filter_wise~mean_abs~0.40",
        "a/seed0/train/prune~filter_wise~mean_abs~0.40/finetune",
    )
    assert [(job.node, job.parent, job.step) for job in made.jobs.values()] == [
        (train, None, "train"), (prune, train, "prune"), (finetune, prune, "finetune")
    ]  # fmt: skip
    assert [job.columns["chain"] for job in made.jobs.values()] == [
        "train", "train > prune", "train > prune > finetune"
    ]  # fmt: skip


def test_chains_share_the_steps_that_they_have_in_common():
    assert nodes(["train"], ["train", {"prune": PRUNE}], ["train", {"prune": PRUNE}, "finetune"]) == [
        "train", "train/prune~filter_wise~mean_abs~0.40", "train/prune~filter_wise~mean_abs~0.40/finetune"
    ]  # fmt: skip


def test_a_folder_whose_name_would_be_too_long_for_a_file_system_is_named_by_a_digest():
    ends = [list(range(1, last + 1)) for last in (80, 81)]  # names of 229 and 232 characters
    first, second = (
        nodes(["train"], [{"train": {"milestones": milestones}}], train={"epochs": 100})[1] for milestones in ends
    )
    assert first.startswith("train~milestones=1-2-3-") and first[:100] == second[:100] and first != second
    assert len(first) <= 200 and len(f"{first}.safetensors.checkpoint") <= 255


def test_a_data_set_whose_name_would_be_too_long_has_a_folder_too():
    path = "/a" + "/very/long/path" * 20
    data = {"name": "image_folder", "path": path, "size": 32}
    (folder,) = built(dataset=data).datasets()
    assert folder.startswith("image_folder_32x32x3_path-a-very-long-path") and len(folder) <= 200


def test_lists_in_a_step_are_expanded_as_a_product():
    step = {"prune_type": "filter_wise", "method": ["mean_abs", "sum"], "ratio": [0.2, 0.4]}
    assert nodes(["train", {"prune": step}])[1:] == [
        f"train/prune~filter_wise~{method}~{ratio}" for method in ("mean_abs", "sum") for ratio in ("0.20", "0.40")
    ]


def test_products_of_several_steps_are_multiplied():
    made = nodes(
        [
            {"train": {"learning_rate": [0.1, 0.2]}},
            {"prune": PRUNE | {"ratio": [0.1, 0.2, 0.3]}},
            {"finetune": {"epochs": [1, 2]}},
        ]
    )
    assert len(made) == 2 + 2 * 3 + 2 * 3 * 2
    assert "train~learning_rate=0.2/prune~filter_wise~mean_abs~0.30/finetune~epochs=1" in made


def test_a_list_of_alternatives_under_a_step_is_expanded_too():
    alternatives = [PRUNE | {"ratio": [0.2, 0.6]}, PRUNE | {"prune_type": "channel_wise"}]
    assert nodes(["train", {"prune": alternatives}])[1:] == [
        "train/prune~filter_wise~mean_abs~0.20",
        "train/prune~filter_wise~mean_abs~0.60",
        "train/prune~channel_wise~mean_abs~0.40",
    ]


def test_keys_that_are_lists_by_nature_are_one_value_and_vary_as_lists_of_lists():
    one = built([{"train": {"milestones": [1, 2]}}])
    assert [job.params["recipe"]["milestones"] for job in one.jobs.values()] == [[1, 2]]
    several = built([{"train": {"milestones": [[1], [1, 2], []]}}])
    assert [job.params["recipe"]["milestones"] for job in several.jobs.values()] == [[1], [1, 2], []]
    assert list(several.jobs) == [f"a/seed0/train~milestones={text}" for text in ("1", "1-2", "none")]


def test_augmentations_that_differ_have_folders_that_differ():
    vary = [[{"random_crop": 32}], [{"resize": 32}], ["horizontal_flip"], [{"random_crop": {"size": 32, "padding": 2}}]]
    assert nodes([{"train": {"augment": vary}}]) == [
        "train~augment=random_crop-32",
        "train~augment=resize-32",
        "train~augment=horizontal_flip",
        "train~augment=random_crop-padding-2-size-32",
    ]


def test_pruning_and_fine_tuning_can_be_repeated():
    again = PRUNE | {"ratio": 0.2}
    made = built(["train", {"prune": again}, "finetune", {"prune": again}, "finetune"])
    last = list(made.jobs)[-1]
    assert last == "a/seed0/train" + "/prune~filter_wise~mean_abs~0.20/finetune" * 2
    assert len(made.jobs) == 5


@pytest.mark.parametrize(
    "ratio, text",
    [
        (0, "0.00"), (0.0, "0.00"), (-0.0, "0.00"), (0.4, "0.40"), (0.40, "0.40"), (0.5, "0.50"), (0.25, "0.25"),
        (0.125, "0.125"), (0.999, "0.999"), (1e-05, "0.00001"), (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_ratios_are_text_however_they_are_written(ratio, text):
    job = list(built(["train", {"prune": PRUNE | {"ratio": ratio}}]).jobs.values())[-1]
    assert job.columns["ratio"] == job.params["ratio"] == text
    assert job.node.endswith(f"~{text}")


def test_values_of_a_step_are_in_its_folder_in_one_order_however_they_are_written():
    one = nodes([{"train": {"momentum": 0.9, "epochs": 3, **L2}}])
    other = nodes([{"train": {**dict(reversed(L2.items())), "epochs": 3, "momentum": 0.9}}])
    assert one == other == ["train~l2_groups~filter_wise~epochs=3~momentum=0.9"]


def test_a_folder_is_one_folder_whatever_its_values():
    study = {"backend": "keras", "model": {"name": "mlp"}}
    made = nodes([{"train": {"init": [{"name": "normal", "stddev": 0.1}, {"name": "glorot"}]}}], **study)
    assert made == ["train~init=normal-0.1", "train~init=glorot"]
    strange = nodes([{"train": {"learning_rate": 1e-05, "shuffle": False}}])
    assert strange == ["train~learning_rate=1e-05~shuffle=false"]


# Parameters


def recipes(*chains, **study):
    return {job.node.removeprefix("a/seed0/"): job.params["recipe"] for job in built(*chains, **study).jobs.values()}


def test_a_recipe_is_the_studys_with_what_the_step_changes():
    made = recipes(
        ["train", {"finetune": {"gamma": 0.5}}],
        train={"epochs": 5, "momentum": 0.9, "gamma": 0.2},
        finetune={"epochs": 3, "momentum": 0.8},
    )
    keys = ("epochs", "momentum", "gamma", "learning_rate", "batch_size")
    assert [made["train"][key] for key in keys] == [5, 0.9, 0.2, 0.05, 128]
    assert [made["train/finetune~gamma=0.5"][key] for key in keys] == [3, 0.8, 0.5, 0.05, 128]
    assert all("keep_penalty" not in recipe for recipe in made.values())


def penalties(made):
    return [(r["penalty"], r["prune_type"], r["coefficient"]) for r in made.values()]


@pytest.mark.parametrize("keep", [True, False])
def test_fine_tuning_keeps_the_penalty_of_the_training_if_told_to(keep):
    chain = [{"train": L2}, {"prune": PRUNE}, "finetune"]
    jobs = list(built(chain, train={"epochs": 1, "coefficient": 0.5}, finetune={"keep_penalty": keep}).jobs.values())
    assert penalties({0: jobs[0].params["recipe"]}) == [("l2_groups", "filter_wise", 0.5)]
    kept = ("l2_groups", "filter_wise", 0.5) if keep else (None, None, None)
    assert penalties({0: jobs[2].params["recipe"]}) == [kept]
    for job in jobs:  # what a net was regularised by stays in its record
        assert [job.columns[k] for k in ("penalty", "penalty_type", "coefficient")] == ["l2_groups", "filter_wise", 0.5]


def test_the_penalty_of_the_studys_recipe_is_kept_by_keep_penalty_only_too():
    study = {"train": {"epochs": 1, **L2}}
    made = penalties(recipes(["train", "finetune"], **study))
    assert made == [("l2_groups", "filter_wise", 1e-5), (None, None, None)]
    made = penalties(recipes(["train", "finetune"], **study, finetune={"keep_penalty": True}))
    assert made == [("l2_groups", "filter_wise", 1e-5)] * 2


def test_fine_tuning_may_have_a_penalty_and_a_coefficient_of_its_own():
    own = {"penalty": "group_lasso", "prune_type": "channel_wise", "coefficient": 0.1}
    chain = [{"train": L2}, "finetune"]
    assert penalties(recipes(chain, finetune=own))[1] == ("group_lasso", "channel_wise", 0.1)
    weaker = {"keep_penalty": True, "coefficient": 0.001}
    assert penalties(recipes(chain, finetune=weaker))[1] == ("l2_groups", "filter_wise", 0.001)
    assert penalties(recipes(["train", "finetune"], finetune={"keep_penalty": True}))[1] == (None, None, None)


def test_a_distilled_net_is_trained_by_the_recipe_of_fine_tuning_and_a_share_of_its_teachers_loss():
    chains = (["train", {"prune": PRUNE}, {"distill": {"weight": 0.5, "epochs": 3}}], ["train", "distill"])
    made = built(*chains, finetune={"learning_rate": 0.001})
    pruned, dense = (job for job in made.jobs.values() if job.step == "distill")
    assert pruned.node.endswith("prune~filter_wise~mean_abs~0.40/distill~epochs=3~weight=0.5")
    assert pruned.params["recipe"] | {"epochs": 3, "learning_rate": 0.001, "init": None} == pruned.params["recipe"]
    assert (pruned.params["temperature"], pruned.params["weight"]) == (4.0, 0.5)
    assert (dense.params["temperature"], dense.params["weight"]) == (4.0, 0.9)
    assert pruned.columns["retraining"] == dense.columns["retraining"] == "distill"
    assert pruned.label.endswith("0.40, distilled, seed 0")


@pytest.mark.parametrize("keys", [{"weight": 1.1}, {"weight": -0.1}, {"temperature": 0}, {"rewind": True}], ids=str)
def test_a_distillation_that_makes_no_sense_is_refused(keys):
    with pytest.raises(ConfigError, match=next(iter(keys))):
        built(["train", {"distill": keys}])


def test_a_coefficient_of_zero_is_kept_as_zero():
    made = penalties(recipes([{"train": {**L2, "coefficient": 0}}, {"finetune": {"keep_penalty": True}}]))
    assert made == [("l2_groups", "filter_wise", 0)] * 2


def test_regularize_trains_a_trained_net_further_with_its_penalty():
    made = built(["train", {"regularize": L2}, {"prune": PRUNE}, {"finetune": {"keep_penalty": True}}])
    assert [job.step for job in made.jobs.values()] == ["train", "regularize", "prune", "finetune"]
    columns = [job.columns["penalty"] for job in made.jobs.values()]
    assert columns == [None, "l2_groups", "l2_groups", "l2_groups"]


def test_only_the_first_training_draws_initial_weights():
    study = {"backend": "keras", "model": {"name": "mlp"}, "train": {"epochs": 1, "init": {"name": "glorot"}}}
    made = built(["train", "finetune"], **study)
    assert [job.params["recipe"]["init"] for job in made.jobs.values()] == [{"name": "glorot"}, None]
    assert [job.columns["init"] for job in made.jobs.values()] == ["glorot", "glorot"]


def test_the_method_is_the_prune_types_own_if_none_is_given():
    study = {"backend": "keras", "model": {"name": "mlp"}}
    job = list(built(["train", {"prune": {"prune_type": "weight", "ratio": 0.5}}], **study).jobs.values())[-1]
    seed = job.params.pop("seed")
    assert isinstance(seed, int)
    assert job.params == {"prune_type": "weight", "method": "magnitude", "ratio": "0.50", "scope": "layer"}
    assert job.node.endswith("prune~weight~magnitude~0.50")


def test_blocks_are_whole_numbers_in_the_library():
    step = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": [1, 16]}
    made = built(["train", {"prune": step}], model={"name": "resnet50"})
    assert [job.params.get("blocks") for job in made.jobs.values()] == [None, 1, 16]
    assert [job.columns["ratio"] for job in made.jobs.values()] == [None, None, None]


def test_a_job_names_the_registered_functions_that_it_uses():
    flip = {"train": {**L2, "augment": ["horizontal_flip"]}}
    train, prune, finetune = built([flip, {"prune": PRUNE}, "finetune"]).jobs.values()
    model = ("model", "vgg16_bn", "pytorch")
    assert set(train.uses) == {
        model, ("penalty", "l2_groups", "pytorch"), ("prune_type", "filter_wise", "pytorch"),
        ("augmentation", "horizontal_flip", "pytorch"),
    }  # fmt: skip
    assert set(prune.uses) == {model, ("prune_type", "filter_wise", "pytorch"), ("score", "mean_abs", "pytorch")}
    assert set(finetune.uses) == {model}


# Seeds


def test_seeds_do_not_depend_on_parameters():
    """All nets of a study start from the same weights and see the same batches: what differs is the method."""
    made = built([{"train": {"learning_rate": [0.1, 0.2]}}, {"prune": PRUNE | {"ratio": [0.1, 0.2]}}, "finetune"])
    seeds = {
        step: {job.params["seed"] for job in made.jobs.values() if job.step == step} for step in ("train", "finetune")
    }
    assert [len(s) for s in seeds.values()] == [1, 1]
    assert seeds["train"] != seeds["finetune"]


def test_a_step_that_is_repeated_gets_another_seed():
    made = built(["train", "finetune", {"prune": PRUNE}, "finetune"])
    seeds = [job.params["seed"] for job in made.jobs.values() if job.step == "finetune"]
    assert len(seeds) == len(set(seeds)) == 2


def test_seeds_differ_by_study_seed_and_place():
    seeds = {
        grid.step_seed(study, seed, position, step)
        for study in ("a", "b") for seed in (0, 1, 2) for position in (0, 1) for step in ("train", "finetune")
    }  # fmt: skip
    assert len(seeds) == 24 and all(0 <= seed < 2**31 for seed in seeds)


def test_a_seed_is_the_same_for_ever():
    """To derive seeds in another way changes every result. The SHA-256 of "a/0/0/train" begins with 6fcbda1c."""
    assert built().jobs["a/seed0/train"].params["seed"] == 0x6FCBDA1C == grid.step_seed("a", 0, 0, "train")


def test_every_seed_has_its_own_nodes():
    made = built(["train", {"prune": PRUNE}], top={"seeds": [0, 5]})
    assert [job.seed for job in made.jobs.values()] == [0, 0, 5, 5]
    assert len({job.node for job in made.jobs.values()}) == 4
    assert [job.node for job in made.of("a", 5)] == [n for n in made.jobs if n.startswith("a/seed5/")]


# Labels, columns, data sets


def test_labels_say_in_words_what_a_node_is():
    made = built([{"train": L2}, {"prune": PRUNE}, "finetune"], top={"seeds": [0, 1]})
    labels = [job.label for job in made.of("a", 1)]
    assert labels[0] == "vgg16_bn, l2_groups filter_wise, seed 1"
    assert labels[1] == "vgg16_bn, l2_groups filter_wise, filter_wise mean_abs 0.40, seed 1"
    assert built().jobs["a/seed0/train"].label == "vgg16_bn, seed 0"
    weights = {"prune_type": "weight", "ratio": 0.5, "scope": ["global", "layer"]}
    normalised = PRUNE | {"normalize": ["none", "layer"]}
    made = built(["train", {"prune": [weights, normalised]}])
    assert [job.label.split(", ")[1] for job in made.jobs.values()][1:] == [
        "weight magnitude 0.50", "weight magnitude 0.50 layer", "filter_wise mean_abs 0.40",
        "filter_wise mean_abs 0.40 normalized",
    ]  # fmt: skip


def test_more_seeds_leave_the_jobs_of_a_seed_as_they_are():
    """Else all that is there already would be run again: Snakemake compares a job's parameters with those it had."""
    chain = [{"train": L2}, {"prune": PRUNE}, "finetune", {"quantize": {"scheme": "float32"}}]
    one, three = (built(chain, top={"seeds": seeds}) for seeds in ([1], [0, 1, 2]))
    assert one.of("a", 1) == three.of("a", 1)


def test_the_frame_has_a_row_for_each_node_and_the_columns_of_a_record():
    config_ = {"studies": {"a": SMALL, "b": SMALL | {"chains": [["train", {"prune": PRUNE}]]}}}
    made = grid.build(config_)
    frame = made.frame()
    assert list(frame.columns) == list(grid.ALL) and list(frame["node"]) == list(made.jobs)
    assert list(made.frame("b")["node"]) == ["b/seed0/train", "b/seed0/train/prune~filter_wise~mean_abs~0.40"]
    assert frame.iloc[-1]["ratio"] == "0.40" and frame.iloc[-1]["parent"] == "b/seed0/train"


def test_every_job_has_every_column():
    made = grid.build(yaml.safe_load((PROJECT / "config.yaml").read_text()))
    assert all(tuple(job.columns) == grid.COLUMNS for job in made.jobs.values())


def test_a_data_set_is_prepared_once_for_all_studies_that_share_it():
    other = SMALL | {"dataset": {"name": "digits", "size": 32, "validation": 0.2, "mean": 0.5}}
    made = grid.build({"studies": {"a": SMALL, "b": SMALL, "c": other}})
    assert set(made.datasets()) == {"digits_32x32x3", "digits_32x32x3_validation0.2_mean0.5"}
    assert made.datasets()["digits_32x32x3"]["std"] == 0.225


def test_preprocessing_is_a_name_for_mean_std_and_order():
    def folder(**given):
        (found,) = grid.build(
            {"studies": {"a": SMALL | {"dataset": {"name": "digits", "size": 32, **given}}}}
        ).datasets()
        return found

    caffe = {"order": "bgr", "mean": [103.939 / 255, 116.779 / 255, 123.68 / 255], "std": 1 / 255}
    assert folder(preprocessing="caffe") == folder(**caffe) != folder(**caffe | {"order": "rgb"})
    assert folder(preprocessing="tf") == folder(mean=0.5, std=0.5, order="rgb") == "digits_32x32x3_mean0.5_std0.5"
    assert folder(preprocessing="torch") == folder(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def test_colours_are_not_changed_in_another_order():
    coloured = {"train": SMALL["train"] | {"augment": [{"color_jitter": 0.1}]}}
    assert built(["train"], **coloured)
    with pytest.raises(ConfigError, match="in the order RGB"):
        built(["train"], dataset={"name": "digits", "size": 32, "order": "bgr"}, **coloured)


def test_only_the_studies_that_are_asked_for_are_run_and_all_are_checked():
    two = {"studies": {"a": SMALL, "b": SMALL}, "run": ["b"]}
    made = grid.build(two)
    assert list(made.studies) == ["b"] and list(made.jobs) == ["b/seed0/train"]
    wrong = copy.deepcopy(two)
    wrong["studies"]["a"]["chains"] = [["finetune"]]
    with pytest.raises(ConfigError, match=r"studies\.a\.chains\[0\]"):
        grid.build(wrong)
    wrong["studies"]["a"] = SMALL | {"latency": {"ratio": [0.3]}}
    with pytest.raises(ConfigError, match=r"studies\.a\.latency"):
        grid.build(wrong)


# Latency


# Amounts of what is left


@pytest.mark.parametrize(
    "amount, text, folder",
    [
        ({"macs": 0.5}, "macs 0.50", "macs=0.50"),
        ({"params": 0.125}, "params 0.125", "params=0.125"),
        ({"speed_up": 2.0}, "speed_up 2", "speed_up=2"),
        ({"compression": 8}, "compression 8", "compression=8"),
        ({"size_mib": 1.50}, "size_mib 1.5", "size_mib=1.5"),
    ],
)
def test_what_is_to_be_left_names_the_node_and_is_told_apart_from_a_ratio(amount, text, folder):
    step = {"prune_type": "filter_wise", "method": "mean_abs"}
    job = last("train", {"prune": step | amount})
    assert job.node == f"a/seed0/train/prune~filter_wise~mean_abs~{folder}"
    (key, value) = text.split()
    assert job.params == step | {key: value, "scope": "global", "seed": job.params["seed"]}
    assert (job.columns["asked"], job.columns["ratio"]) == (text, None) and text in job.label
    assert job.function == "amounts.prune_model"


def test_a_node_that_was_asked_for_no_cost_does_not_know_of_it():
    ratio = last("train", {"prune": PRUNE})
    assert "asked" not in ratio.columns and ratio.function == "prune.prune_model"
    again = last("train", {"prune": {"prune_type": "filter_wise", "macs": 0.5}}, "finetune", {"prune": PRUNE})
    assert "asked" not in again.columns and again.columns["ratio"] == "0.40"


def test_what_layers_keep_is_a_param_where_it_is_not_the_usual():
    usual, given, other = (
        last("train", {"prune": PRUNE | kept}) for kept in ({}, {"multiple": 8}, {"multiple": 1, "least": 0.1})
    )
    assert (given.node, given.params) == (usual.node, usual.params)
    assert other.params == usual.params | {"multiple": 1, "least": 0.1}
    assert other.node == f"{usual.node}~least=0.1~multiple=1"


LATENCY = {"chains": [["train", {"prune": PRUNE | {"ratio": [0.2, 0.4], "method": ["mean_abs", "sum"]}}, "finetune"]]}


def timed(latency):
    made = built(**LATENCY, latency=latency)
    return [node.removeprefix("a/seed0/train").lstrip("/") for node in made.timed("a", 0)]


def test_latency_times_what_it_selects_and_the_dense_nets():
    assert timed({"ratio": [0.4], "method": ["sum"]}) == [
        "", "prune~filter_wise~sum~0.40", "prune~filter_wise~sum~0.40/finetune"
    ]  # fmt: skip
    assert len(timed({"ratio": [0.4]})) == 1 + 4
    assert len(timed({"ratio": [0.40, 0.2], "prune_type": ["filter_wise"]})) == 1 + 8


def test_latency_without_a_selection_times_everything():
    assert len(timed({})) == 1 + 8


def test_without_latency_nothing_is_timed():
    assert built(**LATENCY).timed("a", 0) == {}


def test_a_net_is_compared_with_the_dense_one_as_the_same_runtime_runs_it():
    quantize = {"quantize": {"scheme": ["float32", "static_int8"]}}
    chains = [["train", quantize], ["train", {"prune": PRUNE}, quantize]]
    made = built(*chains, latency={"scheme": ["none", "static_int8"]})
    dense, pruned = "a/seed0/train", "a/seed0/train/prune~filter_wise~mean_abs~0.40"
    assert made.timed("a", 0) == {
        dense: dense,
        f"{dense}/quantize~float32": f"{dense}/quantize~float32",
        f"{dense}/quantize~static_int8": f"{dense}/quantize~float32",
        pruned: dense,
        f"{pruned}/quantize~static_int8": f"{dense}/quantize~float32",
    }
    assert list(built(*chains, latency={}).timed("a", 0)) == [dense, pruned]


def test_a_quantized_net_is_compared_with_the_dense_net_of_the_same_initial_weights():
    inits = {"init": [{"name": "glorot"}, {"name": "normal", "stddev": 0.1}]}
    quantize = {"quantize": {"scheme": ["float32", "dynamic_int8"]}}
    mlp = {"model": {"name": "mlp"}, "dataset": {"name": "digits", "size": 28, "channels": 1}}
    made = built(["train", quantize], [{"train": inits}, quantize], latency={"scheme": ["dynamic_int8"]}, **KERAS | mlp)
    trained = ["a/seed0/train", "a/seed0/train~init=glorot", "a/seed0/train~init=normal-0.1"]
    assert made.timed("a", 0) == {
        f"{node}/quantize~{scheme}": f"{node}/quantize~float32"
        for node in trained
        for scheme in ("float32", "dynamic_int8")
    }


# Cost


def test_the_grid_is_built_without_a_framework():
    program = (
        "import sys, yaml; from espalier.plan import grid; from espalier.run import code;"
        f"made = grid.build(yaml.safe_load(open({str(PROJECT / 'config.yaml')!r})));"
        "[code.code_of_job('run_step.py', ['espalier.pytorch.train'], job.uses) for job in made.jobs.values()];"
        "made.frame();"
        "print(len(made.jobs), sorted({'torch', 'tensorflow', 'tf_keras', 'torchvision'} & set(sys.modules)))"
    )
    scripts = PROJECT / "workflow" / "scripts"
    done = subprocess.run([sys.executable, "-c", program], cwd=scripts, capture_output=True, text=True, check=True)
    number, loaded = done.stdout.split(maxsplit=1)
    assert int(number) > 50 and loaded.strip() == "[]"


def test_every_job_comes_from_the_training_its_chain_begins_with():
    built = grid.build(yaml.safe_load((PROJECT / "config.yaml").read_text()))
    for job in built.jobs.values():
        assert built.trained(job) == "/".join(job.node.split("/")[:3])


# Steps of all kinds


def last(*chain, **study):
    return list(built(list(chain), **study).jobs.values())[-1]


def test_single_weights_go_by_ratio_threshold_or_pattern():
    amounts = ({"ratio": 0.5}, {"threshold": 0.001}, {"pattern": "2:4"})
    jobs = [last("train", {"prune": {"prune_type": "weight"} | amount}) for amount in amounts]
    assert [job.node.rpartition("/")[2] for job in jobs] == [
        "prune~weight~magnitude~0.50", "prune~weight~magnitude~0.001", "prune~weight~magnitude~2-4"
    ]  # fmt: skip
    assert [[job.columns[key] for key in ("ratio", "threshold", "pattern")] for job in jobs] == [
        ["0.50", None, None], [None, 0.001, None], [None, None, "2:4"]
    ]  # fmt: skip


def test_a_scope_is_in_the_folder_only_if_it_is_given():
    own, given = (last("train", {"prune": PRUNE | scope}) for scope in ({}, {"scope": "layer"}))
    assert own.columns["scope"] == own.params["scope"] == "global" and own.node.endswith("~0.40")
    assert given.columns["scope"] == given.params["scope"] == "layer" and given.node.endswith("~0.40~layer")


KERAS = {
    "backend": "keras",
    "dataset": {"name": "digits", "size": 32},
    "model": {"name": "cifar10_cnn"},
    "train": {"epochs": 2, "optimizer": "adam"},
    "finetune": {"epochs": 5, "learning_rate": 0.01},
}


def test_scores_divided_by_their_mean_are_a_param_and_a_scope_of_their_own():
    plain, own = (last("train", {"prune": PRUNE | more}) for more in ({}, {"normalize": "layer"}))
    assert "normalize" not in plain.params and own.params == plain.params | {"normalize": "layer"}
    assert (plain.columns["scope"], own.columns["scope"]) == ("global", "normalized")
    assert own.node == f"{plain.node}~normalize=layer"
    assert last("train", {"prune": PRUNE | {"normalize": "none"}}).params == plain.params


def test_a_score_that_was_published_with_normalized_layers_has_them_where_layers_compete():
    group = PRUNE | {"method": "depgraph"}
    found = [last("train", {"prune": group | more}) for more in ({}, {"normalize": "none"}, {"scope": "layer"})]
    assert [job.params.get("normalize") for job in found] == ["layer", None, None]
    assert [job.columns["scope"] for job in found] == ["normalized", "global", "layer"]


SNIP = {"prune_type": "weight", "method": "snip", "ratio": 0.9}


def test_weights_go_back_to_the_epoch_at_which_the_learning_rates_begin():
    weights = {"prune": {"prune_type": "weight", "ratio": 0.5}}
    rewound = {"finetune": {"rewind": True, "rewind_weights": True, "epochs": 2}}
    train, _, job = built(["train", weights, rewound], train={"epochs": 5}).jobs.values()
    assert job.params["recipe"]["offset"] == 3
    assert job.params["origin"] == {"recipe": train.params["recipe"], "seed": train.params["seed"], "epochs": 3}
    assert job.columns["retraining"] == "rewind_weights"
    assert "origin" not in last("train", weights, {"finetune": {"rewind": True}}).params


def test_a_net_that_is_pruned_before_training_begins_and_is_trained_as_the_dense_one():
    jobs = list(built(["train"], ["init", {"prune": SNIP}, {"train_pruned": {"epochs": 3}}]).jobs.values())
    dense, start, pruned, trained = jobs
    assert [job.node for job in jobs[1:]] == [
        "a/seed0/init",
        "a/seed0/init/prune~weight~snip~0.90",
        "a/seed0/init/prune~weight~snip~0.90/train_pruned~epochs=3",
    ]
    assert dense.params["seed"] == start.params["seed"] == trained.params["seed"] != pruned.params["seed"]
    assert start.function == "given.write_model" and start.params["model"] == dense.params["model"]
    assert trained.params["recipe"] == dense.params["recipe"] | {"epochs": 3}
    assert (trained.columns["retraining"], trained.columns["epochs"]) == ("train_pruned", 3)


@pytest.mark.parametrize(
    "short, spelt_out",
    [
        ({"quantize": {"scheme": "static_int8"}}, {"calibration": "minmax", "keep_float": 0}),
        ({"prune": PRUNE}, {"normalize": "none", "multiple": 8}),
        ({"prune": PRUNE | {"method": "depgraph"}}, {"normalize": "layer"}),
        ({"finetune": {"epochs": 2}}, {"rewind": False, "rewind_weights": False, "keep_penalty": False}),
    ],
)
def test_a_default_that_is_spelt_out_is_the_same_node(short, spelt_out):
    ((kind, keys),) = short.items()
    assert nodes(["train", {kind: keys | spelt_out}]) == nodes(["train", short])


def test_a_switch_that_differs_from_the_study_s_is_told():
    assert nodes(["train", {"finetune": {"rewind": [True, False]}}], finetune={"epochs": 1, "rewind": True}) == [
        "train",
        "train/finetune",
        "train/finetune~rewind=false",
    ]


def test_pytorch_prunes_gradually_in_each_layer_by_a_function_of_its_own():
    step = {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual", "every": 3}}
    job, at_once = (last("train", given) for given in (step, {"prune": {"prune_type": "weight", "ratio": 0.5}}))
    assert (job.function, at_once.function) == ("gradual.prune_model", "prune.prune_model")
    assert (job.params["scope"], at_once.params["scope"]) == ("layer", "global")
    assert job.params["gradual"] == {"initial": 0.0, "begin": 0.0, "end": 0.8, "every": 3}
    assert job.columns["schedule"] == "gradual" and job.params["recipe"]["select"] == "last"


def test_gradual_pruning_trains_by_the_recipe_of_fine_tuning():
    job = last("train", {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual", "end": 0.7}}, **KERAS)
    assert job.node.endswith("prune~weight~magnitude~0.50~gradual~end=0.7")
    assert job.params["gradual"] == {"initial": 0.0, "begin": 0.0, "end": 0.7, "every": 5}
    usual = last("train", {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual"}}, **KERAS)
    assert usual.params["gradual"] == {"initial": 0.0, "begin": 0.0, "end": 0.8, "every": 5}
    recipe = job.params["recipe"]
    assert (recipe["epochs"], recipe["learning_rate"], recipe["optimizer"]) == (5, 0.01, "adam")
    assert (job.columns["schedule"], job.columns["epochs"]) == ("gradual", 5)
    again = last(
        "train", {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual", "epochs": 1}}, **KERAS
    )
    assert again.params["recipe"]["epochs"] == again.columns["epochs"] == 1


def test_a_quantized_net_is_known_by_what_was_pruned_before():
    job = last("train", {"prune": PRUNE}, "finetune", {"quantize": {"scheme": "static_int8"}})
    assert job.node.endswith("/finetune/quantize~static_int8") and job.step == "quantize"
    assert (job.columns["prune_type"], job.columns["ratio"], job.columns["scheme"]) == (
        "filter_wise", "0.40", "static_int8"
    )  # fmt: skip
    assert job.params["calibration_images"] == 128 and "recipe" not in job.params
    assert ("scheme", "static_int8", "pytorch") in job.uses
    assert job.label == "vgg16_bn, filter_wise mean_abs 0.40, static_int8, seed 0"


def test_quantization_aware_training_trains_by_the_recipe_of_fine_tuning():
    job = last("train", {"quantize": {"scheme": "qat_int8", "epochs": 1}}, **KERAS)
    assert (job.params["recipe"]["epochs"], job.params["recipe"]["learning_rate"]) == (1, 0.01)
    assert job.params["calibration_images"] == 128 and job.columns["epochs"] == 1


def test_classes_are_in_the_name_of_a_data_set():
    data = {"name": "digits", "size": 32, "classes": ["3", "8"]}
    assert list(built(dataset=data).datasets()) == ["digits_32x32x3_classes3-8"]


# Training after pruning


SCHEDULE = {"epochs": 10, "learning_rate": 0.2, "warmup_epochs": 1, "warmup_from": 0.1, "milestones": [5, 8]}


def test_the_order_of_keys_in_a_config_is_none_of_a_jobs_params():
    recipe = {"epochs": 5, "augment": [{"random_crop": {"size": 32, "padding": 2}}]}
    orders = []
    for turned in (dict, lambda table: dict(reversed(table.items()))):
        crop = {"random_crop": turned(recipe["augment"][0]["random_crop"])}
        made = built([{"train": turned({"epochs": 2, "momentum": 0.5})}], train=turned(recipe | {"augment": [crop]}))
        orders.append(repr([(node, job.params, job.columns) for node, job in made.jobs.items()]))
    assert orders[0] == orders[1]


def test_from_scratch_the_recipe_is_that_of_the_chains_training_without_its_penalty():
    chain = [{"train": L2 | {"batch_size": 64}}, {"prune": PRUNE}, {"scratch": {"gamma": 0.5}}]
    made = built(chain, train={"epochs": 5, "momentum": 0.9, "coefficient": 0.3}, scratch={"momentum": 0.8})
    job = list(made.jobs.values())[-1]
    assert (
        job.node
        == "a/seed0/train~l2_groups~filter_wise~batch_size=64/prune~filter_wise~mean_abs~0.40/scratch~gamma=0.5"
    )
    recipe = job.params["recipe"]
    assert [recipe[key] for key in ("epochs", "batch_size", "momentum", "gamma")] == [5, 64, 0.8, 0.5]
    assert "budget" not in recipe and penalties({0: recipe}) == [(None, None, None)]
    assert job.params["scratch"] == "epochs" and job.params["model"] == {"name": "vgg16_bn", "width": 0.25} | {
        "weights": "random", "fallback": None
    }  # fmt: skip


def columns(job, *keys):
    return [job.columns[key] for key in keys]


def test_a_net_from_scratch_was_not_regularised_but_its_shape_is_that_of_a_pruned_one():
    job = last({"train": L2}, {"prune": PRUNE}, "scratch")
    assert columns(job, "penalty", "penalty_type", "coefficient") == [None, None, None]
    assert columns(job, "prune_type", "ratio", "epochs") == ["filter_wise", "0.40", 2]
    assert columns(job, "retraining", "budget", "weights") == ["scratch", "epochs", "random"]
    tuned = last({"train": L2}, {"prune": PRUNE}, "scratch", {"finetune": {"keep_penalty": True}})
    assert columns(tuned, "penalty", "retraining", "budget") == [None, "finetune", "epochs"]
    own = last({"train": L2}, {"prune": PRUNE}, {"scratch": L2 | {"coefficient": 0.5}})
    assert columns(own, "penalty", "penalty_type", "coefficient") == ["l2_groups", "filter_wise", 0.5]


def test_from_scratch_the_initial_weights_are_random_whatever_the_training_began_with():
    imagenet = {"model": {"name": "vgg16_bn", "weights": "imagenet"}}
    chain = ["train", {"prune": PRUNE}, "scratch", {"quantize": {"scheme": "float32"}}]
    assert [job.columns["weights"] for job in built(chain, **imagenet).jobs.values()] == ["imagenet"] * 2 + [
        "random"
    ] * 2


def test_from_scratch_the_initialisation_is_that_of_the_training_unless_another_is_given():
    study = {"backend": "keras", "model": {"name": "mlp"}}
    units = {"prune": {"prune_type": "unit", "ratio": 0.5}}
    train = {"train": {"init": {"name": "glorot"}}}
    job = last(train, units, "scratch", **study)
    assert job.params["recipe"]["init"] == {"name": "glorot"} and job.columns["init"] == "glorot"
    assert ("init", "glorot", "keras") in job.uses
    other = last(train, units, {"scratch": {"init": {"name": "normal", "stddev": 0.1}}}, **study)
    assert columns(other, "init") == ["normal-0.1"]


def test_how_long_a_training_for_equal_flops_is_its_job_works_out():
    job = last("train", {"prune": PRUNE}, {"scratch": {"budget": "flops"}}, {"quantize": {"scheme": "float32"}})
    assert job.parent.endswith("/scratch~flops") and columns(job, "epochs", "budget") == [None, "flops"]
    job = last("train", {"prune": PRUNE}, "scratch", scratch={"budget": "flops"})
    assert job.node.endswith("/scratch") and job.params["scratch"] == "flops"
    # Single weights go too here, but after filters: the net has fewer MACs.
    both = last(
        "train", {"prune": PRUNE}, {"prune": {"prune_type": "weight", "ratio": 0.5}}, {"scratch": {"budget": "flops"}}
    )
    assert both.params["scratch"] == "flops"


def test_from_scratch_a_net_can_be_pruned_and_trained_on():
    chain = ["train", {"prune": PRUNE}, "scratch", {"prune": PRUNE}, "scratch", "finetune"]
    made = list(built(chain).jobs.values())
    assert [job.columns["retraining"] for job in made] == [None, None, "scratch", None, "scratch", "finetune"]
    seeds = [job.params["seed"] for job in made]
    assert len(set(seeds)) == 6  # new weights each time


def rewound(*chain, **study):
    recipe = last("train", {"prune": PRUNE}, *chain, **{"train": SCHEDULE} | study).params["recipe"]
    keys = ("epochs", "offset", "learning_rate", "warmup_epochs", "warmup_from", "milestones", "gamma")
    assert "rewind" not in recipe
    return [recipe.get(key) for key in keys]


def test_rewound_fine_tuning_takes_the_schedule_of_the_training():
    schedule = [0.2, 1, 0.1, [5, 8], 0.1]
    tuning = {"epochs": 3, "milestones": [1], "learning_rate": 0.01, "warmup_epochs": 0}
    assert rewound({"finetune": {"rewind": True}}, finetune=tuning) == [3, 7, *schedule]
    assert rewound({"finetune": {"rewind": True, "epochs": 10}}, finetune=tuning) == [10, 0, *schedule]
    assert rewound({"finetune": {"rewind": True}}) == [10, 0, *schedule]  # all epochs, if none are given
    assert rewound("finetune", finetune={"rewind": True, "epochs": 4, "momentum": 0.5}) == [4, 6, *schedule]
    assert rewound("finetune", finetune=tuning) == [3, None, 0.01, 0, 0.1, [1], 0.1]
    usual = {"finetune": {"rewind": False, "learning_rate": 0.01}}
    assert rewound(usual, finetune={"rewind": True, "epochs": 4}) == [4, None, 0.01, 1, 0.1, [5, 8], 0.1]


def test_a_recipe_names_a_schedule_and_an_average_only_where_there_is_one():
    new = {"schedule", "rise", "ema"}
    assert not new & set(last("train", train=SCHEDULE).params["recipe"])
    cycle = {"epochs": 10, "schedule": "one_cycle", "learning_rate": 0.1, "ema": 0.99}
    recipe = last("train", train=cycle).params["recipe"]
    assert {key: recipe[key] for key in new} == {"schedule": "one_cycle", "rise": 0.25, "ema": 0.99}
    tuning = {"epochs": 3, "schedule": "milestones", "learning_rate": 0.01, "ema": None}
    assert not new & set(last("train", "finetune", train=cycle, finetune=tuning).params["recipe"])
    again = last("train", {"finetune": {"rewind": True}}, train=cycle, finetune={"epochs": 3}).params["recipe"]
    assert (again["schedule"], again["rise"], again["offset"], again["learning_rate"]) == ("one_cycle", 0.25, 7, 0.1)
    scratch = last("train", {"prune": PRUNE}, "scratch", train=cycle).params["recipe"]
    assert (scratch["schedule"], scratch["epochs"]) == ("one_cycle", 10)


def test_rewinding_is_to_the_training_that_the_weights_come_from():
    own = {"train": {"epochs": 6, "milestones": [4], "batch_size": 32, "momentum": 0.9}}
    keys = ("epochs", "offset", "milestones", "batch_size", "momentum")
    job = last(own, {"prune": PRUNE}, {"finetune": {"rewind": True}}, train=SCHEDULE)
    assert [job.params["recipe"][key] for key in keys] == [6, 0, [4], 32, 0.9]
    job = last(own, {"prune": PRUNE}, {"finetune": {"rewind": True}}, train=SCHEDULE, finetune={"batch_size": 64})
    assert [job.params["recipe"][key] for key in keys] == [6, 0, [4], 64, 0.9]
    anew = {"scratch": {"epochs": 8, "milestones": [7]}}
    job = last(own, {"prune": PRUNE}, anew, {"finetune": {"rewind": True, "epochs": 2}}, train=SCHEDULE)
    assert [job.params["recipe"][key] for key in ("epochs", "offset", "milestones")] == [2, 6, [7]]


def test_only_fine_tuning_is_rewound():
    study = KERAS | {"finetune": {"epochs": 1, "rewind": True}}
    slow = {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual", "learning_rate": 0.3}}
    for step in (slow, {"quantize": {"scheme": "qat_int8", "learning_rate": 0.3}}):
        job = last("train", step, **study)
        assert "offset" not in job.params["recipe"] and job.params["recipe"]["learning_rate"] == 0.3
        assert job.columns["retraining"] is None


def test_a_rewound_net_and_one_from_scratch_are_named_so():
    assert last("train", {"prune": PRUNE}, {"finetune": {"rewind": True}}).label.endswith("0.40, rewound, seed 0")
    assert last("train", {"prune": PRUNE}, "scratch").label.endswith("0.40, from scratch, seed 0")


def test_whatever_comes_of_a_net_that_was_chosen_by_its_test_images_is_marked():
    train = {"train": {"select": "best_test"}}
    tuned = {"finetune": {"select": "last"}}
    chain = [train, {"prune": PRUNE}, tuned, {"quantize": {"scheme": "float32"}}]
    assert {job.columns["select"] for job in built(chain).jobs.values()} == {"best_test"}
    made = built(["train", {"prune": PRUNE}, {"finetune": {"select": "best_validation"}}])
    assert [job.columns["select"] for job in made.jobs.values()] == ["last", "last", "best_validation"]


def test_gradual_pruning_ends_with_its_last_epoch():
    """Before it the net may be better, and not as sparse as it is to be."""
    slow = {"prune": {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual"}}
    job = last("train", slow, **KERAS | {"train": KERAS["train"] | {"select": "best_validation"}})
    assert job.params["recipe"]["select"] == "last" == job.columns["select"]
    qat = last("train", {"quantize": {"scheme": "qat_int8"}}, **KERAS | {"finetune": {"select": "best_validation"}})
    assert qat.params["recipe"]["select"] == "best_validation" == qat.columns["select"]


# The default run


@pytest.fixture(scope="module")
def default():
    return grid.build(yaml.safe_load((PROJECT / "config.yaml").read_text()))


def test_each_study_of_the_default_run_times_a_pruned_net_that_is_not_quantized(default):
    """Else it could not say whether pruning makes prediction faster. Where all pruning leaves zeros it does not."""
    for study in ("cifar100_vgg16_bn", "cifar100_resnet50", "cifar10_conv", "mnist_mlp"):
        found = [default.jobs[node].columns for node in default.timed(study, 0)]
        assert any(c["prune_type"] and c["scheme"] in (None, "float32") for c in found), study
        assert any(c["prune_type"] and c["scheme"] == "static_int8" for c in found) or study == "mnist_mlp", study


def test_the_default_run_has_all_published_quantized_nets(default):
    """Cats and dogs, VGG16 as TFLite: of the dense net none, dynamic range and float16, of the pruned one none and
    dynamic range; and the two schemes that the document only describes."""
    found = {
        (job.columns["ratio"], job.columns["scheme"])
        for job in default.of("cats_dogs_vgg16", 0)
        if job.columns["scheme"] and (job.columns["schedule"] == "gradual" or not job.columns["prune_type"])
    }
    dense = {(None, scheme) for scheme in ("float32", "dynamic_int8", "float16", "static_int8", "qat_int8")}
    assert found >= dense | {("0.90", "float32"), ("0.90", "dynamic_int8")}


@pytest.mark.parametrize("run", sorted(path.parent.name for path in RECORDED.glob("*/config.yaml")))
def test_the_config_beside_a_recorded_run_makes_the_very_nets_of_that_run(run):
    made = grid.build(yaml.safe_load((RECORDED / run / "config.yaml").read_text()))
    with (RECORDED / run / "results.csv").open(newline="") as file:
        assert list(made.jobs) == [row["node"] for row in csv.DictReader(file)]
