"""From event files to a run. Needs numpy, never torch."""
