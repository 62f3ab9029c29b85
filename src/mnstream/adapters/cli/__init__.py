"""The command line: what `mnstream` promises (see `mnstream --help`)."""
