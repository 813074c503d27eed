//! The admission policy on Handoffs, and whether a cluster has it as it was shipped (pure).
//!
//! Without it whoever may create Handoffs could take any browser over, in anybody's name. The text
//! exists once: in the chart, which installs it, and in this program, which compares.

use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{
    NamedRuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Policy and binding, with words in the place of what differs between installations.
const TEXT: &str = include_str!("../../../charts/handback/files/handoff-policy.yaml");

/// Where it is installed, and for whom it does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyAt {
    /// Name of policy and binding.
    pub name: String,
    /// The operator's namespace.
    pub namespace: String,
    /// The operator's service account.
    pub service_account: String,
}

/// Policy and binding as they must be.
#[derive(Clone, Debug)]
pub(in crate::operator) struct Shipped {
    pub(super) name: String,
    policy: ValidatingAdmissionPolicySpec,
    binding: ValidatingAdmissionPolicyBindingSpec,
}

/// In what a cluster's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    NoPolicy,
    NoBinding,
    FailurePolicy,
    Rules,
    Conditions,
    Variables,
    Validations,
    Parameters,
    Binding,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoPolicy => "there is no ValidatingAdmissionPolicy of that name",
            Self::NoBinding => "there is no ValidatingAdmissionPolicyBinding of that name",
            Self::FailurePolicy => "the policy's failurePolicy is not Fail",
            Self::Rules => "the policy's matchConstraints were changed",
            Self::Conditions => "the policy's matchConditions were changed",
            Self::Variables => "the policy's variables were changed",
            Self::Validations => "the policy's validations were changed",
            Self::Parameters => "the policy was given parameters",
            Self::Binding => "the binding does not deny everywhere",
        })
    }
}

/// The program's own copy cannot be read, which tests exclude.
#[derive(Debug, thiserror::Error)]
#[error("reading the policy that is part of this program")]
pub(in crate::operator) struct Unreadable(#[source] serde_saphyr::Error);

impl Shipped {
    /// For this installation.
    pub(in crate::operator) fn at(place: &PolicyAt) -> Result<Self, Unreadable> {
        let text = TEXT
            .replace("__NAME__", &place.name)
            .replace("__NAMESPACE__", &place.namespace)
            .replace("__SERVICE_ACCOUNT__", &place.service_account);
        let (policy, binding) = text.split_once("\n---\n").unwrap_or((&text, ""));
        let policy: ValidatingAdmissionPolicy =
            serde_saphyr::from_str(policy).map_err(Unreadable)?;
        let binding: ValidatingAdmissionPolicyBinding =
            serde_saphyr::from_str(binding).map_err(Unreadable)?;
        Ok(Self {
            name: place.name.clone(),
            policy: policy.spec.unwrap_or_default(),
            binding: binding.spec.unwrap_or_default(),
        })
    }

    /// In what these differ from it, if they do. What a server adds by itself is no difference.
    pub(super) fn difference(
        &self,
        policy: Option<&ValidatingAdmissionPolicy>,
        binding: Option<&ValidatingAdmissionPolicyBinding>,
    ) -> Option<Difference> {
        let Some(policy) = policy.and_then(|policy| policy.spec.as_ref()) else {
            return Some(Difference::NoPolicy);
        };
        let Some(binding) = binding.and_then(|binding| binding.spec.as_ref()) else {
            return Some(Difference::NoBinding);
        };
        let own = &self.policy;
        let bound = binding.policy_name == self.binding.policy_name
            && binding.validation_actions == self.binding.validation_actions
            && binding.match_resources.is_none()
            && binding.param_ref.is_none();
        [
            (policy.failure_policy == own.failure_policy, Difference::FailurePolicy),
            (same_rules(policy, own), Difference::Rules),
            (policy.match_conditions == own.match_conditions, Difference::Conditions),
            (policy.variables == own.variables, Difference::Variables),
            (policy.validations == own.validations, Difference::Validations),
            (policy.param_kind.is_none(), Difference::Parameters),
            (bound, Difference::Binding),
        ]
        .into_iter()
        .find_map(|(same, difference)| (!same).then_some(difference))
    }
}

/// The same rules, and nothing that takes anything out of them: a selector that matches few
/// namespaces would be a policy for few.
fn same_rules(policy: &ValidatingAdmissionPolicySpec, own: &ValidatingAdmissionPolicySpec) -> bool {
    let (Some(found), Some(own)) = (&policy.match_constraints, &own.match_constraints) else {
        return false;
    };
    let everything = |selector: &Option<LabelSelector>| {
        selector.as_ref().is_none_or(|selector| *selector == LabelSelector::default())
    };
    let rules = |rules: &Option<Vec<NamedRuleWithOperations>>| -> Vec<NamedRuleWithOperations> {
        let mut rules = rules.clone().unwrap_or_default();
        for rule in &mut rules {
            rule.scope.get_or_insert_with(|| "*".to_owned());
        }
        rules
    };
    rules(&found.resource_rules) == rules(&own.resource_rules)
        && found.exclude_resource_rules.as_ref().is_none_or(Vec::is_empty)
        && everything(&found.namespace_selector)
        && everything(&found.object_selector)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn place() -> PolicyAt {
        PolicyAt {
            name: "handback-handoffs".to_owned(),
            namespace: "handback".to_owned(),
            service_account: "operator".to_owned(),
        }
    }

    /// As a server returns them, with its defaults.
    fn served() -> (Value, Value) {
        let shipped = Shipped::at(&place()).unwrap();
        let mut policy = json!({"metadata": {"name": shipped.name}, "spec": shipped.policy});
        let constraints = &mut policy["spec"]["matchConstraints"];
        constraints["matchPolicy"] = json!("Equivalent");
        constraints["namespaceSelector"] = json!({});
        constraints["objectSelector"] = json!({});
        constraints["resourceRules"][0]["scope"] = json!("*");
        let binding = json!({"metadata": {"name": shipped.name}, "spec": shipped.binding});
        (policy, binding)
    }

    fn difference(change: impl FnOnce(&mut Value, &mut Value)) -> Option<Difference> {
        let (mut policy, mut binding) = served();
        change(&mut policy, &mut binding);
        let read =
            (serde_json::from_value(policy).unwrap(), serde_json::from_value(binding).unwrap());
        Shipped::at(&place()).unwrap().difference(Some(&read.0), Some(&read.1))
    }

    #[test]
    fn what_a_server_adds_by_itself_is_no_difference() {
        assert_eq!(difference(|_, _| {}), None);
    }

    #[test]
    fn names_are_filled_in_and_nothing_is_left_to_be() {
        let (policy, binding) = served();
        let text = format!("{policy}{binding}");
        assert!(text.contains("system:serviceaccount:handback:operator'"), "{text}");
        assert!(!text.contains("__"), "{text}");
        assert_eq!(binding["spec"]["policyName"], "handback-handoffs");
    }

    #[test]
    fn every_change_that_matters_is_found() {
        let spec = |path: &'static str, value: Value| {
            difference(|policy, _| *policy.pointer_mut(path).unwrap() = value)
        };
        for (found, expected) in [
            (spec("/spec/failurePolicy", json!("Ignore")), Difference::FailurePolicy),
            (spec("/spec/validations/1/expression", json!("true")), Difference::Validations),
            (spec("/spec/variables/0/expression", json!("object")), Difference::Variables),
            (spec("/spec/matchConditions/0/expression", json!("false")), Difference::Conditions),
            (
                spec("/spec/matchConstraints/resourceRules/0/operations", json!(["CREATE"])),
                Difference::Rules,
            ),
            (
                spec(
                    "/spec/matchConstraints/namespaceSelector",
                    json!({"matchLabels": {"a": "b"}}),
                ),
                Difference::Rules,
            ),
            (
                difference(|policy, _| {
                    policy["spec"]["matchConstraints"]["excludeResourceRules"] = json!([{
                        "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
                        "resources": ["*"]}]);
                }),
                Difference::Rules,
            ),
            (
                difference(|policy, _| {
                    policy["spec"]["paramKind"] = json!({"apiVersion": "v1", "kind": "ConfigMap"});
                }),
                Difference::Parameters,
            ),
            (
                difference(|_, binding| {
                    binding["spec"]["validationActions"] = json!(["Audit"]);
                }),
                Difference::Binding,
            ),
            (
                difference(|_, binding| {
                    binding["spec"]["matchResources"] = json!({"namespaceSelector": {}});
                }),
                Difference::Binding,
            ),
            (
                difference(|_, binding| binding["spec"]["policyName"] = json!("other")),
                Difference::Binding,
            ),
        ] {
            assert_eq!(found, Some(expected));
        }
        let shipped = Shipped::at(&place()).unwrap();
        assert_eq!(shipped.difference(None, None), Some(Difference::NoPolicy));
        let (policy, _) = served();
        let policy = serde_json::from_value(policy).unwrap();
        assert_eq!(shipped.difference(Some(&policy), None), Some(Difference::NoBinding));
    }
}
