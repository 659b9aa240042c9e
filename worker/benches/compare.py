#!/usr/bin/env python3
"""Times the work of Bistable's inner loops in PyTorch and JAX, and prints ratios to Bistable's own figures.

The task is data reweighting: 784-256-10, ELU, batch 8, 2000 training and 500 validation samples, f32, one core. The
ports are ours, short, and do the same mathematics: before an item is timed, all its ports do the same iterations, and
each must move every parameter as plain autograd does, within 1e-4 of how far that moves it.

    python3 -m venv venv
    venv/bin/pip install torch jax
    venv/bin/python compare.py --check                        # compares the ports, times nothing
    venv/bin/python compare.py --cargo-bench --data-dir DIR   # all ratios from one run; DIR holds MNIST
    venv/bin/python compare.py --cargo-bench --data-dir DIR --bistable PATH   # also end to end
    venv/bin/python compare.py --cargo-bench --presets        # the presets on data hyper-cleaning; needs JAX alone

With --presets, an outer iteration of each bilevel preset is timed against JAX's (presets.py): 2000 training and 1000
validation samples of the bundled MNIST, T and batches the preset's own. Bistable's figure is of a replica, as the product
runs it: fused solvers in groups of sixteen, the others one by one.
"""

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", JAX_PLATFORMS="cpu")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np
import presets

if "--presets" not in sys.argv:
    import torch
    import torch.nn.functional as F

# Bistable's rows: name, criterion's directory, items in one of its iterations. Ratios of an item are to its first row.
BENCHES = {
    "inner step": [("Bistable", "inner step", 1)],
    "outer iteration, T = 1": [("Bistable", "outer iteration_T = 1", 1)],
    "outer iteration, T = 8": [("Bistable", "outer iteration_T = 8", 1)],
    "outer iteration, T = 32": [("Bistable", "outer iteration_T = 32", 1)],
    "linear softmax step": [
        ("Bistable, 16 replicas, per replica", "linear softmax_group of 16", 16),
        ("Bistable, one replica", "linear softmax_one replica", 1),
    ],
}
M1, M2, B, K, REPLICAS, ETA_Y, ETA_X = 500, 2000, 8, 1000, 16, 0.01, 5.0
ITERATION, EXPERIMENTS = "outer iteration, T = 1", f"all {M1} indices, K = {K}, T = 1"
SWEEP = f"""name = "compare"
replicates = 1
problem = {{ kind = "reweighting" }}
grid = {{ m1 = {M1}, m2 = {M2}, K = {K}, T = 1 }}
solvers = [{{ preset = "tsgd" }}]
"""
ROOT = Path(__file__).resolve().parents[2]


class Form(NamedTuple):
    """One way to do the work: `run(n)` makes n calls, `params()` is where they led."""

    name: str
    run: Callable
    params: Callable
    iterations: int = 1  # of a call
    replicas: int = 1


class Task(NamedTuple):
    """Training (X, Y) and validation rows (V, U) with one-hot labels, the start, and draws for some iterations."""

    X: np.ndarray
    Y: np.ndarray
    V: np.ndarray
    U: np.ndarray
    x: np.ndarray  # a logit for each training row
    inner: np.ndarray  # iterations, T, B
    outer: np.ndarray  # iterations, B
    ys: list  # weights (inputs by outputs) and biases of each layer


def read_idx(folder, names):
    """The bytes of an IDX file, plain or gzip, flat or as torchvision lays it out, a row for each sample."""
    places = [folder / place for place in ("", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "mnist")]
    for path in (place / (name + end) for place in places for name in names for end in ("", ".gz")):
        if path.is_file():
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            samples = int.from_bytes(raw[4:8], "big")
            return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(samples, -1)
    sys.exit(f"no {names[0]} or {names[0]}.gz in {folder}, nor below it as torchvision lays it out")


def read_data(folder):
    """M2 + M1 rows of pixels in [0, 1] and one-hot labels; every other training label is noise."""
    rng, count = np.random.default_rng(1), M1 + M2
    if folder:
        images = read_idx(folder, ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
        labels = read_idx(folder, ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"])[:, 0]
        keep = rng.permutation(len(images))[:count]
        images, labels = images[keep] / np.float32(255), labels[keep]
    else:  # evenly spread: a batch has more distinct pixels than MNIST's
        images = rng.random((count, 784), np.float32) * (rng.random((count, 784)) < 0.19)
        labels = rng.integers(0, 10, count)
    labels[1:M2:2] = rng.integers(0, 10, M2 // 2)
    return images, np.eye(10, dtype=np.float32)[labels]


def make_task(images, onehot, iterations, T, widths=(784, 256, 10)):
    rng = np.random.default_rng(2)
    x, ys = rng.normal(0, 0.3, M2).astype(np.float32), []
    for fan_in, fan_out in zip(widths, widths[1:]):
        for shape in (fan_in, fan_out), fan_out:
            ys.append(rng.uniform(-(fan_in**-0.5), fan_in**-0.5, shape).astype(np.float32))
    draws = rng.integers(0, M2, (iterations, T, B)), rng.integers(0, M1, (iterations, B))
    return Task(images[:M2], onehot[:M2], images[M2:], onehot[M2:], x, *draws, ys)


# ---- PyTorch -------------------------------------------------------------------------------------------------------


def tensors(task):
    """The task in PyTorch, with parameters of its own."""
    *arrays, ys = task
    return Task(*map(torch.tensor, arrays), [torch.tensor(y) for y in ys])


def torch_form(name, task, iterate, params, replicas=1):
    """Cycles through the task's draws: `iterate(inner batches, outer batch, its number)`."""
    batches = zip(torch.tensor(task.inner), torch.tensor(task.outer))
    draws = cycle([(list(inner), outer, k) for k, (inner, outer) in enumerate(batches)])

    def run(n):
        for _ in range(n):
            iterate(*next(draws))

    return Form(name, run, params, replicas=replicas)


def torch_loss(ys, X, labels, weights):
    h = F.elu(torch.addmm(ys[1], X, ys[0])) if len(ys) == 4 else X
    return torch.dot(F.cross_entropy(torch.addmm(ys[-1], h, ys[-2]), labels, reduction="none"), weights) / B


def inner_autograd(task):
    t = tensors(task)
    labels, ys = t.Y.argmax(1), [y.requires_grad_() for y in t.ys]

    def iterate(inner, *_):
        idx = inner[0]
        grads = torch.autograd.grad(torch_loss(ys, t.X[idx], labels[idx], torch.sigmoid(t.x[idx])), ys)
        with torch.no_grad():
            for y, grad in zip(ys, grads):
                y.sub_(grad, alpha=ETA_Y)

    return torch_form("PyTorch, functional autograd", task, iterate, lambda: ys)


def inner_module(task):
    t = tensors(task)
    labels = t.Y.argmax(1)
    model = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ELU(), torch.nn.Linear(256, 10))
    for parameter, start in zip(model.parameters(), t.ys):
        parameter.data.copy_(start.t())
    optimizer = torch.optim.SGD(model.parameters(), lr=ETA_Y)

    def iterate(inner, *_):
        idx = inner[0]
        optimizer.zero_grad()
        losses = F.cross_entropy(model(t.X[idx]), labels[idx], reduction="none")
        (torch.dot(losses, torch.sigmoid(t.x[idx])) / B).backward()
        optimizer.step()

    return torch_form("PyTorch, nn.Module, optim.SGD", task, iterate, lambda: [p.t() for p in model.parameters()])


def non_zeros(rows):
    """Rows as arguments of embedding_bag."""
    row, column = rows.nonzero(as_tuple=True)
    return dict(input=column, offsets=torch.searchsorted(row, torch.arange(B)), per_sample_weights=rows[row, column])


def inner_hand(task, sparse=False):
    """Gradient by hand, buffers made once. `sparse`: forward from lists of non-zeros, which are made beforehand."""
    t = tensors(task)
    W1, b1, W2, b2 = t.ys
    X, Y, w, h, slope, z, p = (torch.empty(B, n) for n in (784, 10, 1, 256, 256, 256, 10))
    bags = [non_zeros(t.X[batch]) for batch in t.inner[:, 0]] if sparse else []

    @torch.inference_mode()
    def iterate(inner, _, k):
        torch.index_select(t.X, 0, inner[0], out=X)
        torch.index_select(t.Y, 0, inner[0], out=Y)
        torch.sigmoid(t.x.index_select(0, inner[0]), out=w[:, 0])
        if sparse:
            torch.add(F.embedding_bag(weight=W1, mode="sum", **bags[k]), b1, out=h)
        else:
            torch.addmm(b1, X, W1, out=h)
        F.elu_(h)
        torch.clamp(h, max=0, out=slope).add_(1)
        torch.softmax(torch.addmm(b2, h, W2, out=p), 1, out=p).sub_(Y).mul_(w.div_(B))
        torch.mm(p, W2.t(), out=z).mul_(slope)
        for W, b, inputs, outputs in (W2, b2, h, p), (W1, b1, X, z):
            W.addmm_(inputs.t(), outputs, alpha=-ETA_Y)
            b.sub_(outputs.sum(0), alpha=ETA_Y)

    name = "PyTorch, by hand, buffers" + (", sparse forward pass" if sparse else "")
    return torch_form(name, task, iterate, lambda: t.ys)


def outer_lean(task):
    """The graph of T functional steps and one reverse pass to the logits in use; no modules."""
    t = tensors(task)
    train, valid, ones, state = t.Y.argmax(1), t.U.argmax(1), torch.ones(B), t.ys

    def iterate(inner, outer, _):
        nonlocal state
        logits, ys = [t.x[idx].requires_grad_() for idx in inner], [y.detach().requires_grad_() for y in state]
        for idx, logit in zip(inner, logits):
            loss = torch_loss(ys, t.X[idx], train[idx], torch.sigmoid(logit))
            grads = torch.autograd.grad(loss, ys, create_graph=True)
            ys = [torch.sub(y, grad, alpha=ETA_Y) for y, grad in zip(ys, grads)]
        loss = torch_loss(ys, t.V[outer], valid[outer], ones)
        for idx, grad in zip(inner, torch.autograd.grad(loss, logits)):
            t.x.index_add_(0, idx, grad, alpha=-ETA_X)
        state = [y.detach() for y in ys]

    return torch_form("PyTorch, lean autograd", task, iterate, lambda: [t.x, *state])


def linear_hand(task, replicas):
    """By hand; replicas, each with logits of its own, are columns of one matrix."""
    t = tensors(task)
    x, W, b = t.x[:, None].repeat(1, replicas), t.ys[0].repeat(1, replicas), t.ys[1].repeat(replicas)
    X, Y, w, p = (torch.empty(B, n) for n in (784, 10, replicas, 10 * replicas))
    p3 = p.view(B, replicas, 10)

    @torch.inference_mode()
    def iterate(inner, *_):
        torch.index_select(t.X, 0, inner[0], out=X)
        torch.index_select(t.Y, 0, inner[0], out=Y)
        torch.index_select(x, 0, inner[0], out=w).sigmoid_().div_(B)
        torch.addmm(b, X, W, out=p)
        torch.softmax(p3, 2, out=p3).sub_(Y[:, None]).mul_(w[:, :, None])
        W.addmm_(X.t(), p, alpha=-ETA_Y)
        b.sub_(p.sum(0), alpha=ETA_Y)

    name = "PyTorch, by hand, buffers" + (f", {replicas} replicas in one product" if replicas > 1 else "")
    return torch_form(name, task, iterate, lambda: [W[:, -10:], b[-10:]], replicas)


# ---- JAX -----------------------------------------------------------------------------------------------------------


def jax_loss(ys, X, Y, weights):
    h = jax.nn.elu(X @ ys[0] + ys[1]) if len(ys) == 4 else X
    return -jnp.dot((jax.nn.log_softmax(h @ ys[-2] + ys[-1]) * Y).sum(1), weights) / B


def jax_step(ys, data, idx, logits):
    grads = jax.grad(jax_loss)(ys, data[0][idx], data[1][idx], jax.nn.sigmoid(logits))
    return [y - ETA_Y * grad for y, grad in zip(ys, grads)]


def jax_inner(state, data, inner, _):
    x, ys = state
    return x, jax_step(ys, data, inner[0], x[inner[0]])


def jax_outer(state, data, inner, outer):
    x, ys = state

    def outer_loss(logits):
        end, _ = jax.lax.scan(lambda ys, draw: (jax_step(ys, data, *draw), None), ys, (inner, logits))
        return jax_loss(end, data[2][outer], data[3][outer], jnp.ones(B)), end

    (_, end), grad = jax.value_and_grad(outer_loss, has_aux=True)(x[inner])
    return x.at[inner].add(-ETA_X * grad), end


def jax_forms(task, iterate, replicas=1):
    """A compiled call for each iteration, and one for all iterations of the task; buffers are donated."""
    data, draws = [jnp.array(a) for a in task[:4]], (jnp.array(task.inner), jnp.array(task.outer))
    single, count = list(zip(*draws)), len(task.inner)
    body = iterate if replicas == 1 else jax.vmap(iterate, (0, None, None, None))
    scan = lambda state, data, *draws: jax.lax.scan(lambda s, d: (body(s, data, *d), None), state, draws)[0]

    def form(name, function, draws, iterations):
        function = jax.jit(function, donate_argnums=0)
        start = lambda a: jnp.array(np.stack([a] * replicas) if replicas > 1 else a)
        state, draws = (start(task.x), [start(y) for y in task.ys]), cycle(draws)

        def run(n):
            nonlocal state
            for _ in range(n):
                state = function(state, data, *next(draws))
            jax.block_until_ready(state)

        def params():
            x, *ys = [a[-1] if replicas > 1 else a for a in (state[0], *state[1])]
            return [x, *ys] if iterate is jax_outer else ys

        return Form(name, run, params, iterations, replicas)

    kind = "JAX, jit" + (f", vmap over {replicas}" if replicas > 1 else "")
    return [form(kind, body, single, 1), form(f"{kind}, scan of {count}", scan, [draws], count)]


# ---- Comparing and timing ------------------------------------------------------------------------------------------


def items_of(images, onehot):
    """Name, task and forms of every item; the first form is the reference of the check."""
    task = make_task(images, onehot, 100, 1)
    forms = [inner_autograd(task), inner_module(task), inner_hand(task), inner_hand(task, True)]
    yield "inner step", task, [*forms, *jax_forms(task, jax_inner)]
    for T, iterations in (1, 100), (8, 16), (32, 4):
        task = make_task(images, onehot, iterations, T)
        yield f"outer iteration, T = {T}", task, [outer_lean(task), *jax_forms(task, jax_outer)]
    task = make_task(images, onehot, 100, 1, (784, 10))
    forms = [inner_autograd(task), linear_hand(task, 1), linear_hand(task, REPLICAS)]
    yield "linear softmax step", task, [*forms, *jax_forms(task, jax_inner), *jax_forms(task, jax_inner, REPLICAS)]


def moved(form, iterations):
    """How far each parameter goes in so many iterations."""
    read = lambda: [np.array(p.detach().numpy() if torch.is_tensor(p) else p) for p in form.params()]
    start = read()
    form.run(iterations // form.iterations)
    return [end - begin for begin, end in zip(start, read())]


def check(item, task, forms):
    reference = moved(forms[0], len(task.inner))
    for form in forms[1:]:
        pairs = zip(moved(form, len(task.inner)), reference)
        error = max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs)
        print(f"check: {item}: {form.name}: {error:.0e} from {forms[0].name}", file=sys.stderr)
        if not error < 1e-4:
            sys.exit("the ports do not compute the same")


def measure(forms, seconds, block=0.05):
    """Name, seconds per item (a value a block of calls) and timed iterations of each form.

    Forms take turns, so that drift hits all alike; the call that warms the caches again is not timed. Of a form whose
    call takes a second or more there are three calls.
    """

    def timed(form, n):
        start = time.perf_counter()
        form.run(n)
        return time.perf_counter() - start

    for form in forms:
        timed(form, 1)
    first = [timed(form, 1) for form in forms]
    often = lambda form, first: min([first] + [timed(form, 1) for _ in range(9 if first < block else 0)])
    calls = [max(1, int(block / often(form, time))) for form, time in zip(forms, first)]
    samples = [[] for _ in forms]
    for turn in range(max(5, int(seconds / block))):
        for form, n, out, slow in zip(forms, calls, samples, [time >= 1 for time in first]):
            if slow and turn >= 3:
                continue
            form.run(0 if slow else 1)
            out.append(timed(form, n) / (n * form.iterations * form.replicas))
    counts = [n * form.iterations * len(out) for form, n, out in zip(forms, calls, samples)]
    return list(zip([form.name for form in forms], samples, counts))


# ---- Bistable ------------------------------------------------------------------------------------------------------


def pin(cores):
    """Binds this process, and what it starts, to these cores; returns those it had."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, cores or {max(before)})
    return before


def cargo_bench(cores, benches=()):
    """Builds on all cores, runs on the one that the ports use."""
    one = pin(cores)
    for last in ["--no-run"], ["--", "--warm-up-time", "1", "--measurement-time", "3", *benches]:
        command = ["cargo", "bench", "-p", "bistable-worker", "--bench", "iteration", *last]
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
        pin(one)


def criterion(path, items):
    """Fastest and median seconds an item in the newest run of a bench, and when that was."""
    sample = json.loads((path / "sample.json").read_text())
    median = json.loads((path / "estimates.json").read_text())["median"]["point_estimate"]
    fastest = min(time / iterations for time, iterations in zip(sample["times"], sample["iters"]))
    return fastest * 1e-9 / items, median * 1e-9 / items, (path / "sample.json").stat().st_mtime


def end_to_end(binary, data_dir):
    """Wall seconds and digest of the experiments through `bistable run`, one compute thread, a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder, "compare.toml")
        sweep.write_text(SWEEP)
        command = [binary, "run", sweep, "--json", "--no-plots", "--threads", "1", "--store", f"{folder}/store.sqlite"]
        command += ["--data-dir", data_dir] if data_dir else []
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{binary} failed: {done.stderr}")
    return wall, json.loads(done.stdout)["digest"]


# ---- Presets -------------------------------------------------------------------------------------------------------

# Those that are stepped in groups of sixteen.
GROUPS = ("ssgd", "tsgd", "ud", "itd-bio")


def rows_of_presets(args, began):
    """Rows of every preset: Bistable's bench, and right after it JAX's forms."""
    images = read_idx(args.data_dir, ["train-images-idx3-ubyte"])[: presets.M1 + presets.M2] / np.float32(255)
    labels = read_idx(args.data_dir, ["train-labels-idx1-ubyte"])[: len(images), 0].astype(np.int64)
    for what, error in presets.check(images, labels):
        print(f"check: {what}: {error:.0e} from JAX's own", file=sys.stderr)
        if not error < 1e-4:
            sys.exit("the ports do not compute the same")
    for name in () if args.check else args.presets or presets.PRESETS:
        if args.cargo_bench:
            cargo_bench(pin(None), ["--sample-size", "10", f"^hyper-cleaning/{name}$"])
        path = args.criterion_dir / f"hyper-cleaning_{name}" / "new"
        ours = []
        if (path / "sample.json").is_file():
            *times, when = criterion(path, (REPLICAS if name in GROUPS else 1) * presets.iterations(name))
            ours = [("Bistable" if when >= began else "Bistable, earlier run", *times)]
        form = lambda kind, run, replicas: Form(kind, run, None, presets.iterations(name), replicas)
        yield from rows_of(name, ours, measure(list(presets.forms(name, images, labels, form)), args.seconds))


# ---- Report --------------------------------------------------------------------------------------------------------


def rows_of(item, ours, ports):
    """Rows of an item: Bistable's, then the ports, fastest first."""
    ports = sorted(((name, min(out), statistics.median(out)) for name, out, _ in ports), key=lambda row: row[2])
    for name, *times in [*ours, *ports]:
        ratios = [time / base for time, base in zip(times, ours[0][1:])] if ours else [None, None]
        yield dict(zip(("what", "form", "min", "median", "min_ratio", "median_ratio"), (item, name, *times, *ratios)))


def show(rows):
    unit = lambda s: f"{s * 1e6:.2f} us" if s < 1e-3 else f"{s * 1e3:.2f} ms" if s < 1 else f"{s:.1f} s"
    ratio = lambda r: "-" if r is None else f"{r:.2f}"
    cells = [["what", "form", "min", "median", "min ratio", "median ratio"]]
    cells += [[f(v) for f, v in zip((str, str, unit, unit, ratio, ratio), row.values())] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, target = parser.add_argument, Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    add("--check", action="store_true", help="compare the ports and stop")
    add("--data-dir", type=Path, help="folder of MNIST's IDX files [default: synthetic, 19 %% non-zeros]")
    add("--seconds", type=float, default=1.0, help="how long a form is timed [default: 1]")
    add("--cargo-bench", action="store_true", help="run Bistable's benches first, so that the ratios are from one run")
    add("--criterion-dir", type=Path, default=target / "criterion", help="where criterion left Bistable's figures")
    add("--bistable", type=Path, help="a release binary, to time the experiments end to end (about a minute)")
    add("--presets", nargs="*", metavar="NAME", help="these presets (or all) on data hyper-cleaning instead, against JAX")
    add("--json", action="store_true", help="print JSON, in seconds")
    return parser.parse_args()


def main():
    args, began = arguments(), time.time()
    cores = pin(None)
    if args.presets is not None:
        args.data_dir = args.data_dir or ROOT / "worker/src/data/mnist5k"
        rows = list(rows_of_presets(args, began))
        return print(json.dumps({"rows": rows}, indent=2)) if args.json else show(rows)
    torch.set_num_threads(1)
    if args.cargo_bench and not args.check:
        cargo_bench(cores)
    images, onehot = read_data(args.data_dir)
    rows, notes, ours, timed = [], [], [], []
    for item, task, forms in items_of(images, onehot):
        check(item, task, forms)
        if not args.check:
            ports = measure(forms, args.seconds)
            found = [(name, args.criterion_dir / bench / "new", n) for name, bench, n in BENCHES[item]]
            figures = [(name, *criterion(path, n)) for name, path, n in found if (path / "sample.json").is_file()]
            notes += [f"{item}: {name}'s figure is of an earlier run" for name, *_, when in figures if when < began]
            rows += rows_of(item, [figure[:3] for figure in figures], ports)
            timed = ports if item == ITERATION else timed
    if args.check:
        return
    if args.bistable:
        wall, digest = end_to_end(args.bistable.resolve(), args.data_dir)
        ours = [("Bistable, end to end, run once", wall, wall)]
        notes.append(f"digest of the experiments: {digest}")
    runs = [(f"{name}, from {n} iterations", [s * K * (M1 + 1) for s in out], n) for name, out, n in timed]
    rows += rows_of(EXPERIMENTS, ours, runs)
    notes += [
        f"{EXPERIMENTS}: the ports did not run them; theirs is an extrapolation of the iterations timed at T = 1",
        f"  to {M1 + 1} runs of {K}, one after another, without the evaluation and storage that Bistable does",
        f"torch {torch.__version__}, jax {jax.__version__}, {platform.machine()}, one core, f32, "
        + ("data from a folder" if args.data_dir else "synthetic data for the ports"),
        "ratios: a form's time over that of Bistable's first row of the item",
    ]
    if args.json:
        print(json.dumps({"rows": rows, "notes": notes}, indent=2))
    else:
        show(rows)
        print("", *notes, sep="\n")


if __name__ == "__main__":
    main()
