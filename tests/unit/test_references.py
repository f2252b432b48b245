"""Which dense net the others are compared with."""

from a_run import Run, by_ratio, gradual, penalised


def test_root_dense_and_variant(tmp_path):
    run = Run(tmp_path)
    for seed in (0, 1):
        run.chain(seed=seed)
        run.chain(penalised("filter_wise"), by_ratio("filter_wise", "sum", "0.20"), seed=seed, before=10.0, after=80.0)
    results = run.load().results.set_index("node")
    last = results.loc["s/seed1/train~l2_groups~filter_wise/prune~filter_wise~sum~0.20/finetune"]
    assert last["root"] == "s/seed1/train~l2_groups~filter_wise"
    assert last["dense"] == "s/seed1/train"
    assert last["variant"] == "train~l2_groups~filter_wise/prune~filter_wise~sum~0.20/finetune"


def test_each_initialisation_has_its_own_dense_net(tmp_path):
    run = Run(tmp_path)
    for init in ("normal-0.1", "glorot"):
        run.chain({"init": init}, by_ratio("weight", "magnitude", "0.50"), before=50.0)
    results = run.load().results
    assert (results["dense"] == results["root"]).all() and results["dense"].nunique() == 2


def test_each_net_has_the_dense_net_of_equal_epochs(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    _, control = (run.add("finetune", dense, name=f"epochs={n}", columns={"epochs": n}) for n in (2, 3))
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))  # trained for 3 epochs more
    longer = run.add("prune", dense, columns=gradual("0.75", epochs=9))
    at_once = run.add("prune", dense, columns=by_ratio("weight", "magnitude", "0.50"))
    made = [run.quantize(net, "qat_int8") for net in (slow, at_once, dense)]
    results = run.load().results.set_index("node")
    nets = [net["node"] for net in (dense, slow, longer, at_once, *made)]
    assert results["trained"].loc[nets].tolist() == [6, 9, 15, 6, 9, 6, 6]
    own, nine = dense["node"], control["node"]
    assert results["reference"].loc[nets].fillna("none").tolist() == [own, nine, "none", own, nine, own, own]
    assert (results["dense"] == dense["node"]).all()


def test_weights_that_went_back_to_an_epoch_were_trained_as_long_as_the_dense_net(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")  # 6 epochs
    pruned = run.add("prune", dense, columns=by_ratio("weight", "magnitude", "0.50"))
    rewound = run.add("finetune", pruned, columns={"epochs": 4, "retraining": "rewind_weights"}, name="a")
    usual = run.add("finetune", pruned, columns={"epochs": 4, "retraining": "rewind"}, name="b")
    quantized = run.quantize(rewound, "static_int8")
    results = run.load().results.set_index("node")
    nets = [net["node"] for net in (rewound, usual, quantized)]
    assert results["trained"].loc[nets].tolist() == [6, 10, 6]
    assert results["epochs_total"].loc[nets].tolist() == [10, 10, 10]
    assert results["reference"].loc[nets].fillna("none").tolist() == [dense["node"], "none", dense["node"]]


def test_a_net_that_was_pruned_before_training_is_compared_with_the_one_that_was_trained_dense(tmp_path):
    run = Run(tmp_path)
    start, dense = run.add("init", columns={"epochs": None, "select": None}), run.add("train")
    pruned = run.add("prune", start, columns=by_ratio("weight", "snip", "0.50"))
    trained = run.add("train_pruned", pruned, columns={"epochs": 6, "select": "last"})
    results = run.load().results.set_index("node")
    nets = [net["node"] for net in (start, pruned, trained)]
    assert results["trained"].loc[nets].tolist() == [0, 0, 6]
    assert (results["dense"].loc[nets] == dense["node"]).all()
    assert results["reference"].loc[nets].fillna("none").tolist() == ["none", "none", dense["node"]]


def test_a_dense_net_is_its_own_reference(tmp_path):
    run = Run(tmp_path)
    first = run.add("train")
    longer = run.add("finetune", first, columns={"epochs": 3})
    again = run.add("finetune", first, columns={"epochs": 3}, name="batch_size=8")  # as many epochs by another recipe
    results = run.load().results.set_index("node")
    for net in (first, longer, again):
        assert results.loc[net["node"], "reference"] == net["node"]


def test_of_several_of_equal_epochs_it_is_the_one_fine_tuned_by_the_same_steps(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.50"))
    controls = [run.add("finetune", dense, name=name, columns={"epochs": 3}) for name in ("epochs=3", "batch_size=8")]
    tuned = run.add("finetune", pruned, name="batch_size=8", columns={"epochs": 3})
    results = run.load().results.set_index("node")
    assert results.loc[tuned["node"], "reference"] == controls[1]["node"]


def test_a_reference_is_of_the_same_initial_weights_and_the_same_penalty(tmp_path):
    run = Run(tmp_path)
    first = run.add("train", top1=90.0)
    second = run.add("train", columns={"init": "glorot"}, top1=80.0)
    control = run.add("finetune", second, top1=85.0)
    lasso = run.add("train", columns=penalised("filter_wise"))
    control_of_lasso = run.add("finetune", lasso)
    for root in (first, second, lasso):
        run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50")))
    results = run.load().results.set_index("node")
    tuned = results[(results["step"] == "finetune") & results["prune_type"].notna()]
    assert tuned["dense"].tolist() == [first["node"], second["node"], first["node"]]
    assert tuned["reference"].fillna("none").tolist() == ["none", control["node"], control_of_lasso["node"]]
    pruned = results[(results["step"] == "prune") & (results["root"] == lasso["node"])]
    assert pruned["reference"].tolist() == [lasso["node"]]
    assert results.loc[lasso["node"], "reference"] == first["node"]  # what the penalty does by itself


def test_without_a_penalised_control_a_net_is_compared_with_the_dense_net_of_its_epochs(tmp_path):
    run = Run(tmp_path)
    control = run.add("finetune", run.add("train"))
    lasso = run.add("train", columns=penalised("filter_wise"))
    tuned = run.add("finetune", run.add("prune", lasso, columns=by_ratio("filter_wise", "sum", "0.50")))
    again = run.add("scratch", run.add("prune", lasso, columns=by_ratio("filter_wise", "sum", "0.20")))  # no penalty
    results = run.load().results.set_index("node")
    assert results.loc[tuned["node"], "reference"] == control["node"]
    assert results.loc[again["node"], "reference"] == "s/seed0/train"


def test_two_trainings_without_penalty_are_each_dense(tmp_path):
    run = Run(tmp_path)
    run.add("train")
    run.add("train", name="batch_size=32")
    assert run.load().results["dense"].tolist() == ["s/seed0/train", "s/seed0/train~batch_size=32"]


def test_equal_epochs_count_by_whatever_steps(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    short, longer = (run.add("finetune", dense, name=f"epochs={n}", columns={"epochs": n}) for n in (2, 4))
    sparse = run.add("regularize", dense, columns=penalised("filter_wise") | {"epochs": 2})
    pruned = run.add("prune", sparse, columns=by_ratio("filter_wise", "sum", "0.20"))
    tuned = run.add("finetune", pruned, name="epochs=2", columns={"epochs": 2})
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))
    trained = run.add("quantize", slow, columns={"scheme": "qat_int8", "epochs": 1}, history=[{"epoch": 1}])
    results = run.load().results.set_index("node")
    # 6 + 2 right after pruning, 6 + 2 + 2 and 6 + 3 + 1 at the end
    assert results.loc[sparse["node"], "reference"] == short["node"]
    assert results.loc[pruned["node"], "reference"] == sparse["node"]  # as many epochs, with the penalty
    assert results.loc[[tuned["node"], trained["node"]], "reference"].tolist() == [longer["node"]] * 2


def test_a_study_without_a_plain_training_has_its_penalised_one_as_reference(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", columns=penalised("filter_wise"))
    pruned = run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50"))
    results = run.load().results.set_index("node")
    assert results.loc[[root["node"], pruned["node"]], "reference"].tolist() == [root["node"]] * 2
