//! Broken and hostile peers against a real coordinator, beside a good worker: each attack ends with a clear status, no task
//! panics, and the good worker is never lost and finishes its sweep with the right digest.

#[path = "../../../common/tests/fuzz/engine/mod.rs"]
mod fuzzing;
mod siege;
#[path = "../support/mod.rs"]
mod support;

mod asking;
#[path = "../support/certificates.rs"]
mod certificates;
mod connecting;
mod lying;
mod raw;
mod reporting;
mod requests;
mod saying;
mod shaking;
mod trickling;
mod uploading;
#[path = "../support/uploads.rs"]
mod uploads;
