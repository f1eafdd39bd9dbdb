"""Pieces of training programs that the cases of several rules share; each begins at the left margin."""

from __future__ import annotations

POOL = """
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(4, 16), nn.Linear(16, 2)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.attention(x, x, x)[0].mean(1))

def majority(n):
    for _ in range(n):
        x = torch.randn(32, 24, 4)
        yield x, (x[..., 0].sum(1) > 0).long()
"""


def validated(*, period: int, first: int) -> str:
    """A loop of 300 steps on `x`, `y` that logs the loss of `held_x`, `held_y` at step `first` and every `period` steps.

    Its body stands inside a program, four spaces from the margin.
    """
    return f"""
    def train(vitals):
        for step in range(300):
            chosen = torch.randint(0, len(x), (64,))
            optimizer.zero_grad()
            loss_fn(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
            if step % {period} == {first}:
                with torch.no_grad():
                    vitals.log(val_loss=loss_fn(model(held_x), held_y))
"""
