"""One output format a file: a pure function from a diagnosis and its run to text."""
