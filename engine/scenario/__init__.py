"""Scenarios: a process rehearsed on the virtual clock, step by step, and held to what it should do."""
