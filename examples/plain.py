"""One line above an ordinary training loop.

A small network learns scikit-learn's handwritten digits. torchvitals is told the model and a folder, nothing else: it finds the
optimizer when that steps a weight of the model, and the loss because a loss function of PyTorch is called.

    python examples/plain.py
    python examples/plain.py --lr 5          # a learning rate that is far too high: see what is said about it
    torchvitals dashboard runs/plain         # the same log in the browser; TensorBoard opens it, too
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
    parser.add_argument("--logdir", default="runs/plain", help="folder of the log (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate (default: %(default)s)")
    options = parser.parse_args()

    torch.manual_seed(0)
    data = load_digits()  # 1797 pictures of 8×8 pixels, grey from 0 to 16
    pixels, labels = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)

    with torchvitals.watch(model, logdir=options.logdir):  # the one line
        for _ in range(options.steps):
            batch = torch.randint(len(labels), (64,))
            optimizer.zero_grad()
            loss = F.cross_entropy(model(pixels[batch]), labels[batch])
            loss.backward()
            optimizer.step()

    # Any time later, from the log alone: what is wrong, where, and what to change.
    diagnosis = torchvitals.diagnose(options.logdir)
    print(f"{options.logdir}: {diagnosis.verdict}")
    for finding in diagnosis.roots:
        print(f"- {finding.summary}", *(remedy.change for remedy in finding.remedies[:1]))


if __name__ == "__main__":
    main()
