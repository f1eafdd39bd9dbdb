"""Four micro-batches a step, in half precision.

An effective batch of 128 in parts of 32, with `torch.autocast`: bfloat16 on a CPU, float16 with a gradient scaler on a GPU. One
step of the log is one optimizer step, however many backward passes it takes. Gradients are read as the optimizer applies them:
summed over the parts and unscaled. Nothing has to be told for any of this.

    python examples/accumulation_amp.py
    torchvitals dashboard runs/accumulation-amp
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import torchvitals

PARTS, PART = 4, 32


def main() -> None:
    """Train, then say what the log tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--logdir", default="runs/accumulation-amp", help="folder of the log (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="optimizer steps (default: %(default)s)")
    options = parser.parse_args()

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.bfloat16
    data = load_digits()
    pixels = (torch.tensor(data.data, dtype=torch.float32) / 16).reshape(-1, 1, 8, 8).to(device)
    labels = torch.tensor(data.target).to(device)
    convolutions = (nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU())
    model = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(512, 10)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    # float16 ends at 65,504 and loses what is below 6e-8, so its loss is scaled; bfloat16 reaches as far as float32.
    scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)

    with torchvitals.watch(model, optimizer, logdir=options.logdir):
        for _ in range(options.steps):
            optimizer.zero_grad()
            for _ in range(PARTS):
                batch = torch.randint(len(labels), (PART,), device=device)
                with torch.autocast(device, dtype=dtype):
                    # Divided, so that the sum of the gradients is that of the mean over all parts.
                    loss = F.cross_entropy(model(pixels[batch]), labels[batch]) / PARTS
                scaler.scale(loss).backward()
            scaler.step(optimizer)  # leaves the step out when a scaled gradient is infinite
            scaler.update()

    diagnosis = torchvitals.diagnose(options.logdir)
    print(f"{options.logdir}: {diagnosis.verdict}")
    for finding in diagnosis.roots:
        print(f"- {finding.summary}", *(remedy.change for remedy in finding.remedies[:1]))


if __name__ == "__main__":
    main()
