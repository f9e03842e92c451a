//! Which activators take traffic, read from the EndpointSlices of their Service.

use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// Addresses of ready activators, sorted; of those that still serve while they end, if no other is left.
pub fn ready(slices: &[EndpointSlice]) -> Vec<IpAddr> {
    let pick = |wanted: fn(&k8s_openapi::api::discovery::v1::EndpointConditions) -> bool| {
        let endpoints = slices.iter().flat_map(|s| &s.endpoints).flatten();
        let mut found: Vec<IpAddr> = endpoints
            .filter(|e| e.conditions.as_ref().is_some_and(wanted))
            .flat_map(|e| &e.addresses)
            .filter_map(|a| a.parse().ok())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let ready = pick(|c| c.ready.unwrap_or(true));
    if ready.is_empty() { pick(|c| c.serving.unwrap_or(false)) } else { ready }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slices(endpoints: serde_json::Value) -> Vec<EndpointSlice> {
        let slice = json!({ "addressType": "IPv4", "endpoints": endpoints, "metadata": {} });
        vec![serde_json::from_value(slice).expect("a slice")]
    }

    #[test]
    fn those_that_end_count_only_when_no_other_is_left() {
        let ends = json!({ "addresses": ["10.0.0.9"], "conditions": { "ready": false, "serving": true, "terminating": true } });
        let ready_one = json!({ "addresses": ["10.0.0.1"], "conditions": { "ready": true } });
        let address = |a: &str| a.parse::<IpAddr>().expect("an address");
        assert_eq!(ready(&slices(json!([ends, ready_one]))), vec![address("10.0.0.1")]);
        assert_eq!(ready(&slices(json!([ends]))), vec![address("10.0.0.9")]);
        assert!(ready(&slices(json!([]))).is_empty());
    }
}
