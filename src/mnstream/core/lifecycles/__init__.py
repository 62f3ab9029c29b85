"""The lifecycles: one table a file, nothing else."""
