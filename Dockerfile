# The environment and the workflow in an image: docs/cluster.md, "In a container".
FROM python:3.11-slim

# git: pages name the commit; rsync: the storage plugin `fs`
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git rsync \
    && rm -rf /var/lib/apt/lists/*

COPY envs/requirements.lock /envs/requirements.lock
RUN pip install --no-cache-dir --require-hashes --requirement /envs/requirements.lock

COPY . /espalier
WORKDIR /espalier
CMD ["snakemake", "--cores", "all"]
