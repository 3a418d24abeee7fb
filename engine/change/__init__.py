"""Changing a process while its cases are open: a plan from two versions, one case at a time, and back.

`renames` and `mapping` say what became of what → `plan` (state by state, field by field) → `move` (what
it does to one case, worked out in a `Draft` and written by nobody but `cases.Engine`) → `back`. Nothing
is ever lost without having been said: a value that has no place in the new version keeps its case where
it is, until the mapping drops it by name; what was dropped stays in the case's history.
"""
