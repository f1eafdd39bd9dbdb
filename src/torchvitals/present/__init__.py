"""From a diagnosis to something a person reads: figures, terminal, JSON, HTML."""
