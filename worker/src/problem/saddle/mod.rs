//! Minimax problems on labelled data: their inner level is `argmin_y max_z g(x, y, z)`.

mod auc;
mod robust_reweighting;
mod samples;
#[cfg(test)]
mod tests;

pub use auc::Auc;
pub use robust_reweighting::RobustReweighting;
