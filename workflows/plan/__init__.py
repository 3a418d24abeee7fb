"""The plan: indicators, their targets and what they promise, by when.

file (`catalogue`) + what was decided since (`decisions`) → targets in force → `cadence` → `cycles`. A cycle is
one expected report; the engine runs it as a case of the process `cycle`, opened by `keeper`. `board` and
`table` read cases and cycles together. The vocabulary is documented in `docs/plans.md`.
"""
