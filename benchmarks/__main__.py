"""`make bench`, or `python -m benchmarks step|processes|growth|inbox|simulate|clock|mail|diffusion|definitions`."""

from __future__ import annotations

import sys

from benchmarks import definitions, diffusion, inbox, plan, step

BENCHES = {
    "step": step.main,
    "processes": step.processes,
    "growth": step.growth,
    "inbox": inbox.main,
    "simulate": plan.simulate,
    "clock": plan.clock,
    "mail": plan.mail,
    "diffusion": diffusion.main,
    "definitions": definitions.main,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or list(BENCHES):
        print(f"== {name} ==", flush=True)
        BENCHES[name]()
