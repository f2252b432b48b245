# From records to the report: the tidy tables of each study and those of the run, then tables and figures, each a function
# of these and of nothing else; so another row of one study redraws that study and no other. Which figures and tables a
# study gets, the register says: each declares what it is `when`.


TIDY_TABLES = [f"{name}.csv" for name in ("results", "history", "layers", "summary", "latency", "outcomes", "classes")]
TIDY_TABLES += ["digests.json"]


rule collect_records:
    input:
        records=records_of_study,
        predictions=predictions_of_study,
        manifests=manifest_of_study,
        latency=latency_of_study,
    output:
        results="<results>/records/{study}/results.csv",
        history="<results>/records/{study}/history.csv",
        layers="<results>/records/{study}/layers.csv",
        summary="<results>/records/{study}/summary.csv",
        latency="<results>/records/{study}/latency.csv",
        outcomes="<results>/records/{study}/outcomes.csv",
        classes="<results>/records/{study}/classes.csv",
        digests="<results>/records/{study}/digests.json",
    log:
        "<results>/logs/records/{study}.log",
    benchmark:
        "<results>/benchmarks/records/{study}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        number=number_of_records,
        code=code_of_job(SCRIPTS / "collect_records.py"),
        execution=execution_of_job,
    message:
        "collecting {params.number} records of {wildcards.study}"
    script:
        "../scripts/collect_records.py"


use rule collect_records as collect_run with:
    input:
        records=[record_of(node) for node in GRID.jobs],
        predictions=[predictions_of(node) for node in GRID.jobs],
        manifests=[f"<results>/data/{name}/manifest.json" for name in GRID.datasets()],
        latency=[file for study in STUDIES for file in latency_files(study)],
    output:
        results="<results>/records/results.csv",
        history="<results>/records/history.csv",
        layers="<results>/records/layers.csv",
        summary="<results>/records/summary.csv",
        latency="<results>/records/latency.csv",
        outcomes="<results>/records/outcomes.csv",
        classes="<results>/records/classes.csv",
        digests="<results>/records/digests.json",
    log:
        "<results>/logs/records/run.log",
    benchmark:
        "<results>/benchmarks/records.tsv"
    localrule: True
    params:
        number=len(GRID.jobs),
        code=code_of_job(SCRIPTS / "collect_records.py"),
        execution=execution_of_job,
    message:
        "collecting the {params.number} records of the run"


rule count_published:
    output:
        counts="<results>/records/published_counts_{backend}.json",
    log:
        "<results>/logs/records/published_counts_{backend}.log",
    wildcard_constraints:
        backend="|".join(BACKENDS),
    localrule: True
    conda:
        environment_of_counting
    threads: 1
    resources:
        **asks("report"),
    params:
        backend="{backend}",
        studies=counted_studies,
        published=files_of_shapes,
        code=code_of_counts,
        execution=execution_of_counting,
    message:
        "counting the published nets of {wildcards.backend} studies at their published width"
    script:
        "../scripts/count_published.py"


rule draw_figure:
    input:
        sensitivity_of_item,
        **rules.collect_records.output,
    output:
        figure=report(
            "<results>/figures/{study}/{item}.svg",
            caption="../../report/captions/figure.rst",
            category=title_of_study,
            subcategory="Figures",
            labels=labels_of_figure,
        ),
    log:
        "<results>/logs/figures/{study}/{item}.log",
    benchmark:
        "<results>/benchmarks/figures/{study}/{item}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        study=reported_study,
        setup=setup_of_study,
        published=published_of_study,
        caption=caption_of_figure,
        code=code_of_item("draw_figure", "figure"),
        execution=execution_of_job,
    message:
        "drawing {wildcards.item} of {wildcards.study}"
    script:
        "../scripts/draw_figure.py"


rule make_table:
    input:
        sensitivity_of_item,
        **rules.collect_records.output,
    output:
        csv="<results>/tables/{study}/{item}.csv",
        html=report(
            "<results>/tables/{study}/{item}.html",
            caption="../../report/captions/table.rst",
            category=title_of_study,
            subcategory="Tables",
            labels=labels_of_table,
        ),
    log:
        "<results>/logs/tables/{study}/{item}.log",
    benchmark:
        "<results>/benchmarks/tables/{study}/{item}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        studies=reported_study_by_name,
        study="{study}",
        item="{item}",
        setup=setup_of_study,
        published=published_of_study,
        caption=caption_of_table,
        code=code_of_item("make_table", "table"),
        execution=execution_of_job,
    message:
        "making the table {wildcards.item} of {wildcards.study}"
    script:
        "../scripts/make_table.py"


use rule make_table as make_run_table with:
    input:
        counts_of_table,
        **rules.collect_run.output,
    output:
        csv="<results>/tables/{item}.csv",
        html=report(
            "<results>/tables/{item}.html",
            caption="../../report/captions/table.rst",
            category="The run",
            labels=labels_of_table,
        ),
    log:
        "<results>/logs/tables/{item}.log",
    benchmark:
        "<results>/benchmarks/tables/{item}.tsv"
    wildcard_constraints:
        item="|".join(name for name in tables.run_names() if name != "runtime"),
    localrule: True
    params:
        studies=REPORTED,
        study=None,
        item="{item}",
        setup=None,
        published=published_of_all(),
        caption=caption_of_table,
        code=code_of_item("make_table", "table"),
        execution=execution_of_job,
    message:
        "making the table {wildcards.item} of the run"


use rule make_run_table as make_runtime_table with:
    input:
        **rules.collect_run.output,
        **timed_rules(),
    output:
        csv="<results>/tables/runtime.csv",
        html=report(
            "<results>/tables/runtime.html",
            caption="../../report/captions/table.rst",
            category="The run",
            labels={"table": registry.get(registry.TableItem, "runtime").title},
        ),
    log:
        "<results>/logs/tables/runtime.log",
    benchmark:
        "<results>/benchmarks/tables/runtime.tsv"
    localrule: True
    params:
        studies=REPORTED,
        study=None,
        item="runtime",
        setup=None,
        published=None,
        caption=registry.get(registry.TableItem, "runtime").caption,
        rules=list(timed_rules()),
        code=code_of_job(SCRIPTS / "make_table.py", uses=[("table", "runtime", registry.ANY)]),
        execution=execution_of_job,
    message:
        "making the table of run time and memory"


rule write_overview:
    input:
        **rules.collect_run.output,
    output:
        report(
            "<results>/tables/overview.html",
            caption="../../report/captions/overview.rst",
            category="The run",
            labels={"table": "Overview"},
        ),
    log:
        "<results>/logs/tables/overview.log",
    benchmark:
        "<results>/benchmarks/tables/overview.tsv"
    priority: 1  # the longest of the report's jobs, so not the last
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        **({"unfinished": UNFINISHED} if UNFINISHED else {}),
        studies=REPORTED,
        published=published_of_all(),
        code=code_of_job(SCRIPTS / "write_overview.py", described=methods_of(*STUDIES)),
        execution=execution_of_job,
    message:
        "writing the report's first page"
    script:
        "../scripts/write_overview.py"


rule write_study:
    input:
        **rules.collect_records.output,
        figures=figures_of_study,
    output:
        report(
            "<results>/studies/{study}.html",
            caption="../../report/captions/study.rst",
            category=title_of_study,
            subcategory="Answers",
            labels={"page": "Questions and answers"},
        ),
    log:
        "<results>/logs/studies/{study}.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        study=reported_study,
        figures=words_of_figures,
        tables=titles_of_tables,
        setup=setup_of_study,
        published=published_of_study,
        code=code_of_study_page,
        execution=execution_of_job,
    message:
        "writing the page of {wildcards.study}"
    script:
        "../scripts/write_study.py"


rule write_choose:
    input:
        **rules.collect_run.output,
    output:
        html=report(
            "<results>/choose.html",
            caption="../../report/captions/choose.rst",
            category="\N{BLACK STAR} Choose a net",  # categories stand in the order of their names: this one first
            labels={"page": "Choose a net"},
        ),
        numbers="<results>/results.json",
    log:
        "<results>/logs/choose.log",
    priority: 1
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        studies=REPORTED,
        chains=chains_of_run(),
        command=command_of_choice,
        folder=folder_of_results,
        beside=config_beside_studies(),
        given=studies_as_given(),
        published=published_of_all(),
        code=code_of_job(SCRIPTS / "write_choose.py", described=methods_of(*STUDIES)),
        execution=execution_of_job,
    message:
        "writing the page that a net is chosen on"
    script:
        "../scripts/write_choose.py"


rule write_pages:
    input:
        counts_of_run(),
        **rules.collect_run.output,
        shown=files_of_pages(),
        manifests=[f"<results>/data/{name}/manifest.json" for name in GRID.datasets()],
    output:
        pages=directory("<results>/pages"),
    log:
        "<results>/logs/pages.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        **({"unfinished": UNFINISHED} if UNFINISHED else {}),
        studies=REPORTED,
        config=config_as_given(),
        command=command_of_run("pages"),
        published=published_of_all(),
        code=code_of_pages(),
        execution=execution_of_job,
    message:
        "writing the run as Markdown pages"
    script:
        "../scripts/write_pages.py"
