"""One symptom a file: its thresholds, formula, evidence, traps, remedies, cases and documentation."""
