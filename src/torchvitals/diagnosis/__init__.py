"""From a run to a verdict: rules, the learning gate, and root causes by onset. Needs numpy, never torch."""
