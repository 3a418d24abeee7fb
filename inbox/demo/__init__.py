"""The demonstration: real commands, a real mail server, fictional people."""
