//! STAND-IN for the rendering of estimates.
#![allow(missing_docs)]

use bistable_common::wire::v1::QueryEstimatesResponse;

pub fn table(response: &QueryEstimatesResponse) -> String {
    format!("{response:?}\n")
}

pub fn json(response: &QueryEstimatesResponse) -> String {
    format!("{response:?}\n")
}

pub fn csv(response: &QueryEstimatesResponse) -> String {
    format!("{response:?}\n")
}
