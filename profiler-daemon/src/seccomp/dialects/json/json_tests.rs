//! Reading JSON: places, what is kept, and what is refused where.

use proptest::prelude::*;

use super::{MOST_BYTES, Node, Value, parse};

fn refusal(text: &[u8]) -> String {
    let finding = parse(text).expect_err("this is refused");
    format!("{} {}", finding.place.unwrap(), finding.code)
}

#[test]
fn keeps_places_doubled_keys_and_digits() {
    let text = "{\n  \"é\": [1, 18446744073709551616],\n  \"a\": null, \"a\": \"\\u0041\"\n}";
    let tree = parse(text.as_bytes()).unwrap();
    let Value::Object(members) = &tree.value else {
        panic!("{tree:?}");
    };
    let keys: Vec<_> = members
        .iter()
        .map(|member| format!("{} {} {}", member.key, member.place, member.value.place))
        .collect();
    assert_eq!(keys, ["é 2:3 2:8", "a 3:3 3:8", "a 3:14 3:19"]);
    let Value::Array(numbers) = &members[0].value.value else {
        panic!("{members:?}");
    };
    assert_eq!(numbers[1].value, Value::Number("18446744073709551616"));
    assert_eq!(numbers[1].place.to_string(), "2:12");
    assert_eq!(
        tree.member("a").map(|member| &member.value.value),
        Some(&Value::String("A".into()))
    );
}

#[test]
fn what_is_no_json_is_refused_at_its_place() {
    for (text, refused) in [
        (&b""[..], "1:1 empty-text"),
        (b" \n ", "1:1 empty-text"),
        (b"\0", "1:1 not-json"),
        (b"{\"a\":\n \0}", "2:2 not-json"),
        (b"{\"a\": 1} x", "1:10 not-json"),
        (b"{\"a\" 1}", "1:6 not-json"),
        (b"{\"a\": 1,}", "1:9 not-json"),
        (b"[1 2]", "1:4 not-json"),
        (b"[01]", "1:3 not-json"),
        (b"// no\n{}", "1:1 not-json"),
        (b"['a']", "1:2 not-json"),
        (b"[0x10]", "1:3 not-json"),
        (b"\x0b[]", "1:1 not-json"),
        (b"\"a\nb\"", "1:3 not-json"),
        (b"\xef\xbb\xbf{}", "1:1 not-json"),
        (b"{\"\xc3\xa9\": \"\xff\"}", "1:8 not-utf8"),
        (b"[\"\\ud800\"]", "1:3 not-json"),
        (b"{", "1:1 not-json"),
    ] {
        assert_eq!(refusal(text), refused, "{}", String::from_utf8_lossy(text));
    }
    let nul = parse(b"[\0]").unwrap_err();
    assert_eq!(nul.what, "here is a NUL byte");
}

#[test]
fn what_is_huge_is_refused_at_its_place_and_at_once() {
    assert_eq!(refusal(&vec![b'['; 10 << 20]), "1:65 too-deep");
    assert_eq!(refusal(&b"{\"a\":".repeat(2 << 20)), "1:321 too-deep");
    let mut long = vec![b'9'; MOST_BYTES + 1];
    assert_eq!(refusal(&long), "1:1048577 too-long");
    long.truncate(MOST_BYTES);
    assert!(matches!(parse(&long).unwrap().value, Value::Number(_)));
}

/// The tree as serde_json has it.
fn plain(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(digits) => serde_json::from_str(digits).unwrap(),
        Value::String(text) => text.as_ref().into(),
        Value::Array(nodes) => nodes.iter().map(plain).collect(),
        Value::Object(members) => members
            .iter()
            .map(|member| (member.key.clone().into_owned(), plain(&member.value)))
            .collect(),
    }
}

proptest! {
    #[test]
    fn says_what_serde_json_says(text in r#"[\[\]{},:"a\\u0-9eE+.\- \nntruefals]{0,24}"#) {
        let ours = parse(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", ours);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(plain(&ours), theirs);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&text);
    }
}
