//! Every preset, as its paper writes it: the first outer iterations by hand.

use bistable_common::{
    draw::{Key, Level, Purpose},
    spec::{
        Solver,
        presets::{self, PRESETS},
    },
    sweep::Facts,
};
use ndarray::{Array1, Array2};

use super::{
    WHO,
    bowls::{Bowls, x_of, y_of},
    close, facts, rows, run,
    textbook::{self, norm, shrink_until},
};
use crate::problem::{Oracle, Plain};

type Vector = Array1<f64>;

/// What the papers' pseudocode can see: the problem, what is drawn, and where the run is.
struct Page {
    bowls: Bowls,
    facts: Facts,
    k: u64,
    x: Vector,
    y: Vector,
    y_0: Vector,
}

const ROUNDS: u64 = 4;
const ALL: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const D: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// Checks `preset` with `steps` inner steps against what `iteration` makes of x and y.
fn check(preset: &str, steps: u32, iteration: impl FnMut(&mut Page)) {
    let preset = presets::find(preset).expect("a preset");
    check_solver(preset.solver(steps), iteration);
}

fn check_solver(solver: Solver, mut iteration: impl FnMut(&mut Page)) {
    let (plain, facts) = (Plain(Bowls::new(2, 5)), facts(solver, ROUNDS));
    let states = run(&plain, &facts);
    let start = plain.0.start();
    let mut page = Page {
        bowls: plain.0,
        facts,
        k: 0,
        x: x_of(&start),
        y: y_of(&start),
        y_0: y_of(&start),
    };
    for state in &states[1..] {
        iteration(&mut page);
        // Later iterations may magnify what rounding did in the first two.
        let tolerance = if page.k < 2 { 1e-12 } else { 1e-9 };
        close(&state.at.y, &page.y.to_vec(), tolerance);
        close(&state.at.x, &page.x.to_vec(), tolerance);
        page.k += 1;
    }
}

fn own_steps(preset: &str) -> u32 {
    presets::find(preset).expect("a preset").inner_steps.count()
}

impl Page {
    fn drawn(&self, level: Level, sub_step: u32) -> Vec<u32> {
        rows(&self.facts, level, self.k, sub_step)
    }
    fn xi(&self) -> Vec<u32> {
        self.drawn(Level::Outer, 0)
    }
    fn zeta(&self, t: u32) -> Vec<u32> {
        self.drawn(Level::Inner, t)
    }
    fn g(&self, y: &Vector, rows: &[u32]) -> f64 {
        self.bowls.g(&self.x, y, rows)
    }
    fn g_y(&self, y: &Vector, rows: &[u32]) -> Vector {
        self.bowls.g_y(&self.x, y, rows)
    }
    fn f(&self, x: &Vector) -> f64 {
        self.bowls.f(x, &self.y, &self.xi())
    }
    fn f_x(&self) -> Vector {
        self.bowls.f_x(&self.x, &self.xi())
    }
    fn f_y(&self) -> Vector {
        self.bowls.f_y(&self.y, &self.xi())
    }

    /// Ji21 Algorithm 3: `v = eta sum r_i` from `r_Q = d_y f`, with `B_Q` first.
    fn stocbio_v(&self, q: u32, eta: f64) -> Vector {
        let mut r = self.f_y();
        let mut sum = r.clone();
        for j in (1..=q).rev() {
            let batch = self.drawn(Level::Curvature, j);
            r = &r - eta * self.bowls.g_yy(&self.y, &batch).dot(&r);
            sum += &r;
        }
        eta * sum
    }

    /// Ghadimi & Wang's v: N/L times a product of random length.
    fn bsa_v(&self, most: u32, eta: f64) -> Vector {
        let mut key = Key::new(self.facts.seed, WHO, Purpose::Truncation);
        let length = key.stream(self.k, 0).below(most);
        let mut v = self.f_y();
        for j in 1..=length {
            let batch = self.drawn(Level::Curvature, j);
            v = &v - eta * self.bowls.g_yy(&self.y, &batch).dot(&v);
        }
        f64::from(most) * eta * v
    }

    /// `d_x f - d_x d_y g v`, the cross term on a batch of its own.
    fn implicit(&self, v: &Vector) -> Vector {
        self.f_x() - self.bowls.g_xy(&self.drawn(Level::Cross, 0)).dot(v)
    }

    /// The Hessian on all of S.
    fn hessian(&self) -> Array2<f64> {
        self.bowls.g_yy(&self.y, &ALL)
    }
}

/// SBO Algorithms 2 and 3 but for the start: T steps, then x against the derivative through them.
fn sgd_through(page: &mut Page, steps: u32, eta_y: f64, eta_x: f64) {
    let mut path = Vec::new();
    for t in 0..steps {
        path.push(page.y.clone());
        page.y = &page.y - eta_y * page.g_y(&page.y, &page.zeta(t));
    }
    let mut lambda = page.f_y();
    let mut h = page.f_x();
    for t in (0..steps).rev() {
        let (y, batch) = (&path[t as usize], page.zeta(t));
        h = h - eta_y * page.bowls.g_xy(&batch).dot(&lambda);
        lambda = &lambda - eta_y * page.bowls.g_yy(y, &batch).dot(&lambda);
    }
    page.x = &page.x - eta_x * h;
}

#[test]
fn ssgd() {
    check("ssgd", own_steps("ssgd"), |page| {
        let (zeta, xi) = (page.zeta(0), page.xi());
        page.y = &page.y - 0.01 * page.g_y(&page.y, &zeta);
        let pull = page.bowls.g_xy(&zeta).dot(&page.bowls.f_y(&page.y, &xi));
        let h = page.bowls.f_x(&page.x, &xi) - 0.01 * pull;
        page.x = &page.x - 5.0 * h;
    });
}

#[test]
fn tsgd_and_ud() {
    for steps in [own_steps("tsgd"), 4] {
        check("tsgd", steps, |page| sgd_through(page, steps, 0.01, 5.0));
        check("ud", steps, |page| {
            page.y = page.y_0.clone();
            sgd_through(page, steps, 0.01, 5.0);
        });
    }
}

#[test]
fn itd_bio_and_reverse() {
    for name in ["itd-bio", "reverse"] {
        assert_eq!(own_steps(name), 200);
        check(name, 200, |page| {
            assert_eq!((page.zeta(0), page.xi()), (ALL.to_vec(), D.to_vec()));
            sgd_through(page, 200, 0.1, 0.1);
        });
    }
}

/// Ji21 Algorithm 1's inner loop.
fn descend(page: &mut Page, steps: u32) {
    for _ in 0..steps {
        page.y = &page.y - 0.1 * page.g_y(&page.y, &ALL);
    }
}

#[test]
fn aid_bio() {
    assert_eq!(own_steps("aid-bio"), 200);
    // Few inner steps, too, so that one iteration's v is not the next one's.
    for steps in [200, 3] {
        let mut v = Array1::zeros(5);
        check("aid-bio", steps, |page| {
            descend(page, steps);
            (v, _) = textbook::cg(&page.hessian(), &page.f_y(), &v, 3, 0.0);
            page.x = &page.x - 0.1 * page.implicit(&v);
        });
    }
}

#[test]
fn aid_bio_increasing() {
    let mut v = Array1::zeros(5);
    check("aid-bio-increasing", 3, |page| {
        // ceil(3 (k + 1)^{1/4}) = 3, 3.57, 3.95, 4.24.
        descend(page, [3, 4, 4, 5][page.k as usize]);
        (v, _) = textbook::cg(&page.hessian(), &page.f_y(), &v, 3, 0.0);
        page.x = &page.x - 0.1 * page.implicit(&v);
    });
}

#[test]
fn aid_cg_and_aid_fp() {
    for steps in [200, 3] {
        check("aid-cg", steps, |page| {
            descend(page, steps);
            let zero = Array1::zeros(5);
            let (v, _) = textbook::cg(&page.hessian(), &page.f_y(), &zero, 3, 0.0);
            page.x = &page.x - 0.1 * page.implicit(&v);
        });
        check("aid-fp", steps, |page| {
            descend(page, steps);
            let (h, b) = (page.hessian(), page.f_y());
            let mut v = Array1::<f64>::zeros(5);
            for _ in 0..3 {
                v = &v - 0.5 * (h.dot(&v) - &b);
            }
            page.x = &page.x - 0.1 * page.implicit(&v);
        });
    }
}

/// L-BFGS with backtracking from a unit step, to `|d_y g| <= tolerance |d_y g at start|` (Nocedal & Wright, Algorithm 7.4).
fn lbfgs(page: &mut Page, tolerance: f64) {
    let mut pairs: Vec<(Vector, Vector)> = Vec::new();
    let mut gradient = page.g_y(&page.y, &ALL);
    let enough = tolerance * norm(&gradient);
    let mut count = 0;
    while count < 100 && norm(&gradient) > enough {
        let mut q = gradient.clone();
        let mut alphas = Vec::new();
        for (s, y) in pairs.iter().rev() {
            let alpha = s.dot(&q) / y.dot(s);
            q = q - alpha * y;
            alphas.push(alpha);
        }
        let gamma = pairs.last().map_or(1.0, |(s, y)| s.dot(y) / y.dot(y));
        let mut p = gamma * q;
        for ((s, y), alpha) in pairs.iter().zip(alphas.iter().rev()) {
            let beta = y.dot(&p) / y.dot(s);
            p = p + (alpha - beta) * s;
        }
        let (here, slope) = (page.g(&page.y, &ALL), gradient.dot(&p));
        let eta = shrink_until(1.0, 0.8, |eta| {
            page.g(&(&page.y - eta * &p), &ALL) <= here - 0.1 * eta * slope
        });
        let next = &page.y - eta * &p;
        let new = page.g_y(&next, &ALL);
        pairs.push((&next - &page.y, &new - &gradient));
        if pairs.len() > 10 {
            pairs.remove(0);
        }
        (page.y, gradient, count) = (next, new, count + 1);
    }
    assert!(count < 50, "it got there");
}

/// Pedregosa 2016 with a step of `scale / L` and tolerances from `first` on; what became of L, by name.
fn follow_hoag(scale: f64, first: f64) -> Vec<&'static str> {
    let mut solver = presets::find("hoag").expect("a preset").solver(100);
    solver.eta_x.scale *= scale;
    let tolerance = solver.schedule.tolerance.as_mut().expect("has one");
    tolerance.first *= first / 0.01;
    let mut v = Array1::zeros(5);
    let (mut smoothness, mut moved, mut before) = (0.0, 0.0, 0.0);
    let mut became = Vec::new();
    check_solver(solver, |page| {
        let epsilon = |k: u64| first * 0.9f64.powi(k as i32);
        let now = epsilon(page.k);
        lbfgs(page, now);
        // That of conjugate gradients is the preset's.
        let residual = 0.01 * 0.9f64.powi(page.k as i32);
        (v, _) = textbook::cg(&page.hessian(), &page.f_y(), &v, 100, residual);
        let h = page.implicit(&v);
        let objective = page.f(&page.x);
        if page.k == 0 {
            smoothness = norm(&h) * 2.0;
        } else {
            let slack = 0.25 * now + 1.25 * epsilon(page.k - 1) * moved;
            let enough = before - smoothness * moved * moved;
            let (factor, name) = match objective {
                o if o <= enough => (0.95, "trusted"),
                o if o <= enough + slack => (0.95, "forgiven"),
                o if o > before => (2.0, "doubted"),
                _ => (1.0, "kept"),
            };
            smoothness *= factor;
            became.push(name);
        }
        let step = scale * &h / smoothness;
        (moved, before) = (norm(&step), objective);
        page.x = &page.x - &step;
    });
    became
}

#[test]
fn hoag() {
    assert_eq!(own_steps("hoag"), 100);
    let mut seen = follow_hoag(1.0, 0.01);
    for (scale, first) in [
        (0.1, 0.01),
        (1.5, 0.01),
        (3.0, 0.01),
        (1.0, 0.3),
        (3.0, 0.3),
    ] {
        seen.extend(follow_hoag(scale, first));
    }
    for name in ["trusted", "forgiven", "doubted", "kept"] {
        assert!(seen.contains(&name), "{seen:?}");
    }
}

#[test]
fn stocbio() {
    assert_eq!(own_steps("stocbio"), 200);
    let steps = 3;
    check("stocbio", steps, |page| {
        assert_eq!((page.xi().len(), page.zeta(1).len()), (1000, 1000));
        for t in 0..steps {
            page.y = &page.y - 0.1 * page.g_y(&page.y, &page.zeta(t));
        }
        let v = page.stocbio_v(3, 0.5);
        page.x = &page.x - 0.1 * page.implicit(&v);
    });
}

#[test]
fn bsa() {
    check("bsa", own_steps("bsa"), |page| {
        // From the initial point each time; ceil(sqrt(k + 1)) steps of one sample.
        page.y = page.y_0.clone();
        for t in 0..[1, 2, 2, 2][page.k as usize] {
            assert_eq!(page.zeta(t).len(), 1);
            page.y = &page.y - 0.1 / f64::from(t + 1) * page.g_y(&page.y, &page.zeta(t));
        }
        let v = page.bsa_v(3, 0.5);
        page.x = &page.x - 0.1 / ((page.k + 1) as f64).sqrt() * page.implicit(&v);
    });
}

#[test]
fn ttsa() {
    check("ttsa", own_steps("ttsa"), |page| {
        let k = (page.k + 1) as f64;
        page.y = &page.y - 0.1 * k.powf(-0.4) * page.g_y(&page.y, &page.zeta(0));
        let v = page.bsa_v(3, 0.5);
        page.x = &page.x - 0.1 * k.powf(-0.6) * page.implicit(&v);
    });
}

#[test]
fn bisps() {
    let mut clipped = Vec::new();
    check("bisps", 3, |page| {
        let k = (page.k + 1) as f64;
        for t in 0..3 {
            let zeta = page.zeta(t);
            let gradient = page.g_y(&page.y, &zeta);
            let sps = page.g(&page.y, &zeta) / (0.5 * gradient.dot(&gradient));
            page.y = &page.y - sps.min(100.0 / k) * gradient;
        }
        let h = page.implicit(&page.stocbio_v(10, 0.01));
        let sps = page.f(&page.x) / (0.5 * h.dot(&h));
        let alpha = (0.01 / k.sqrt()).max(sps).min(10.0 / k.sqrt());
        clipped.push(alpha != sps);
        page.x = &page.x - alpha * h;
    });
    assert!(clipped.contains(&false));
}

/// BiSLS's inner steps: backtracking from 100 each time. Returns the last one's size.
fn sls(page: &mut Page) -> f64 {
    let mut beta = 0.0;
    for t in 0..10 {
        let zeta = page.zeta(t);
        let gradient = page.g_y(&page.y, &zeta);
        let (here, norm2) = (page.g(&page.y, &zeta), gradient.dot(&gradient));
        beta = shrink_until(100.0, 0.8, |beta| {
            page.g(&(&page.y - beta * &gradient), &zeta) <= here - 0.1 * beta * norm2
        });
        page.y = &page.y - beta * gradient;
    }
    beta
}

/// `f(x^, y^)` with one inner step at `x^`, on the last inner batch.
fn f_after_a_step(page: &Page, x: &Vector, beta: f64) -> f64 {
    let y = &page.y - beta * page.bowls.g_y(x, &page.y, &page.zeta(9));
    page.bowls.f(x, &y, &page.xi())
}

#[test]
fn bisls_sgd() {
    let mut alpha = 5.0;
    let mut tried = Vec::new();
    check("bisls-sgd", own_steps("bisls-sgd"), |page| {
        let beta = sls(page);
        let h = page.implicit(&page.stocbio_v(10, 0.01));
        // Reset option 3: twice the last, from the bound on.
        let first = f64::min(10.0, 2.0 * alpha);
        alpha = shrink_until(first, 0.8, |alpha| {
            f_after_a_step(page, &(&page.x - alpha * &h), beta)
                <= page.f(&page.x) - 0.1 * alpha * h.dot(&h)
        });
        tried.push(alpha < first && alpha > 1e-3);
        page.x = &page.x - alpha * h;
    });
    assert!(tried.contains(&true), "it searched and found");
}

#[test]
fn bisls_adam() {
    let mut alpha = 5.0;
    let mut found = Vec::new();
    let (mut m, mut s) = (Array1::<f64>::zeros(2), Array1::<f64>::zeros(2));
    check("bisls-adam", own_steps("bisls-adam"), |page| {
        let beta = sls(page);
        let h = page.implicit(&page.stocbio_v(10, 0.01));
        let n = page.k as i32 + 1;
        m = 0.9 * m.clone() + 0.1 * &h;
        s = 0.999 * s.clone() + 0.001 * (&h * &h);
        let m_hat = &m / (1.0 - 0.9f64.powi(n));
        let a = (&s / (1.0 - 0.999f64.powi(n))).mapv(f64::sqrt) + 1e-8;
        let p = &h / &a;
        alpha = shrink_until(f64::min(10.0, 2.0 * alpha), 0.8, |alpha| {
            f_after_a_step(page, &(&page.x - alpha * &p), beta)
                <= page.f(&page.x) - 0.1 * alpha * h.dot(&p)
        });
        found.push(alpha);
        page.x = &page.x - alpha * m_hat / a;
    });
    assert!(found.iter().any(|&alpha| alpha > 1e-3), "{found:?}");
}

#[test]
fn sgd() {
    check("sgd", own_steps("sgd"), |page| {
        page.x = &page.x - 0.01 * page.f_x();
    });
}

#[test]
fn sps_max() {
    check("sps-max", own_steps("sps-max"), |page| {
        let gradient = page.f_x();
        let size = page.f(&page.x) / (0.5 * gradient.dot(&gradient));
        page.x = &page.x - size.min(1.0) * gradient;
    });
}

#[test]
fn dec_sps() {
    let mut last = 0.0;
    check("dec-sps", own_steps("dec-sps"), |page| {
        let gradient = page.f_x();
        let c = |k: u64| ((k + 1) as f64).sqrt();
        let ratio = page.f(&page.x) / gradient.dot(&gradient);
        last = match page.k {
            0 => ratio.min(c(0) * 1.0) / c(0),
            k => ratio.min(c(k - 1) * last) / c(k),
        };
        page.x = &page.x - last * gradient;
    });
}

#[test]
fn spsb() {
    check("spsb", own_steps("spsb"), |page| {
        let gradient = page.f_x();
        let size = page.f(&page.x) / gradient.dot(&gradient);
        let bound = 1.0 / ((page.k + 1) as f64).sqrt();
        page.x = &page.x - size.min(bound) * gradient;
    });
}

#[test]
fn slsb() {
    check("slsb", own_steps("slsb"), |page| {
        let gradient = page.f_x();
        let bound = 1.0 / ((page.k + 1) as f64).sqrt();
        let size = shrink_until(bound, 0.8, |size| {
            page.f(&(&page.x - size * &gradient))
                <= page.f(&page.x) - 0.1 * size * gradient.dot(&gradient)
        });
        assert!(size < bound);
        page.x = &page.x - size * gradient;
    });
}

#[test]
fn no_preset_is_without_a_trace() {
    let source = include_str!("traces.rs");
    // Those of minimax problems and those that adapt to tasks are traced in files of their own.
    let here = PRESETS.iter().filter(|preset| preset.ascent.is_none());
    for preset in here.filter(|preset| !preset.start.is_outer()) {
        let named = format!("\"{}\"", preset.name);
        assert!(source.contains(&named), "{}", preset.name);
    }
}
