"""Espalier: reproducible results on neural-network compression.

The library behind the workflow. It knows nothing of Snakemake: every rule's script opens the log, reads its
job and calls one function from here, and so can you.
"""

__version__ = "0.1.0"
