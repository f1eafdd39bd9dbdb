"""Values the stages share: frozen, numpy and the standard library only."""
