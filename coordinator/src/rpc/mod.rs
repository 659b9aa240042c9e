//! The gRPC services, and the conversions that only they need.

pub mod estimate_wire;
