"""An outer iteration of the bilevel presets on data hyper-cleaning in JAX, each one compiled call: `compare.py --presets`.

A linear softmax classifier y (10 by 784, and a bias: a 785th input that is 1) with the penalty l2 |y|^2, a weight
sigmoid(x_b) for each training row. T, batches and lengths of series are the presets'. Derivatives are by hand, which is
never slower than JAX's own here, and `check` compares them. Products are in the order that XLA does quickest on one core:
logits are class by sample, and the training rows are kept in both orientations. Draws are made beforehand.
"""

from itertools import cycle
from math import ceil

import jax
import jax.numpy as jnp
import numpy as np

M1, M2, L2, NOISE, ROUNDS = 1000, 2000, 1e-3, 0.4, 100
MAX_TRIALS = 100
# Pairs that L-BFGS remembers, and outer iterations that are timed together, from the start.
MEMORY, HOAG = 10, 10


# ---- Mathematics: s is (X, X', one-hot labels, indices into x) of a batch ------------------------------------------


def residual(y, s):
    p = jax.nn.softmax(y @ s[1], 0)
    return p, p - s[2]


def losses(y, s):
    return -(jax.nn.log_softmax(y @ s[1], 0) * s[2]).sum(0)


def weights(x, s):
    return jax.nn.sigmoid(x[s[3]])


def g(x, y, s):
    return (weights(x, s) * losses(y, s)).mean() + L2 * (y * y).sum()


def f(y, s):
    return losses(y, s).mean()


def inner_grad(x, y, s):
    return (residual(y, s)[1] * (weights(x, s) / s[0].shape[0])) @ s[0] + 2 * L2 * y


def outer_grad(y, s):
    return (residual(y, s)[1] / s[0].shape[0]) @ s[0]


def linearize(x, y, s):
    """v -> d_yy g v, and v -> d_x d_y g v."""
    p, r = residual(y, s)
    w = weights(x, s)
    n = s[0].shape[0]

    def hvp(v):
        z = v @ s[1]
        return (p * (z - (p * z).sum(0)) * (w / n)) @ s[0] + 2 * L2 * v

    def cross(v):
        along = (r * (v @ s[1])).sum(0) * (w * (1 - w) / n)
        return along if s[3].shape == x.shape and s[4] else jnp.zeros_like(x).at[s[3]].add(along)

    return hvp, cross


# ---- Parts -----------------------------------------------------------------------------------------------------------


class Data:
    """Training and validation rows, and batches of them."""

    def __init__(self, images, labels, rng):
        rows = np.concatenate([images, np.ones((len(images), 1), np.float32)], 1)
        noisy = rng.random(M2) < NOISE
        labels[:M2][noisy] = rng.integers(0, 10, noisy.sum())
        onehot = np.eye(10, dtype=np.float32)[labels].T
        half = lambda a, n, m: (jnp.array(a[n:m]), jnp.array(a[n:m].T.copy()))
        self.arrays = (*half(rows, 0, M2), jnp.array(onehot[:, :M2]), *half(rows, M2, M2 + M1), jnp.array(onehot[:, M2:]))


def inner(data, idx):
    """A batch of training rows; all of them if it is None."""
    if idx is None:
        return (data[0], data[1], data[2], jnp.arange(M2), True)
    X = data[0][idx]
    return (X, X.T, data[2][:, idx], idx, False)


def outer(data, idx):
    if idx is None:
        return data[3:6]
    X = data[3][idx]
    return (X, X.T, data[5][:, idx])


def cg(hvp, slope, v, warm, steps):
    r = slope - hvp(v) if warm else slope

    def body(carry, _):
        v, r, d, rest = carry
        Hd = hvp(d)
        a = rest / (d * Hd).sum()
        v, r = v + a * d, r - a * Hd
        now = (r * r).sum()
        return (v, r, r + now / rest * d, now), None

    return jax.lax.scan(body, (v, r, r, (r * r).sum()), None, steps)[0][0]


def search(first, accept):
    """The first of first, 0.8 first, ... that is accepted."""
    go = lambda c: (c[1] < MAX_TRIALS - 1) & ~accept(c[0])
    return jax.lax.while_loop(go, lambda c: (c[0] * 0.8, c[1] + 1), (first, 0))[0]


# ---- Presets: `iterate(state, data, draw) -> state` -------------------------------------------------------------------


def state_of(rng):
    bound = 784**-0.5
    y = np.float32(rng.uniform(-bound, bound, (10, 785)))
    zeros = np.zeros(M2, np.float32)
    return dict(x=zeros, y=y, v=np.zeros_like(y), m=zeros, s=zeros, count=np.int32(0), eta=np.float32(5.0))


def differentiated(eta_x, eta_y):
    """Through T full-batch steps, by JAX itself, which is quicker here than `unrolled`."""

    def iterate(state, data, draw):
        x, s, o = state["x"], inner(data, None), outer(data, None)

        def loss(x):
            step = lambda y, _: (y - eta_y * jax.grad(g, 1)(x, y, s), None)
            y, _ = jax.lax.scan(step, state["y"], None, draw["T"])
            return f(y, o), y

        (_, y), h = jax.value_and_grad(loss, has_aux=True)(x)
        return state | dict(x=x - eta_x * h, y=y)

    return iterate


def unrolled(eta_x, eta_y, reinit=False):
    """In reverse through T steps, on the rows of draw["inner"]."""

    def iterate(state, data, draw):
        x, y = state["x"], draw["start"] if reinit else state["y"]

        def forward(y, idx):
            s = inner(data, idx)
            p, r = residual(y, s)
            return y - eta_y * ((r * (weights(x, s) / s[0].shape[0])) @ s[0] + 2 * L2 * y), p

        def along(v, p, idx, out):
            s = inner(data, idx)
            z, w, n = v @ s[1], weights(x, s), s[0].shape[0]
            add = -eta_y * w * (1 - w) / n * ((p - s[2]) * z).sum(0)
            return (p * (z - (p * z).sum(0)) * (w / n)) @ s[0], out.at[idx].add(add)

        def back(carry, step):
            v, out = carry
            change, out = along(v, *step, out)
            return ((1 - 2 * L2 * eta_y) * v - eta_y * change, out), None

        idx = draw["inner"]
        y, p = jax.lax.scan(forward, y, idx)
        v = outer_grad(y, outer(data, draw.get("outer")))
        (v, out), _ = jax.lax.scan(back, (v, jnp.zeros(M2)), (p[1:], idx[1:]), reverse=True)
        _, out = along(v, p[0], idx[0], out)
        return state | dict(x=x - eta_x * out, y=y)

    return iterate


def implicit(find, eta_x=0.1, eta_y=0.1, reinit=False):
    """T inner steps, then the direction that `find(state, data, draw, slope) -> (v, cross)` makes of the slope of f.

    eta_y and eta_x may be functions of the inner step and the outer iteration."""
    size = lambda eta, n: eta(n) if callable(eta) else eta

    def iterate(state, data, draw):
        x = state["x"]

        def step(t, y):
            idx = draw["inner"][t] if "inner" in draw else None
            return y - size(eta_y, (draw["k"], t)) * inner_grad(x, y, inner(data, idx))

        y = jax.lax.fori_loop(0, draw["steps"], step, draw["start"] if reinit else state["y"])
        state = state | dict(y=y)
        v, cross = find(state, data, draw, outer_grad(y, outer(data, draw.get("outer"))))
        return state | dict(x=x + size(eta_x, draw["k"]) * cross(v), v=v)

    return iterate


def by_cg(warm):
    def find(state, data, draw, slope):
        hvp, cross = linearize(state["x"], state["y"], inner(data, None))
        return cg(hvp, slope, state["v"] if warm else jnp.zeros_like(slope), warm, 3), cross

    return find


def by_fixed_point(state, data, draw, slope):
    hvp, cross = linearize(state["x"], state["y"], inner(data, None))
    return jax.lax.fori_loop(0, 3, lambda _, v: v - 0.5 * (hvp(v) - slope), jnp.zeros_like(slope)), cross


def by_neumann(eta):
    def find(state, data, draw, slope):
        def body(carry, idx):
            r, v = carry
            r = r - eta * linearize(state["x"], state["y"], inner(data, idx))[0](r)
            return (r, v + r), None

        (_, v), _ = jax.lax.scan(body, (slope, slope), draw["curvature"])
        return eta * v, linearize(state["x"], state["y"], inner(data, draw["cross"]))[1]

    return find


def by_random_neumann(state, data, draw, slope):
    def body(j, r):
        return r - 0.5 * linearize(state["x"], state["y"], inner(data, draw["curvature"][j]))[0](r)

    r = jax.lax.fori_loop(0, draw["length"], body, slope)
    return 3 * 0.5 * r, linearize(state["x"], state["y"], inner(data, draw["cross"]))[1]


def line_searches(adam):
    """BiSLS: Armijo at both levels, an inner step at every outer candidate."""

    def iterate(state, data, draw):
        x, y, eta_y = state["x"], state["y"], jnp.float32(0)

        def step(carry, idx):
            y, _ = carry
            s = inner(data, idx)
            grad, before = inner_grad(x, y, s), g(x, y, s)
            norm2 = (grad * grad).sum()
            eta = search(jnp.float32(100), lambda eta: g(x, y - eta * grad, s) <= before - 0.1 * eta * norm2)
            return (y - eta * grad, eta), None

        (y, eta_y), _ = jax.lax.scan(step, (y, eta_y), draw["inner"])
        state, s, o = state | dict(y=y), inner(data, draw["inner"][-1]), outer(data, draw["outer"])
        v, cross = by_neumann(0.01)(state, data, draw, outer_grad(y, o))
        h, m, second, count = -cross(v), state["m"], state["s"], state["count"] + 1
        along = search_along = h
        if adam:
            m, second = m + 0.1 * (h - m), second + 0.001 * (h * h - second)
            root = jnp.sqrt(second / (1 - 0.999**count)) + 1e-8
            along, search_along = m / (1 - 0.9**count) / root, h / root
        before, slope = f(y, o), (h * search_along).sum()

        def accept(eta):
            at = y - eta_y * inner_grad(x - eta * search_along, y, s)
            return f(at, o) <= before - 0.1 * eta * slope

        eta = search(jnp.minimum(2 * state["eta"], 10.0), accept)
        return state | dict(x=x - eta * along, m=m, s=second, count=count, eta=eta)

    return iterate


def polyak_steps(state, data, draw):
    """BiSPS."""
    x, k = state["x"], draw["k"]

    def step(y, idx):
        s = inner(data, idx)
        grad = inner_grad(x, y, s)
        return y - jnp.minimum(g(x, y, s) / (0.5 * (grad * grad).sum()), 100 / (k + 1)) * grad, None

    y, _ = jax.lax.scan(step, state["y"], draw["inner"])
    state, o = state | dict(y=y), outer(data, draw["outer"])
    v, cross = by_neumann(0.01)(state, data, draw, outer_grad(y, o))
    h = cross(v)
    size, root = f(y, o) / (0.5 * (h * h).sum()), jnp.sqrt(k + 1.0)
    return state | dict(x=x + jnp.clip(size, 0.01 / root, 10 / root) * h)


def quasi_newton(y, grad, pairs):
    """B grad of L-BFGS, newest pair last; pairs = (points, gradients, products), products 0 where there is none."""
    points, grads, products = pairs
    known, divisor = products > 0, jnp.where(products > 0, products, 1)
    d, alphas = grad, [None] * MEMORY
    for i in reversed(range(MEMORY)):
        alphas[i] = jnp.where(known[i], (points[i] * d).sum() / divisor[i], 0)
        d = d - alphas[i] * grads[i]
    d = d * jnp.where(known[-1], products[-1] / (grads[-1] ** 2).sum(), 1)
    for i in range(MEMORY):
        beta = jnp.where(known[i], (grads[i] * d).sum() / divisor[i], 0)
        d = d + (alphas[i] - beta) * points[i]
    return d


def learned(pairs, point, grad):
    """With the pair of these differences, if the gradient grew along the step."""
    product = (point * grad).sum()
    pushed = [jnp.concatenate([old[1:], new[None]]) for old, new in zip(pairs, (point, grad, product))]
    grew = product > 1e-10 * (grad * grad).sum()
    return tuple(jnp.where(grew, new, old) for new, old in zip(pushed, pairs))


def solved_to(tolerance, x, y, s):
    """y by L-BFGS with line searches on the logits, until the gradient's norm is `tolerance` of the first's."""
    norm = lambda a: jnp.sqrt((a * a).sum())
    none = (jnp.zeros((MEMORY, *y.shape)), jnp.zeros((MEMORY, *y.shape)), jnp.zeros(MEMORY))
    w = weights(x, s)

    def value(logits, y):
        return (w * -(jax.nn.log_softmax(logits, 0) * s[2]).sum(0)).mean() + L2 * (y * y).sum()

    def step(carry):
        y, grad, first, pairs, t = carry
        d, z = quasi_newton(y, grad, pairs), y @ s[1]
        along, slope, before = d @ s[1], (grad * d).sum(), value(z, y)
        accept = lambda eta: value(z - eta * along, y - eta * d) <= before - 0.1 * eta * slope
        to = y - search(jnp.float32(1), accept) * d
        now = inner_grad(x, to, s)
        return to, now, first, learned(pairs, to - y, now - grad), t + 1

    grad = inner_grad(x, y, s)
    more = lambda c: (norm(c[1]) > tolerance * c[2]) & (c[4] < 100)
    y, *_, steps = jax.lax.while_loop(more, step, (y, grad, norm(grad), none, 0))
    return y, steps


def cg_to(tolerance, hvp, slope, v):
    """Conjugate gradients from v until the residual's norm is `tolerance`."""

    def step(carry):
        v, r, d, rest, t = carry
        Hd = hvp(d)
        a = rest / (d * Hd).sum()
        v, r = v + a * d, r - a * Hd
        now = (r * r).sum()
        return v, r, r + now / rest * d, now, t + 1

    r = slope - hvp(v)
    more = lambda c: (jnp.sqrt(c[3]) > tolerance) & (c[4] < 100)
    v, *_, steps = jax.lax.while_loop(more, step, (v, r, r, (r * r).sum(), 0))
    return v, steps


def hoag(state, data, draw):
    """Its first outer iterations, as many as `HOAG`: how much work one is depends on those before."""
    s, o = inner(data, None), outer(data, None)

    def iteration(k, carry):
        x, y, v, smooth, before, moved, work = carry
        tolerance = 0.01 * 0.9**k
        y, steps = solved_to(tolerance, x, y, s)
        hvp, cross = linearize(x, y, s)
        v, products = cg_to(tolerance, hvp, outer_grad(y, o), v)
        h, value = -cross(v), f(y, o)
        norm = jnp.sqrt((h * h).sum())
        allowed = before + 0.25 * tolerance + 1.25 * tolerance / 0.9 * moved
        adapted = jnp.where(value > before, 2 * smooth, smooth)
        adapted = jnp.where(value <= allowed - smooth * moved**2, 0.95 * smooth, adapted)
        smooth = jnp.where(k > 0, adapted, jnp.where(norm > 1e-3, norm * x.size, 1))
        return x - h / smooth, y, v, smooth, value, norm / smooth, work + jnp.array([steps, products])

    start = (state["x"], state["y"], jnp.zeros_like(state["y"]), *[jnp.float32(0)] * 3, jnp.zeros(2, jnp.int32))
    x, *_, work = jax.lax.fori_loop(0, HOAG, iteration, start)
    return state | dict(m=x, count=work.sum())


# `reverse` is `itd-bio`. Preset: the iteration, T at k, sizes of batches (None: all rows), length of the series.
UNROLLED = dict(T=lambda k: 1, inner=8, outer=8)
FULL = dict(T=lambda k: 200)
MANY = dict(T=lambda k: 200, inner=1000, outer=1000, curvature=1000, series=3)
FEW = dict(T=lambda k: 10, inner=32, outer=32, curvature=32, series=10)
ONE = dict(inner=1, outer=1, curvature=1, series=2)
PRESETS = {
    "ssgd": (unrolled(5.0, 0.01), UNROLLED),
    "tsgd": (unrolled(5.0, 0.01), UNROLLED),
    "ud": (unrolled(5.0, 0.01, reinit=True), UNROLLED),
    "itd-bio": (differentiated(0.1, 0.1), FULL),
    "aid-bio": (implicit(by_cg(warm=True)), FULL),
    "aid-bio-increasing": (implicit(by_cg(warm=True)), dict(T=lambda k: ceil(200 * (k + 1) ** 0.25))),
    "aid-cg": (implicit(by_cg(warm=False)), FULL),
    "aid-fp": (implicit(by_fixed_point), FULL),
    "hoag": (hoag, FULL),
    "stocbio": (implicit(by_neumann(0.5)), MANY),
    "bsa": (
        implicit(by_random_neumann, lambda k: 0.1 / jnp.sqrt(k + 1.0), lambda n: 0.1 / (n[1] + 1.0), reinit=True),
        dict(T=lambda k: ceil((k + 1) ** 0.5), **ONE),
    ),
    "ttsa": (
        implicit(by_random_neumann, lambda k: 0.1 / (k + 1.0) ** 0.6, lambda n: 0.1 / (n[0] + 1.0) ** 0.4),
        dict(T=lambda k: 1, **ONE),
    ),
    "bisps": (polyak_steps, FEW),
    "bisls-sgd": (line_searches(adam=False), FEW),
    "bisls-adam": (line_searches(adam=True), FEW),
}


def iterations(name):
    """Outer iterations of a call."""
    return HOAG if name == "hoag" else 1


def draws_of(needs, start, rng, rounds):
    """What rounds draw: arrays of one shape for all of them, so that there is one compiled call."""
    most = max(needs["T"](k) for k in range(ROUNDS))
    for k in rounds:
        draw = dict(k=np.float32(k), steps=np.int32(needs["T"](k)), start=start)
        for name, rows, shape in ("inner", M2, (most,)), ("outer", M1, ()), ("curvature", M2, (needs.get("series"),)):
            if name in needs:
                draw[name] = rng.integers(0, rows, (*shape, needs[name])).astype(np.int32)
        if "curvature" in needs:
            draw["cross"] = rng.integers(0, M2, needs["curvature"]).astype(np.int32)
            draw["length"] = np.int32(rng.integers(0, 3))
        yield jax.tree.map(jnp.array, draw)


def forms(name, images, labels, form, replicas=16):
    """`form(name, run, replicas)`s of a preset: one replica, and sixteen vmapped ones. `run(n)` makes n iterations."""
    iterate, needs = PRESETS[name]
    T = needs["T"](0)
    rng = np.random.default_rng(3)
    data, start = Data(images, labels.copy(), rng).arrays, state_of(rng)
    rounds = range(ROUNDS) if needs["T"](1) != T or needs.get("inner", M2) <= 32 else range(4)
    draws = list(draws_of(needs, start["y"], rng, rounds))

    def made(kind, count):
        one = lambda state, data, draw: iterate(state, data, draw | dict(T=T))
        many = jax.vmap(one, (0, None, None))
        call = jax.jit(many if count > 1 else one, donate_argnums=0)
        state = jax.tree.map(lambda a: jnp.array(np.stack([a] * count) if count > 1 else a), start)
        todo = cycle(draws)

        def run(n):
            nonlocal state
            for _ in range(n):
                state = call(state, data, next(todo))
            jax.block_until_ready(state)

        return form(kind, run, count)

    yield made("JAX, jit", 1)
    if replicas > 1:
        yield made(f"JAX, jit, vmap over {replicas}", replicas)


def check(images, labels):
    """Our derivatives against JAX's; the unrolled direction through three steps, too."""
    rng = np.random.default_rng(4)
    data, start = Data(images, labels.copy(), rng).arrays, state_of(rng)
    x, y = jnp.array(rng.normal(0, 1, M2).astype(np.float32)), jnp.array(start["y"])
    v = jnp.array(rng.normal(0, 1, y.shape).astype(np.float32))
    idx = jnp.array(rng.integers(0, M2, (3, 32)))
    s, o = inner(data, idx[0]), outer(data, None)
    hvp, cross = linearize(x, y, s)
    grad = jax.grad(g, 1)

    def through(x):
        end = y
        for rows in idx:
            end = end - 0.1 * grad(x, end, inner(data, rows))
        return f(end, o)

    moved = unrolled(1.0, 0.1)(start | dict(x=x, y=y), data, dict(inner=idx, T=3))
    pairs = {
        "d_y g": (inner_grad(x, y, s), grad(x, y, s)),
        "d_y f": (outer_grad(y, o), jax.grad(f)(y, o)),
        "d_yy g v": (hvp(v), jax.jvp(lambda y: grad(x, y, s), (y,), (v,))[1]),
        "d_x d_y g v": (cross(v), jax.grad(lambda x: (grad(x, y, s) * v).sum())(x)),
        "unrolled": (x - moved["x"], jax.grad(through)(x)),
    }
    for name, (ours, theirs) in pairs.items():
        yield name, float(jnp.linalg.norm(ours - theirs) / jnp.linalg.norm(theirs))
