//! NetworkPolicies as a script for nft. Pure.
//!
//! What is selected by a policy of a direction may do in it only what one of them allows; the rest is free
//! (the API's own words on `NetworkPolicySpec`). Traffic of the node itself is not looked at: a kubelet reaches its pods.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

/// The table that has all rules.
pub(super) const TABLE: &str = "todoapp-test";
/// Counts what was dropped.
pub(super) const COUNTER: &str = "dropped";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// Replaces all rules in one step; the counter goes on, and chains of pods that are gone stay, empty.
pub(super) fn script(pods: &[Pod], namespaces: &[Namespace], policies: &[NetworkPolicy]) -> String {
    let world = World { pods, namespaces };
    let (mut chains, mut egress, mut ingress) = (String::new(), Vec::new(), Vec::new());
    for (pod, ip) in world.with_address() {
        for (direction, verdicts) in [(Direction::Egress, &mut egress), (Direction::Ingress, &mut ingress)] {
            let own: Vec<_> = policies.iter().filter(|policy| selects(policy, direction, pod)).collect();
            if own.is_empty() {
                continue;
            }
            let chain = format!("{direction:?}-{ip}").replace('.', "-");
            verdicts.push(format!("{ip} : goto {chain}"));
            let allowed: String = own.iter().flat_map(|policy| world.allowed(policy, direction)).collect();
            let _ = write!(chains, "chain {chain} {{\n{allowed}counter name {COUNTER} drop\n}}\n");
        }
    }
    let look = |field: &str, verdicts: &[String]| match verdicts {
        [] => String::new(),
        _ => format!("ip {field} vmap {{ {} }}\n", verdicts.join(", ")),
    };
    let (from, to) = (look("saddr", &egress), look("daddr", &ingress));
    format!(
        "table ip {TABLE} {{}}\nflush table ip {TABLE}\ntable ip {TABLE} {{\ncounter {COUNTER} {{}}\n{chains}\
         chain egress {{\n{from}}}\nchain ingress {{\n{to}}}\n\
         chain forward {{\ntype filter hook forward priority 10;\nct state established,related accept\njump egress\njump ingress\n}}\n\
         chain input {{\ntype filter hook input priority 10;\nct state established,related accept\njump egress\n}}\n}}\n"
    )
}

/// Packets, from what nft says of the counter.
pub(super) fn dropped(text: &str) -> Result<u64> {
    let number = text.split_whitespace().skip_while(|word| *word != "packets").nth(1);
    number.with_context(|| format!("no packets in {text}"))?.parse().with_context(|| text.to_owned())
}

fn selects(policy: &NetworkPolicy, direction: Direction, pod: &Pod) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let types = spec.policy_types.as_deref().unwrap_or_default();
    // Without types: ingress always, egress if it has rules for it.
    let meant = match direction {
        _ if !types.is_empty() => types.iter().any(|name| *name == format!("{direction:?}")),
        Direction::Ingress => true,
        Direction::Egress => spec.egress.is_some(),
    };
    let everybody = LabelSelector::default();
    let selector = spec.pod_selector.as_ref().unwrap_or(&everybody);
    meant && policy.namespace() == pod.namespace() && matches(selector, pod.labels())
}

fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|expression| {
            let (label, values) = (labels.get(&expression.key), expression.values.as_deref().unwrap_or_default());
            match expression.operator.as_str() {
                "In" => label.is_some_and(|label| values.contains(label)),
                "NotIn" => label.is_none_or(|label| !values.contains(label)),
                "Exists" => label.is_some(),
                _ => label.is_none(),
            }
        })
}

struct World<'a> {
    pods: &'a [Pod],
    namespaces: &'a [Namespace],
}

impl<'a> World<'a> {
    /// Pods that have their address now; those that ended gave it back.
    fn with_address(&self) -> impl Iterator<Item = (&'a Pod, &'a str)> {
        self.pods.iter().filter_map(|pod| {
            let status = pod.status.as_ref()?;
            let over = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
            let own = pod.spec.as_ref().is_some_and(|spec| spec.host_network != Some(true));
            Some((pod, status.pod_ip.as_deref().filter(|_| own && !over)?))
        })
    }

    /// A line for each port that a policy allows with some peer.
    fn allowed(&self, policy: &NetworkPolicy, direction: Direction) -> Vec<String> {
        let Some(spec) = &policy.spec else { return Vec::new() };
        let rules: Vec<_> = match direction {
            Direction::Ingress => spec.ingress.iter().flatten().map(|rule| (&rule.from, &rule.ports)).collect(),
            Direction::Egress => spec.egress.iter().flatten().map(|rule| (&rule.to, &rule.ports)).collect(),
        };
        let namespace = policy.namespace().unwrap_or_default();
        let lines = |(peers, ports): (&Option<Vec<_>>, &Option<Vec<_>>)| {
            let (peers, ports) = (peers.as_deref().unwrap_or_default(), ports.as_deref().unwrap_or_default());
            self.lines(peers, ports, direction, &namespace)
        };
        rules.into_iter().flat_map(lines).collect()
    }

    fn lines(
        &self,
        peers: &[NetworkPolicyPeer],
        ports: &[NetworkPolicyPort],
        direction: Direction,
        namespace: &str,
    ) -> Vec<String> {
        let field = if direction == Direction::Ingress { "saddr" } else { "daddr" };
        let addresses: Vec<String> = peers.iter().flat_map(|peer| self.addresses(peer, namespace)).collect();
        let whom = match (peers, &*addresses) {
            ([], _) => String::new(),
            (_, []) => return Vec::new(),
            _ => format!("ip {field} {{ {} }} ", addresses.join(", ")),
        };
        if ports.is_empty() {
            return vec![format!("{whom}return\n")];
        }
        ports.iter().map(|port| format!("{whom}{}return\n", port_match(port))).collect()
    }

    fn addresses(&self, peer: &NetworkPolicyPeer, own: &str) -> Vec<String> {
        if let Some(block) = &peer.ip_block {
            assert!(block.except.is_none(), "exceptions of blocks are not known here");
            return vec![block.cidr.clone()];
        }
        let in_namespace = |pod: &Pod| match &peer.namespace_selector {
            None => pod.namespace().as_deref() == Some(own),
            Some(selector) => self
                .namespaces
                .iter()
                .any(|space| pod.namespace() == Some(space.name_any()) && matches(selector, space.labels())),
        };
        let selected = |pod: &Pod| peer.pod_selector.as_ref().is_none_or(|selector| matches(selector, pod.labels()));
        self.with_address().filter(|(pod, _)| in_namespace(pod) && selected(pod)).map(|(_, ip)| ip.to_owned()).collect()
    }
}

fn port_match(port: &NetworkPolicyPort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or("TCP").to_lowercase();
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(first)), Some(last)) => format!("{protocol} dport {first}-{last} "),
        (Some(IntOrString::Int(port)), None) => format!("{protocol} dport {port} "),
        (Some(IntOrString::String(name)), _) => panic!("ports by name ('{name}') are not known here"),
        (None, _) => format!("meta l4proto {protocol} "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn pod(namespace: &str, ip: &str, labels: Value) -> Pod {
        from_value(
            json!({ "metadata": { "name": ip, "namespace": namespace, "labels": labels }, "spec": { "containers": [] },
            "status": { "podIP": ip } }),
        )
        .expect("a pod")
    }

    #[test]
    fn who_is_selected_may_do_only_what_is_allowed_and_the_rest_is_free() {
        let pods = [
            pod("shop", "10.0.0.1", json!({ "a": "b" })),
            pod("shop", "10.0.0.2", json!({})),
            pod("x", "10.0.0.3", json!({})),
        ];
        let spaces = ["shop", "x"].map(|name| {
            from_value(json!({ "metadata": { "name": name, "labels": { "name": name } } })).expect("a namespace")
        });
        let policy = json!({ "metadata": { "name": "p", "namespace": "shop" }, "spec": {
            "podSelector": { "matchExpressions": [{ "key": "a", "operator": "Exists" }] },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "ports": [{ "protocol": "TCP", "port": 8012 }], "from": [{ "namespaceSelector": { "matchLabels": { "name": "x" } } }] }],
            "egress": [{ "ports": [{ "protocol": "UDP", "port": 53 }] }, { "to": [{ "podSelector": { "matchLabels": { "no": "one" } } }] }],
        } });
        let script = script(&pods, &spaces, &[from_value(policy).expect("a policy")]);
        assert!(
            script.contains(
                "chain Ingress-10-0-0-1 {\nip saddr { 10.0.0.3 } tcp dport 8012 return\ncounter name dropped drop\n}"
            ),
            "{script}"
        );
        assert!(
            script.contains("chain Egress-10-0-0-1 {\nudp dport 53 return\ncounter name dropped drop\n}"),
            "{script}"
        );
        assert!(script.contains("ip saddr vmap { 10.0.0.1 : goto Egress-10-0-0-1 }"), "{script}");
        assert!(!script.contains("10-0-0-2") && !script.contains("10-0-0-3"), "{script}");
    }

    #[test]
    fn the_counter_is_read_as_nft_writes_it() {
        let text = "table ip todoapp-test {\n\tcounter dropped {\n\t\tpackets 12 bytes 720\n\t}\n}\n";
        assert_eq!(dropped(text).expect("a number"), 12);
    }
}
