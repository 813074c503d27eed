//! How Kubernetes spells names, labels and amounts. Each function says what is wrong in a fragment that
//! reads after the field's path and a colon.

/// A label, a host name's part: `checkout-pr-42`.
pub(crate) fn dns_label(text: &str, most: usize) -> Result<(), String> {
    let fits = text.len() <= most && is_dns_part(text);
    fits.then_some(()).ok_or_else(|| {
        format!("{text:?} is no DNS-1123 label: 1 to {most} of a-z, 0-9 and -, at both ends no -")
    })
}

/// Names of most objects: DNS labels joined by dots, `team.checkout`.
pub(crate) fn dns_subdomain(text: &str) -> Result<(), String> {
    let fits = text.len() <= 253 && text.split('.').all(is_dns_part);
    fits.then_some(()).ok_or_else(|| {
        format!("{text:?} is no DNS-1123 subdomain: a-z, 0-9, - and ., every part begins and ends with a letter or digit")
    })
}

/// Keys of labels, annotations and taints: `team`, `example.com/team`.
pub(crate) fn qualified_name(text: &str) -> Result<(), String> {
    let (prefix, name) =
        text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let fits = prefix.is_none_or(|prefix| dns_subdomain(prefix).is_ok())
        && !name.is_empty()
        && is_label_text(name);
    fits.then_some(()).ok_or_else(|| {
        format!("{text:?} is no key: at most 63 of A-Z, a-z, 0-9, -, _ and ., with a letter or digit at both ends, and before it, if anything, a DNS name and /")
    })
}

/// Values of labels: empty, or like a key without prefix.
pub(crate) fn label_value(text: &str) -> Result<(), String> {
    let fits = text.is_empty() || is_label_text(text);
    fits.then_some(()).ok_or_else(|| {
        format!("{text:?} is no value of a label: at most 63 of A-Z, a-z, 0-9, -, _ and ., with a letter or digit at both ends")
    })
}

/// An amount of a resource: `2`, `1.5`, `500m`, `2Gi`, `1e3`.
pub(crate) fn quantity(text: &str) -> Result<(), String> {
    const SUFFIXES: [&str; 15] =
        ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let wrong =
        || format!("{text:?} is no amount: write a number with a suffix, like 500m, 2 or 1.5Gi");
    let rest = text.strip_prefix('+').unwrap_or(text);
    if rest.starts_with('-') {
        return Err(format!("{text:?} is negative"));
    }
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let digits = number.bytes().any(|byte| byte.is_ascii_digit());
    if !digits || number.matches('.').count() > 1 {
        return Err(wrong());
    }
    let exponent = suffix
        .strip_prefix(['e', 'E'])
        .map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    let power = exponent
        .is_some_and(|power| !power.is_empty() && power.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = power || suffix == "Ei" || SUFFIXES.contains(&suffix);
    fits.then_some(()).ok_or_else(wrong)
}

fn is_dns_part(text: &str) -> bool {
    ends_well(text)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_label_text(text: &str) -> bool {
    text.len() <= 63
        && ends_well(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Not empty, and at both ends a letter or digit.
fn ends_well(text: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    alphanumeric(text.as_bytes().first()) && alphanumeric(text.as_bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is: impl Fn(&str) -> Result<(), String>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(is(text), Ok(()), "{text:?}");
        }
        for text in bad {
            assert!(is(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_and_labels_are_what_kubernetes_takes() {
        let long = "a".repeat(64);
        check(|text| dns_label(text, 63), &["a", "a-1", "0"], &["", "A", "-a", "a-", "a.b", &long]);
        check(dns_subdomain, &["a", "a.b-c.d"], &["", "a..b", ".a", "a_b"]);
        check(
            qualified_name,
            &["a", "A_b.c", "x.io/A"],
            &["", "/a", "x/", "x/y/z", "X/a", "-a", &long],
        );
        check(label_value, &["", "a", "A_b.c-1"], &["-a", "a b", "a/b", &long]);
    }

    #[test]
    fn amounts_are_numbers_with_a_suffix() {
        let good = ["0", "2", "1.5", ".5", "5.", "500m", "2Gi", "1e3", "1E-3", "+1", "1Ei", "1E"];
        check(quantity, &good, &["", "Gi", "1.2.3", "2GB", "2gi", "-1", "1 Gi", "1e", "."]);
    }
}
