"""Write the foreign logs again, each by the library it is named after.

    python tests/foreign_logs/make.py [NAME…]

Needs torch, tensorboard, tensorboardX, pytorch-lightning, transformers, accelerate and pytorch-ignite; `keras` needs tensorflow
instead and runs alone. The tests read what is committed: nothing of this is needed to run them. README.md says which versions
wrote the committed logs; a new version of a library is a reason to write its log again and to read the difference.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STEPS, EVERY = 60, 20  # steps of a training; steps between two histograms


def network(seed: int = 0):
    """Three layers, a little larger than nothing."""
    import torch

    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


def batches(steps: int, *, seed: int = 1, noise: bool = False):
    """Points around three centres, and which centre; with `noise`, a centre that has nothing to do with the point."""
    import torch

    random = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(3, 4, generator=torch.Generator().manual_seed(7))
    for _ in range(steps):
        y = torch.randint(0, 3, (32,), generator=random)
        x = centres[y] + torch.randn(32, 4, generator=random)
        yield x, torch.randint(0, 3, (32,), generator=random) if noise else y


def torch_healthy(folder: Path) -> None:
    """The names of PyTorch's own tutorial, with histograms, an image, a text and hyperparameters."""
    import torch
    from torch.utils.tensorboard import SummaryWriter

    model, (x_val, y_val) = network(), next(batches(1, seed=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    with SummaryWriter(str(folder)) as writer:
        writer.add_text("remark", "three clouds of points", 0)
        writer.add_image("input", torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)), 0)
        for step, (x, y) in enumerate(batches(STEPS)):
            optimizer.zero_grad()
            outputs = model(x)
            loss = torch.nn.functional.cross_entropy(outputs, y)
            loss.backward()
            norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
            if step % EVERY == 0:
                for name, parameter in model.named_parameters():
                    writer.add_histogram(name, parameter, step, bins=8)
                    writer.add_histogram(f"{name}.grad", parameter.grad, step, bins=8)
                    writer.add_scalar(f"check/{name}", parameter.grad.norm(), step)
            optimizer.step()
            writer.add_scalar("Loss/train", loss, step)
            writer.add_scalar("Accuracy/train", (outputs.argmax(1) == y).float().mean(), step)
            writer.add_scalar("lr", optimizer.param_groups[0]["lr"], step)
            writer.add_scalar("grad_norm", norm, step)
            if step % 10 == 9:
                writer.add_scalar("Loss/test", torch.nn.functional.cross_entropy(model(x_val), y_val), step)
        writer.add_hparams({"lr": 0.02, "hidden": 8}, {"hparam/accuracy": 1.0}, run_name=".")


def torch_nan(folder: Path) -> None:
    """A learning rate so high that the loss overflows."""
    import torch
    from torch.utils.tensorboard import SummaryWriter

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
    with SummaryWriter(str(folder)) as writer:
        for step, (x, _) in enumerate(batches(STEPS)):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), x[:, :3])
            loss.backward()
            optimizer.step()
            writer.add_scalar("train_loss", loss, step)


def tensorboardx_flat(folder: Path) -> None:
    """Labels that have nothing to do with the inputs: nothing to learn."""
    import torch
    from tensorboardX import SummaryWriter

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with SummaryWriter(str(folder)) as writer:
        for step, (x, y) in enumerate(batches(STEPS, noise=True)):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            if step % EVERY == 0:
                for name, parameter in model.named_parameters():
                    writer.add_histogram(f"weights/{name.replace('.', '/')}", parameter.detach().numpy(), step, bins=8)
                    writer.add_histogram(f"gradients/{name.replace('.', '/')}", parameter.grad.numpy(), step, bins=8)
            optimizer.step()
            writer.add_scalar("train/loss", loss.item(), step)
            writer.add_scalar("train/learning_rate", 0.01, step)


def lightning(folder: Path) -> None:
    """Losses of steps and of epochs, the learning-rate monitor, gradient norms, hyperparameters."""
    import pytorch_lightning as pl
    import torch
    from pytorch_lightning.callbacks import LearningRateMonitor
    from pytorch_lightning.loggers import TensorBoardLogger
    from pytorch_lightning.utilities import grad_norm

    class Classifier(pl.LightningModule):
        def __init__(self, lr: float = 0.02) -> None:  # noqa: ARG002 - saved as a hyperparameter
            super().__init__()
            self.save_hyperparameters()
            self.net = network()

        def training_step(self, batch, _):
            x, y = batch
            outputs = self.net(x)
            loss = torch.nn.functional.cross_entropy(outputs, y)
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            self.log("train_acc", (outputs.argmax(1) == y).float().mean())
            return loss

        def validation_step(self, batch, _):
            x, y = batch
            outputs = self.net(x)
            self.log("val_loss", torch.nn.functional.cross_entropy(outputs, y))
            self.log("val_acc", (outputs.argmax(1) == y).float().mean())

        def on_before_optimizer_step(self, _):
            self.log_dict(grad_norm(self.net, norm_type=2))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)

    trainer = pl.Trainer(
        max_epochs=4,
        logger=TensorBoardLogger(str(folder), name="", version=""),
        callbacks=[LearningRateMonitor(logging_interval="step")],
        log_every_n_steps=2,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    loaders = [torch.utils.data.DataLoader(list(b), batch_size=None) for b in (batches(STEPS // 2), batches(3, seed=2))]
    trainer.fit(Classifier(), *loaders)


def transformers(folder: Path) -> None:
    """The Trainer with `report_to="tensorboard"` and a BERT of a few thousand weights."""
    import os

    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder)
    set_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, max_position_embeddings=8, num_labels=2, **sizes))
    tokens = torch.randint(2, 20, (256, 6), generator=torch.Generator().manual_seed(0))
    samples = [{"input_ids": row, "labels": int(row[0] > 10)} for row in tokens]
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            max_steps=STEPS,
            per_device_train_batch_size=16,
            learning_rate=1e-2,
            logging_steps=2,
            eval_strategy="steps",
            eval_steps=20,
            save_strategy="no",
            report_to="tensorboard",
            use_cpu=True,
            disable_tqdm=True,
        )
        accuracy = {"compute_metrics": lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())}}
        Trainer(model=model, args=arguments, train_dataset=samples[:224], eval_dataset=samples[224:], **accuracy).train()


def ignite(folder: Path) -> None:
    """Handlers for losses, parameter groups, norms and histograms."""
    import torch
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.handlers.tensorboard_logger import GradsScalarHandler, OutputHandler, TensorboardLogger, WeightsHistHandler
    from ignite.metrics import Accuracy, Loss

    model, loss_fn = network(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    trainer = create_supervised_trainer(model, optimizer, loss_fn)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "loss": Loss(loss_fn)})
    rounds, held_out = Events.EPOCH_COMPLETED, list(batches(3, seed=2))
    trainer.add_event_handler(rounds, lambda: evaluator.run(held_out))
    with TensorboardLogger(log_dir=str(folder)) as logger:
        each = {"event_name": Events.ITERATION_COMPLETED}
        logger.attach(trainer, OutputHandler("training", output_transform=lambda loss: {"loss": loss}), **each)
        logger.attach_opt_params_handler(trainer, optimizer=optimizer, **each)
        logger.attach(trainer, GradsScalarHandler(model), event_name=Events.ITERATION_COMPLETED(every=10))
        logger.attach(trainer, WeightsHistHandler(model, whitelist=["2.weight"]), event_name=rounds)
        global_step = lambda *_: trainer.state.iteration  # noqa: E731
        validation = OutputHandler("validation", metric_names=["loss", "accuracy"], global_step_transform=global_step)
        logger.attach(evaluator, validation, event_name=rounds)
        trainer.run(list(batches(STEPS // 2)), max_epochs=2)


def keras(folder: Path) -> None:
    """`fit` with the TensorBoard callback: two folders, steps that count epochs."""
    import numpy as np
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    random, centres = np.random.default_rng(1), 2 * np.random.default_rng(7).normal(size=(3, 4))
    y = random.integers(0, 3, 96)
    x = centres[y] + random.normal(size=(96, 4))
    layers = [tf.keras.layers.Dense(8, "relu", name="hidden"), tf.keras.layers.Dense(3, name="logits")]
    model = tf.keras.Sequential([tf.keras.Input((4,)), *layers])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    board = tf.keras.callbacks.TensorBoard(str(folder), histogram_freq=30, write_graph=False)
    model.fit(x[:64], y[:64], validation_data=(x[64:], y[64:]), epochs=STEPS, batch_size=32, verbose=0, callbacks=[board])


MAKERS = (torch_healthy, torch_nan, tensorboardx_flat, lightning, transformers, ignite, keras)


def make(maker) -> None:
    """One log, its files renamed: no host name, no time and no process number."""
    name = maker.__name__.replace("_", "-")
    target = HERE / name
    with tempfile.TemporaryDirectory() as scratch:
        maker(Path(scratch))
        shutil.rmtree(target, ignore_errors=True)
        files = sorted(p for p in Path(scratch).rglob("*tfevents*") if p.is_file())
        for number, file in enumerate(files):
            place = target / file.parent.relative_to(scratch)
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place / f"events.out.tfevents.{number:010d}.{name}")
    print(f"{name}: {sum(p.stat().st_size for p in target.rglob('*') if p.is_file()):,} bytes in {len(files)} files")


if __name__ == "__main__":
    wanted = sys.argv[1:] or [m.__name__ for m in MAKERS if m is not keras]
    for one in MAKERS:
        if one.__name__ in wanted:
            make(one)
