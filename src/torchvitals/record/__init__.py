"""Inside the training loop: hooks, schedule and instruments. It measures and never disturbs."""
