"""Trains the benchmark's networks in PyTorch: eager, compiled and by CUDA graphs.

    python3 pytorch.py FOLDER

FOLDER/tasks.json lists networks with the names of files of little-endian float32 or uint8 numbers beside it. Standard output gets a line of
JSON for each thing that is known: the device; whether the first losses of a mode are the float64 reference's; steps a second in
a round. A mode whose losses differ is not timed. Losses are read once a round, as deltaprop's fit() does.
"""

import json
import math
import os
import sys
import threading
import time

import torch
from torch import nn

BATCHES = 8


def tell(**row):
    print(json.dumps(row), flush=True)


def pick_device():
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.cuda.get_device_name(0)
    if torch.backends.mps.is_available():
        return torch.device("mps"), "Apple GPU"
    return torch.device("cpu"), "CPU"


DEVICE, DEVICE_NAME = pick_device()


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    elif DEVICE.type == "mps":
        torch.mps.synchronize()


class Files:
    def __init__(self, folder):
        self.folder = folder

    def _read(self, name, dtype):
        with open(os.path.join(self.folder, name), "rb") as file:
            return torch.frombuffer(bytearray(file.read()), dtype=dtype)

    def floats(self, name, *shape):
        return self._read(name, torch.float32).reshape(shape)

    def classes(self, name):
        return self._read(name, torch.uint8).long()


def parameter(values):
    return nn.Parameter(values.clone().to(DEVICE))


class Dense(nn.Module):
    """Layers of x·W + b; W (fan-in, fan-out)."""

    def __init__(self, task, files):
        super().__init__()
        self.kernels = nn.ParameterList([parameter(files.floats(w["kernel"], w["fanIn"], w["fanOut"])) for w in task["weights"]])
        self.biases = nn.ParameterList([parameter(files.floats(w["bias"], w["fanOut"])) for w in task["weights"]])
        self.hidden = {"tanh": torch.tanh, "relu": torch.relu}[task["hidden"]]
        self.softmax = task["loss"] == "softmaxCrossentropy"

    def forward(self, x, y):
        last = len(self.kernels) - 1
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases)):
            x = torch.addmm(bias, x, kernel)
            if i < last:
                x = self.hidden(x)
        return nn.functional.cross_entropy(x, y) if self.softmax else nn.functional.mse_loss(x, y)


# PyTorch's layer of each cell, and where each of its blocks of gates is among Keras' (i, f, g, o and z, r, g).
CELLS = {"rnn": (nn.RNN, [0]), "lstm": (nn.LSTM, [0, 1, 2, 3]), "gru": (nn.GRU, [1, 0, 2])}


class Recurrent(nn.Module):
    """A recurrent layer on U[x(t)] + b and h(t-1)·W, o(t) = h(t)·V + c; the mean cross-entropy over all steps. torch.nn's, so cuDNN on NVIDIA."""

    def __init__(self, task, files):
        super().__init__()
        vocabulary, hidden = task["vocabulary"], task["hidden"]
        weights = task["weights"]
        self.vocabulary = vocabulary
        layer, order = CELLS[task["cell"]]
        self.rnn = layer(vocabulary, hidden, batch_first=True)

        def blocks(name, rows):
            """(rows, blocks·hidden) in PyTorch's order."""
            parts = files.floats(weights[name], rows, len(order) * hidden).split(hidden, dim=1)
            return torch.cat([parts[i] for i in order], dim=1)

        with torch.no_grad():
            self.rnn.weight_ih_l0.copy_(blocks("input", vocabulary).T)
            self.rnn.weight_hh_l0.copy_(blocks("recurrent", hidden).T)
            self.rnn.bias_ih_l0.copy_(blocks("bias", 1)[0])
            if weights["recurrentBias"] is None:
                self.rnn.bias_hh_l0.zero_()
            else:
                self.rnn.bias_hh_l0.copy_(blocks("recurrentBias", 1)[0])
        # PyTorch has two biases in every layer; trained both, b would move twice as far in a step. A GRU has both in Keras, too.
        self.rnn.bias_hh_l0.requires_grad_(weights["recurrentBias"] is not None)
        self.kernel = nn.Parameter(files.floats(weights["output"], hidden, vocabulary))
        self.bias = nn.Parameter(files.floats(weights["outputBias"], vocabulary))
        self.to(DEVICE)

    def forward(self, x, y):
        states, _ = self.rnn(nn.functional.one_hot(x, self.vocabulary).float())
        logits = states.reshape(-1, states.shape[-1]) @ self.kernel + self.bias
        return nn.functional.cross_entropy(logits, y.reshape(-1))


class Training:
    def __init__(self, task, files, capturable):
        recurs = task["kind"] == "recurrent"
        self.net = (Recurrent if recurs else Dense)(task, files)
        self.rate = task["learningRate"]
        trained = [p for p in self.net.parameters() if p.requires_grad]
        if task["optimizer"] == "sgd":
            self.optimizer = torch.optim.SGD(trained, lr=self.rate)
        else:
            fast = {"fused": True} if DEVICE.type == "cuda" else {}
            self.optimizer = torch.optim.Adam(trained, lr=self.rate, betas=(task["adam"]["beta1"], task["adam"]["beta2"]),
                                              eps=task["adam"]["epsilon"], capturable=capturable, **fast)
        rows, shape = task["rows"], [task["steps"]] if recurs else []
        if recurs:
            x = files.classes(task["x"]).reshape(rows, *shape)
        else:
            x = files.floats(task["x"], rows, task["features"])
        if recurs or task["loss"] == "softmaxCrossentropy":
            y = files.classes(task["labels"]).reshape(rows, *shape)
        else:
            y = files.floats(task["y"], rows, task["outputs"])
        self.xs = list(x.to(DEVICE).split(task["batch"]))
        self.ys = list(y.to(DEVICE).split(task["batch"]))
        assert len(self.xs) == BATCHES

    def forward_loss(self, index):
        return self.net(self.xs[index], self.ys[index])

    def step(self, index):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward_loss(index % BATCHES)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Eager(Training):
    name = "eager"

    def __init__(self, task, files):
        super().__init__(task, files, capturable=False)

    def losses(self, count):
        return [self.step(i).item() for i in range(count)]

    def run(self, cycles):
        for i in range(cycles * BATCHES):
            loss = self.step(i)
        loss.item()


class Compiled(Eager):
    name = "compiled"

    def __init__(self, task, files):
        super().__init__(task, files)
        self.compiled = torch.compile(self.net)

    def forward_loss(self, index):
        return self.compiled(self.xs[index], self.ys[index])


class Graphs(Training):
    """A whole cycle through the mini-batches is one CUDA graph: forward, backward and update of eight steps."""

    name = "CUDA graphs"

    def __init__(self, task, files):
        super().__init__(task, files, capturable=True)
        start = [p.detach().clone() for p in self.net.parameters()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for i in range(3):
                self.step(i)
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.losses_of_cycle = torch.stack([self.step(i) for i in range(BATCHES)])
        with torch.no_grad():
            for p, value in zip(self.net.parameters(), start):
                p.copy_(value)
            for state in self.optimizer.state.values():
                for value in state.values():
                    if torch.is_tensor(value):
                        value.zero_()

    def losses(self, count):
        assert count <= BATCHES
        self.graph.replay()
        return self.losses_of_cycle.tolist()[:count]

    def run(self, cycles):
        for _ in range(cycles):
            self.graph.replay()
        self.losses_of_cycle.tolist()


def refusal(mode):
    if mode is Graphs and DEVICE.type != "cuda":
        return f"CUDA graphs need CUDA; PyTorch has {DEVICE_NAME} here"
    if mode is Compiled and not hasattr(torch, "compile"):
        return f"PyTorch {torch.__version__} has no torch.compile()"
    return None


def agreement(losses, reference, tolerance):
    differences = [abs(a - b) for a, b in zip(losses, reference)]
    wrong = next((i for i, d in enumerate(differences) if not d <= tolerance), None)
    if len(losses) != len(reference):
        return "wrong", None, f"gave {len(losses)} losses in place of {len(reference)}"
    if wrong is not None:
        worst = None if any(math.isnan(d) for d in differences) else max(differences)
        return "wrong", worst, f"loss of step {wrong + 1} is {losses[wrong]}, the float64 reference says {reference[wrong]}"
    return "agrees", max(differences), "agrees"


def timed(training, cycles):
    synchronize()
    started = time.perf_counter()
    training.run(cycles)
    synchronize()
    return time.perf_counter() - started


def measure(task, files, mode, pace):
    row = {"workload": task["name"], "contender": f"PyTorch {mode.name}"}
    reason = refusal(mode)
    if reason is not None:
        return tell(kind="agreement", status="not here", difference=None, says=reason, **row)
    try:
        training = mode(task, files)
        status, difference, says = agreement(training.losses(len(task["reference"])), task["reference"], pace["tolerance"])
        tell(kind="agreement", status=status, difference=difference, says=says, **row)
        if status != "agrees":
            return
        cycles = 1
        timed(training, cycles)
        seconds = timed(training, cycles)
        while seconds < 0.8 * pace["seconds"]:
            cycles = max(cycles + 1, int(cycles * min(32, pace["seconds"] / max(seconds, 1e-5))))
            seconds = timed(training, cycles)
        for number in range(1, pace["rounds"] + 1):
            tell(kind="rate", round=number, perSecond=cycles * BATCHES / timed(training, cycles), flops=task["flops"], **row)
    except Exception as error:  # one mode that fails leaves the others
        words = str(error).strip().split("\n")[0] or type(error).__name__
        tell(kind="agreement", status="failed", difference=None, says=words[:300], **row)


def end_with_parent():
    """Standard input ends when the process that started this one does: nobody listens any more."""
    sys.stdin.read()
    os._exit(1)


def main():
    threading.Thread(target=end_with_parent, daemon=True).start()
    folder = sys.argv[1]
    with open(os.path.join(folder, "tasks.json"), encoding="utf8") as file:
        given = json.load(file)
    # Products in float32, as everybody else's: TF32 would be another computation.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    tell(kind="pytorch", version=torch.__version__, device=DEVICE_NAME)
    # What takes longest to prepare comes last: it is what is cut off where time is short.
    for mode in (Eager, Graphs, Compiled):
        for task in given["tasks"]:
            measure(task, Files(folder), mode, given["pace"])


main()
