# From records to the report: one tidy table, then tables and figures, each a function of it and of nothing else. Which
# figures and tables a study gets, the register says: each declares what it is `when`.


rule collect_records:
    message:
        "collecting {params.number} records"
    input:
        records=[f"<results>/models/{node}/record.json" for node in GRID.jobs],
        latency=all_latency(),
    output:
        results="<results>/records/results.csv",
        history="<results>/records/history.csv",
        layers="<results>/records/layers.csv",
        latency="<results>/records/latency.csv",
    log:
        "<results>/logs/collect_records.log",
    benchmark:
        "<results>/benchmarks/collect_records.tsv"
    params:
        number=len(GRID.jobs),
        code=code_version(SCRIPTS / "collect_records.py"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/collect_records.py"


rule draw_figure:
    message:
        "drawing {wildcards.item} of {wildcards.study}"
    input:
        **rules.collect_records.output,
    output:
        figure=report(
            "<results>/figures/{study}/{item}.svg",
            caption="../../report/captions/figure.rst",
            category=title_of_study,
            subcategory="Figures",
            labels=lambda wildcards: {"": item_of("figure", wildcards).title},
        ),
    log:
        "<results>/logs/figures/{study}/{item}.log",
    benchmark:
        "<results>/benchmarks/figures/{study}/{item}.tsv"
    params:
        study=lambda wildcards: STUDIES[wildcards.study],
        caption=lambda wildcards: item_of("figure", wildcards).options["caption"],
        code=code_of_item("draw_figure", "figure"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/draw_figure.py"


rule make_table:
    message:
        "making the table {wildcards.item} of {wildcards.study}"
    input:
        **rules.collect_records.output,
    output:
        csv="<results>/tables/{study}/{item}.csv",
        html=report(
            "<results>/tables/{study}/{item}.html",
            caption="../../report/captions/table.rst",
            category=title_of_study,
            subcategory="Tables",
            labels=lambda wildcards: {"": item_of("table", wildcards).title},
        ),
    log:
        "<results>/logs/tables/{study}/{item}.log",
    benchmark:
        "<results>/benchmarks/tables/{study}/{item}.tsv"
    params:
        studies=STUDIES,
        study=lambda wildcards: wildcards.study,
        caption=lambda wildcards: item_of("table", wildcards).options["caption"],
        code=code_of_item("make_table", "table"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/report.yaml"
    script:
        "../scripts/make_table.py"


rule report_items:
    input:
        **rules.collect_records.output,
