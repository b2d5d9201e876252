//! The words of an outcome as lists, for whoever must cover all of them.

use super::{Status, TrapReason};

impl Status {
    /// Every kind of status, as it stands in JSON.
    pub const KINDS: [&'static str; 6] = ["exited", "raised", "exceeded", "trapped", "cancelled", "suspended"];

    /// Its kind, as it stands in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Status::Exited { .. } => "exited",
            Status::Raised { .. } => "raised",
            Status::Exceeded { .. } => "exceeded",
            Status::Trapped { .. } => "trapped",
            Status::Cancelled => "cancelled",
            Status::Suspended { .. } => "suspended",
        }
    }
}

impl TrapReason {
    /// Every reason.
    pub const ALL: [TrapReason; 11] = [
        TrapReason::StackOverflow,
        TrapReason::MemoryOutOfBounds,
        TrapReason::TableOutOfBounds,
        TrapReason::BadIndirectCall,
        TrapReason::IntegerOverflow,
        TrapReason::IntegerDivisionByZero,
        TrapReason::BadConversionToInteger,
        TrapReason::Unreachable,
        TrapReason::NullReference,
        TrapReason::UncaughtException,
        TrapReason::Other,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LimitKey;

    #[test]
    fn every_kind_is_the_one_that_stands_in_json() {
        let all = [
            Status::Exited { code: 0 },
            Status::Raised { r#type: String::new(), message: String::new(), traceback: String::new() },
            Status::Exceeded { limit: LimitKey::Fuel },
            Status::Trapped { reason: TrapReason::Other },
            Status::Cancelled,
            Status::Suspended { calls: Vec::new(), token: String::new() },
        ];
        assert_eq!(all.each_ref().map(Status::kind), Status::KINDS);
        for status in all {
            assert_eq!(serde_json::to_value(&status).unwrap()["kind"], status.kind());
        }
    }

    #[test]
    fn no_reason_of_a_trap_is_missing() {
        // A reason that is added does not compile here before it has a place in the list.
        let place = |reason: TrapReason| match reason {
            TrapReason::StackOverflow => 0,
            TrapReason::MemoryOutOfBounds => 1,
            TrapReason::TableOutOfBounds => 2,
            TrapReason::BadIndirectCall => 3,
            TrapReason::IntegerOverflow => 4,
            TrapReason::IntegerDivisionByZero => 5,
            TrapReason::BadConversionToInteger => 6,
            TrapReason::Unreachable => 7,
            TrapReason::NullReference => 8,
            TrapReason::UncaughtException => 9,
            TrapReason::Other => 10,
        };
        assert_eq!(TrapReason::ALL.map(place), std::array::from_fn(|index| index));
    }
}
