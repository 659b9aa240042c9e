//! What a database keeps as text, read back.

use std::collections::BTreeSet;

use super::StoreError;
use crate::board::FailureKind;

pub(super) fn failure_kind(name: &str) -> Result<FailureKind, StoreError> {
    FailureKind::from_name(name)
        .ok_or_else(|| StoreError::Damaged(format!("failure of kind `{name}`")))
}

pub(super) fn hosts(json: &str) -> Result<BTreeSet<String>, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("hosts: {error}")))
}
