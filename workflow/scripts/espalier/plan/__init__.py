"""From a config to jobs: checks, chains, steps, the grid."""
