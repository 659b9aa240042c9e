//! Who may call what: one table. A method that is not in it may be called by nobody.

use Access::{Anyone, Known, Of};
use Role::{Read, Submit, Worker};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Leases units and reports them.
    Worker,
    /// Submits sweeps and steers them, and all that `Read` may.
    Submit,
    /// Looks at sweeps and results.
    Read,
}

impl Role {
    pub const ALL: [Self; 3] = [Worker, Submit, Read];

    /// Its word, which is also the name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Worker => "worker",
            Submit => "submit",
            Read => "read",
        }
    }
}

/// The roles of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Roles(u8);

impl Roles {
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | (1 << role as u8))
    }

    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Both the roles of this and of `other`.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }
}

/// Who may call a method, where tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever can connect.
    Anyone,
    /// Whoever has a token.
    Known,
    /// Whoever has a token of one of these roles.
    Of(&'static [Role]),
}

impl Access {
    /// Whether a token of `roles` may.
    pub fn allows(self, roles: Roles) -> bool {
        match self {
            Anyone => true,
            Known => !roles.is_empty(),
            Of(any) => any.iter().any(|role| roles.has(*role)),
        }
    }
}

const READING: Access = Of(&[Read, Submit]);
const STEERING: Access = Of(&[Submit]);
const WORKING: Access = Of(&[Worker]);

const TABLE: [(&str, Access); 21] = [
    ("/bistable.v1.SweepService/GetSweep", READING),
    ("/bistable.v1.SweepService/ListSweeps", READING),
    ("/bistable.v1.SweepService/WatchSweep", READING),
    ("/bistable.v1.SweepService/SubmitSweep", STEERING),
    ("/bistable.v1.SweepService/PauseSweep", STEERING),
    ("/bistable.v1.SweepService/ResumeSweep", STEERING),
    ("/bistable.v1.SweepService/CancelSweep", STEERING),
    ("/bistable.v1.SweepService/RetrySweep", STEERING),
    ("/bistable.v1.SweepService/DeleteSweep", STEERING),
    ("/bistable.v1.ResultService/QueryEstimates", READING),
    ("/bistable.v1.ResultService/WatchEstimates", READING),
    ("/bistable.v1.ResultService/StreamTrajectories", READING),
    ("/bistable.v1.WorkService/Session", WORKING),
    ("/bistable.v1.WorkService/Beat", WORKING),
    ("/bistable.v1.WorkService/Report", WORKING),
    ("/bistable.v1.WorkService/FetchData", WORKING),
    ("/bistable.v1.WorkService/StatData", Of(&[Worker, Submit])),
    ("/bistable.v1.WorkService/UploadData", STEERING),
    ("/grpc.health.v1.Health/Check", Anyone),
    ("/grpc.health.v1.Health/Watch", Anyone),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Known,
    ),
];

/// Who may call the method at `path`; `None` if there is no such method.
pub(crate) fn access(path: &str) -> Option<Access> {
    let found = TABLE.iter().find(|(known, _)| *known == path);
    found.map(|(_, access)| *access)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bistable_common::wire::DESCRIPTORS;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// The methods of a compiled protocol.
    fn methods(descriptors: &[u8]) -> Vec<String> {
        let files = FileDescriptorSet::decode(descriptors).expect("descriptors");
        let mut paths = Vec::new();
        for file in &files.file {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                let methods = service.method.iter();
                paths.extend(methods.map(|method| format!("/{service_name}/{}", method.name())));
            }
        }
        paths
    }

    #[test]
    fn every_method_is_in_the_table_and_nothing_else() {
        let compiled = [
            DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ];
        let offered: BTreeSet<_> = compiled.into_iter().flat_map(methods).collect();
        let listed: BTreeSet<_> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(offered, listed);
        assert_eq!(listed.len(), TABLE.len(), "each is there once");
    }

    #[test]
    fn roles_add_up() {
        let both = Roles::default()
            .with(Worker)
            .and(Roles::default().with(Read));
        assert!(both.has(Worker) && both.has(Read) && !both.has(Submit));
        assert!(WORKING.allows(both) && READING.allows(both) && !STEERING.allows(both));
        let none = Roles::default();
        assert!(Anyone.allows(none) && !Known.allows(none) && !READING.allows(none));
        assert_eq!(access("/bistable.v1.SweepService/Own"), None);
    }
}
