"""From step records to ordinary TensorBoard event files."""
