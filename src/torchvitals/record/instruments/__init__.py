"""One measurement a file; each is found by walking this folder."""
