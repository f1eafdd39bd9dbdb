"""A model under `torch.compile`.

Attach to what `torch.compile` returned, with the same line as ever. Gradients, weights and updates are read at the optimizer,
so the compiled graph stays in one piece and is not compiled anew. Names in the log are those of the model itself.

    python examples/compiled.py                        # the default backend needs a C++ compiler
    python examples/compiled.py --backend aot_eager    # traces, but generates no code: runs anywhere
    torchvitals dashboard runs/compiled
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import torchvitals


def main() -> None:
    """Train, then say what the log tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--logdir", default="runs/compiled", help="folder of the log (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--backend", default="inductor", help="of torch.compile (default: %(default)s)")
    options = parser.parse_args()

    torch.manual_seed(0)
    data = load_digits()
    pixels, labels = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    network = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    model = torch.compile(network, backend=options.backend)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    with torchvitals.watch(model, optimizer, logdir=options.logdir):
        for _ in range(options.steps):
            batch = torch.randint(len(labels), (64,))  # of one size: another one would be compiled for itself
            optimizer.zero_grad()
            loss = F.cross_entropy(model(pixels[batch]), labels[batch])  # outside the compiled part
            loss.backward()
            optimizer.step()

    run = torchvitals.read(options.logdir)
    # A log says itself what it could not see, so that nothing missing is taken for healthy.
    for unseen in run.manifest.unseen if run.manifest else ():
        print(f"not seen: {unseen.subject} ({unseen.reason})")
    diagnosis = torchvitals.diagnose(run)
    print(f"{options.logdir}: {diagnosis.verdict}")
    for finding in diagnosis.roots:
        print(f"- {finding.summary}", *(remedy.change for remedy in finding.remedies[:1]))


if __name__ == "__main__":
    main()
