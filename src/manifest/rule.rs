//! Rules that many fields share, as the API server's expression language (CEL) has them.

use kube::core::Rule;

/// A required or defaulted field of `spec` that may not change.
pub(super) fn fixed(field: &str) -> Rule {
    Rule::new(format!("self.{field} == oldSelf.{field}"))
        .message(format!("spec.{field} is immutable").as_str())
}

/// An optional field of `spec` that may not change, appear or vanish.
pub(super) fn fixed_if_any(field: &str) -> Rule {
    Rule::new(unchanged(field)).message(format!("spec.{field} is immutable").as_str())
}

/// The condition of [`fixed_if_any`].
pub(super) fn unchanged(field: &str) -> String {
    format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    )
}

/// A field of `status` that is written once: neither changed nor removed afterwards.
pub(super) fn written_once(field: &str) -> Rule {
    Rule::new(format!(
        "!has(oldSelf.{field}) || (has(self.{field}) && self.{field} == oldSelf.{field})"
    ))
    .message(format!("{field} is written once").as_str())
}
