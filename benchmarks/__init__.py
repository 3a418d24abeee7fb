"""The figures, each against its bare limit in the same run. `make bench`."""
