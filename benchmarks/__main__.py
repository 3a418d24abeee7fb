"""`make bench`, or `python -m benchmarks step|processes|inbox`."""

from __future__ import annotations

import sys

from benchmarks import inbox, step

BENCHES = {
    "step": step.main,
    "processes": step.processes,
    "growth": step.growth,
    "inbox": inbox.main,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or list(BENCHES):
        print(f"== {name} ==", flush=True)
        BENCHES[name]()
