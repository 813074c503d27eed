//! What may be reached, as tables.

use super::*;

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Policy::new(&owned(allow), &owned(deny)).unwrap()
}

/// `rule` is empty if the host may be reached.
fn check(policy: &Policy, host: &str, rule: &str) {
    let found = policy.host(host).map_or_else(|blocked| blocked.rule, |()| String::new());
    assert_eq!(found, rule, "{host}");
}

fn check_address(policy: &Policy, host: &str, ip: &str, rule: &str) {
    let judged = policy.address(host, ip.parse().unwrap());
    let found = judged.map_or_else(|blocked| blocked.rule, |()| String::new());
    assert_eq!(found, rule, "{host} at {ip}");
}

#[test]
fn by_default_metadata_and_special_addresses_are_denied() {
    let policy = policy(&[], &[]);
    for host in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "shop.example", "192.168.1.1"] {
        check(&policy, host, "");
    }
    for host in
        ["metadata.google.internal", "METADATA.google.internal.", "metadata", "instance-data"]
    {
        check(&policy, host, "cloud metadata names");
    }
    for host in ["169.254.169.254", "0xa9fea9fe", "2852039166", "[fe80::1]", "fe80::1", "febf::1"] {
        check(&policy, host, "link-local addresses");
    }
    for host in ["[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"] {
        check(&policy, host, "link-local addresses");
    }
    for host in ["100.100.100.200", "168.63.129.16", "[fd00:ec2::254]"] {
        check(&policy, host, "cloud metadata addresses");
    }
    for host in ["224.0.0.1", "239.255.255.250", "[ff02::1]"] {
        check(&policy, host, "multicast addresses");
    }
    for host in ["0.0.0.0", "0", "[::]"] {
        check(&policy, host, "unspecified addresses");
    }
}

#[test]
fn a_harmless_name_that_resolves_to_a_denied_address_is_denied() {
    let default = policy(&[], &[]);
    check_address(&default, "shop.example", "169.254.169.254", "link-local addresses");
    check_address(&default, "shop.example", "::ffff:169.254.1.1", "link-local addresses");
    check_address(&default, "shop.example", "93.184.216.34", "");
    let allowed = policy(&["shop.example"], &[]);
    check_address(&allowed, "shop.example", "169.254.169.254", "link-local addresses");
    check_address(&allowed, "shop.example", "10.0.0.1", "");
    let denied = policy(&[], &["10.0.0.0/8"]);
    check_address(&denied, "shop.example", "10.9.8.7", "--deny-host 10.0.0.0/8");
}

#[test]
fn a_denied_host_is_denied_though_it_is_allowed_too() {
    let policy =
        policy(&["*.example", "10.0.0.0/8"], &["bad.example", "10.1.0.0/16", "*.x.example"]);
    check(&policy, "good.example", "");
    check(&policy, "bad.example", "--deny-host bad.example");
    check(&policy, "BAD.example.", "--deny-host bad.example");
    check(&policy, "a.x.example", "--deny-host *.x.example");
    check(&policy, "10.2.0.1", "");
    check(&policy, "10.1.0.1", "--deny-host 10.1.0.0/16");
}

#[test]
fn an_allowed_host_beats_the_defaults_and_excludes_the_rest() {
    let policy = policy(&["metadata.google.internal", "169.254.0.0/16", "*.shop.example"], &[]);
    let only = "only these are allowed by --allow-host: \
                metadata.google.internal, 169.254.0.0/16, *.shop.example";
    check(&policy, "metadata.google.internal", "");
    check(&policy, "169.254.169.254", "");
    check_address(&policy, "metadata.google.internal", "169.254.169.254", "");
    check(&policy, "a.shop.example", "");
    check(&policy, "shop.example", only);
    check(&policy, "notshop.example", only);
    check(&policy, "127.0.0.1", only);
    check(&policy, "metadata", "cloud metadata names");
}

#[test]
fn rules_that_are_no_host_are_refused() {
    for text in
        ["", "*", "*.*", "a b", "10.0.0.0/33", "10.0/8", "host:80", "https://x", "a..b", "[::1"]
    {
        let refused = Policy::new(&[text.to_owned()], &[]).unwrap_err();
        assert_eq!((refused.option, refused.text.as_str()), ("--allow-host", text));
    }
    for text in
        ["Bücher.example", "_dmarc.example", "::1", "[::1]", "10.0.0.1", "fd00::/8", "localhost"]
    {
        assert!(Policy::new(&[], &[text.to_owned()]).is_ok(), "{text}");
    }
    check(
        &policy(&[], &["Bücher.example"]),
        "xn--bcher-kva.example",
        "--deny-host xn--bcher-kva.example",
    );
}

#[test]
fn what_was_blocked_is_said_with_its_rule() {
    let blocked =
        policy(&[], &[]).address("a.example", "169.254.1.1".parse().unwrap()).unwrap_err();
    assert_eq!(
        blocked.to_string(),
        "a.example (169.254.1.1) is blocked by the network policy: link-local addresses"
    );
}

#[test]
fn chromium_is_told_what_is_denied() {
    let rules = policy(&[], &["bad.example", "172.16.0.0/12", "2001:db8::/32"]).resolver_rules();
    for glob in [
        "169.254.*",
        "::ffff:a9fe:*",
        "fe8?:*",
        "feb?:*",
        "224.*",
        "239.*",
        "ff??:*",
        "0.*",
        "::",
        "fd00:ec2::254",
        "100.100.100.200",
        "metadata.google.internal",
        "metadata.google.internal.",
        "bad.example",
        "172.16.*",
        "172.31.*",
        "2001:db8:*",
    ] {
        assert!(rules.contains(&format!("MAP {glob} ~NOTFOUND")), "{glob} in {rules:?}");
    }
    assert!(
        !rules.iter().any(|rule| rule.contains("172.32.") || rule.contains("240.")),
        "{rules:?}"
    );
    assert!(!rules.iter().any(|rule| rule.contains(',')), "{rules:?}");
}

#[test]
fn chromium_is_told_that_only_allowed_hosts_exist() {
    let rules =
        policy(&["*.shop.example", "127.0.0.1", "b.example"], &["b.example"]).resolver_rules();
    assert_eq!(
        rules,
        [
            "MAP * ~NOTFOUND",
            "EXCLUDE *.shop.example",
            "EXCLUDE *.shop.example.",
            "EXCLUDE 127.0.0.1",
            "EXCLUDE ::ffff:7f00:1",
        ]
    );
}

#[test]
fn no_network_makes_a_rule_panic() {
    for bits in 0..=128 {
        for ip in ["0.0.0.0", "255.255.255.255", "10.1.2.3", "::", "ffff:1:2:3:4:5:6:7"] {
            if let Some(net) = Net::parse(&format!("{ip}/{bits}")) {
                assert!(net.globs().len() <= 130, "{net}");
            }
        }
    }
    assert_eq!(Net::parse("0.0.0.0/0").unwrap().globs(), ["*"]);
}
