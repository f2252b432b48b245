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


def test_one_reference_for_gradually_pruned_and_quantized_nets(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    _, control = (run.add("finetune", dense, name=f"epochs={n}", columns={"epochs": n}) for n in (2, 3))
    for ratio in ("0.25", "0.30"):
        run.add("prune", dense, columns=gradual(ratio, epochs=3))
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))  # trained for 3 epochs more
    longer = run.add("prune", dense, columns=gradual("0.75", epochs=9))
    at_once = run.add("prune", dense, columns=by_ratio("weight", "magnitude", "0.50"))
    made = [run.quantize(net, "qat_int8") for net in (slow, at_once, dense)]
    results = run.load().results.set_index("node")
    # One of 3 epochs is as long as the nets up to 50 % and what was made of it, which are four; the dense net itself is
    # as long as three; none is as long as that of 75 %.
    assert (results["reference"] == control["node"]).all()
    assert results["trained"].loc[[net["node"] for net in (dense, slow, longer, at_once, *made)]].tolist() == [
        6, 9, 15, 6, 9, 6, 6,
    ]  # fmt: skip
    assert (results["dense"] == dense["node"]).all()


def test_a_training_without_penalty_is_its_own_dense_net_and_a_reference_is_of_the_same(tmp_path):
    run = Run(tmp_path)
    first = run.add("train", top1=90.0)
    second = run.add("train", columns={"init": "glorot"}, top1=80.0)
    control = run.add("finetune", second, top1=85.0)
    for root in (first, second, run.add("train", columns=penalised("filter_wise"))):
        run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50")))
    results = run.load().results.set_index("node")
    tuned = results[(results["step"] == "finetune") & results["prune_type"].notna()]
    assert tuned["dense"].tolist() == [first["node"], second["node"], first["node"]]
    assert tuned["reference"].tolist() == [first["node"], control["node"], first["node"]]
    assert results.loc[[first["node"], second["node"]], "reference"].tolist() == [first["node"], control["node"]]


def test_a_dense_net_trained_on_is_the_reference_only_if_something_was_trained_as_long(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    run.quantize(dense, "static_int8")
    longer = run.add("finetune", dense)
    assert set(run.load().results["reference"]) == {dense["node"]}
    run.quantize(longer, "static_int8")
    assert set(run.load().results["reference"]) == {longer["node"]}


def test_the_dense_net_is_the_reference_where_few_pruned_nets_were_trained_on(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    run.add("finetune", dense)
    pruned = [run.add("prune", dense, columns=by_ratio("unit", "l2", ratio)) for ratio in ("0.25", "0.50", "0.90")]
    run.add("finetune", pruned[1])  # 0.50 is now a step to this one: two nets of 6 epochs, one of 12
    assert set(run.load().results["reference"]) == {dense["node"]}


def test_two_trainings_without_penalty_are_each_dense(tmp_path):
    run = Run(tmp_path)
    run.add("train")
    run.add("train", name="batch_size=32")
    assert run.load().results["dense"].tolist() == ["s/seed0/train", "s/seed0/train~batch_size=32"]


def test_a_net_trained_as_long_in_all_is_the_reference_by_whatever_steps(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    short, longer = (run.add("finetune", dense, name=f"epochs={n}", columns={"epochs": n}) for n in (2, 4))
    sparse = run.add("regularize", dense, columns=penalised("filter_wise") | {"epochs": 2})
    for ratio in ("0.20", "0.50"):
        pruned = run.add("prune", sparse, columns=by_ratio("filter_wise", "sum", ratio))
        run.add("finetune", pruned, name="epochs=2", columns={"epochs": 2})
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))
    run.add("quantize", slow, columns={"scheme": "qat_int8", "epochs": 1}, history=[{"epoch": 1}])
    # 6 + 4 epochs: two fine-tuned after training with a penalty, and one trained for int8 after gradual pruning.
    assert set(run.load().results["reference"]) == {longer["node"]}
    assert short["node"] != longer["node"]


def test_where_no_dense_net_is_as_long_the_one_with_the_same_fine_tuning_is_the_reference(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    control = run.add("finetune", dense)
    root = run.add("train", columns=penalised("filter_wise") | {"epochs": 9})
    run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50")), columns={"epochs": 6})
    assert set(run.load().results["reference"]) == {control["node"]}  # 12 epochs, not 15
