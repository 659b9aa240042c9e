//! A bounded nonconvex term for a component: `h(t) = t^2 / (1 + t^2)`, whose curvature `h''` has the range [-1/2, 2] and
//! takes the ends at 1 and at 0, and whose slope has the range [-9 / (8 sqrt 3), 9 / (8 sqrt 3)].

/// `h`.
pub fn value(t: f64) -> f64 {
    let square = t * t;
    square / (1.0 + square)
}

/// `h'`.
pub fn slope(t: f64) -> f64 {
    let one = 1.0 + t * t;
    2.0 * t / (one * one)
}

/// `h''`.
pub fn curvature(t: f64) -> f64 {
    let square = t * t;
    let one = 1.0 + square;
    (2.0 - 6.0 * square) / (one * one * one)
}
