//! Findings on small profiles: which differences have which reason.

use serde_json::{Value, json};

use super::{Gravity, LoadedFinding, loaded};
use crate::{
    audit::{
        active::{Active, active},
        evidence::{Bundle, Evidence, FirstProcess},
    },
    profile::{
        asked::{Asked, AskedProfile},
        completeness::Completeness,
        identity::{Engine, Identity, Runtime},
        observation::Observation,
    },
    seccomp::diagram::Diagrams,
};

/// A container under runc 1.1.5 and libseccomp 2.5.4, whose engine was asked for a profile and
/// wrote another into the bundle, or none.
fn evidence(asked: Option<&Value>, bundle: Option<&Value>) -> Evidence {
    let text = asked.map(ToString::to_string);
    let mut identity = Identity::unnamed("ab".repeat(32), Engine::Docker);
    identity.runtime = Some(Runtime {
        name: "runc".to_owned(),
        version: Some("1.1.5".to_owned()),
        libseccomp: Some("2.5.4".to_owned()),
    });
    Evidence {
        identity,
        asked: Some(Asked {
            profile: AskedProfile::of(text.as_deref()),
            engine_default: Some("default".to_owned()),
            privileged: false,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
        }),
        observation: Observation::default(),
        completeness: Completeness::default(),
        copies: [].into(),
        process: Some(FirstProcess {
            pid: 7,
            filtered: Some(bundle.is_some()),
            filters: None,
            bundle: Ok(Bundle {
                seccomp: bundle.cloned(),
                ..Bundle::default()
            }),
            layers: None,
        }),
        kernel: (6, 1),
    }
}

fn profile(default: &str, rules: &Value) -> Value {
    json!({
        "defaultAction": default,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    })
}

fn judged(evidence: &Evidence) -> Vec<LoadedFinding> {
    let active: Active = active(evidence);
    loaded(&mut Diagrams::new(), evidence, &active).unwrap()
}

fn codes(found: &[LoadedFinding]) -> Vec<(&str, Gravity)> {
    let found = found.iter();
    found.map(|one| (one.code.as_str(), one.gravity)).collect()
}

/// Asked for, and passed on as it is.
fn faithful(profile: &Value) -> Vec<LoadedFinding> {
    judged(&evidence(Some(profile), Some(profile)))
}

fn refuse(names: &[&str], args: &Value) -> Value {
    json!({"names": names, "action": "SCMP_ACT_ERRNO", "args": args})
}

fn args(list: &[(u32, &str, u64)]) -> Value {
    let one = |(index, op, value): &(u32, &str, u64)| json!({"index": index, "op": op, "value": value, "valueTwo": 0});
    list.iter().map(one).collect()
}

#[test]
fn what_is_loaded_as_asked_gives_no_finding() {
    let rules = json!([refuse(&["keyctl", "mount"], &json!([]))]);
    assert_eq!(faithful(&profile("SCMP_ACT_ALLOW", &rules)), []);
}

#[test]
fn each_difference_has_its_reason() {
    let of = |rule: Value| faithful(&profile("SCMP_ACT_ALLOW", &json!([rule])));
    let found = of(refuse(&["keyctl", "mseal"], &json!([])));
    assert_eq!(codes(&found), [("name_too_new", Gravity::Warning)]);
    let told: Vec<&str> = found[0].calls.iter().map(|one| one.call.as_str()).collect();
    assert_eq!(told, ["mseal", "mseal (i386)", "mseal (x32)"]);
    assert_eq!(found[0].calls[0].asked, "errno 1");
    assert_eq!(found[0].calls[0].loaded, "allow");
    assert!(found[0].text.contains("libseccomp 2.5.4"), "{found:?}");

    let twice = args(&[(0, "SCMP_CMP_GE", 7), (0, "SCMP_CMP_LE", 9)]);
    let found = of(refuse(&["personality"], &twice));
    assert_eq!(codes(&found), [("duplicate_index", Gravity::Warning)]);

    let family = args(&[(0, "SCMP_CMP_EQ", 40)]);
    let found = of(refuse(&["socket"], &family));
    assert_eq!(
        codes(&found)[..1],
        [("multiplexed", Gravity::Warning)],
        "{found:?}"
    );

    let most = json!([{"names": ["read", "write", "futex_waitv"], "action": "SCMP_ACT_ALLOW"}]);
    let found = faithful(&profile("SCMP_ACT_ERRNO", &most));
    assert_eq!(
        codes(&found),
        [("enosys_bound", Gravity::Note)],
        "{found:?}"
    );
    assert!(found[0].calls.iter().all(|one| one.loaded == "errno 38"));
    assert!(found[0].more > 0);
}

#[test]
fn what_nobody_explains_is_the_finding_that_counts() {
    let asked = profile("SCMP_ACT_ALLOW", &json!([refuse(&["keyctl"], &json!([]))]));
    let other = profile("SCMP_ACT_ALLOW", &json!([refuse(&["mount"], &json!([]))]));
    let found = judged(&evidence(Some(&asked), Some(&other)));
    assert_eq!(codes(&found), [("not_what_was_asked", Gravity::Warning)]);
    let told: Vec<(&str, &str)> = found[0]
        .calls
        .iter()
        .map(|one| (one.call.as_str(), one.loaded.as_str()))
        .collect();
    assert!(told.contains(&("keyctl", "allow")), "{told:?}");
    assert!(told.contains(&("mount", "errno 1")), "{told:?}");

    // A conflict, for which libseccomp takes no profile at all.
    let equal = args(&[(0, "SCMP_CMP_EQ", 3)]);
    let allow = json!({"names": ["kill"], "action": "SCMP_ACT_LOG", "args": equal});
    let conflict = profile("SCMP_ACT_ALLOW", &json!([refuse(&["kill"], &equal), allow]));
    let found = judged(&evidence(Some(&conflict), Some(&other)));
    assert!(found[0].text.contains("would not load"), "{found:?}");
}

#[test]
fn no_filter_where_one_was_asked_for_and_the_other_way_round() {
    let some = profile("SCMP_ACT_ALLOW", &json!([refuse(&["keyctl"], &json!([]))]));
    let found = judged(&evidence(Some(&some), None));
    assert_eq!(codes(&found), [("none_though_asked", Gravity::Warning)]);
    let found = judged(&evidence(None, None));
    assert_eq!(codes(&found), [("none_though_asked", Gravity::Warning)]);

    let with = |bundle: Option<&Value>, change: fn(&mut Asked)| {
        let mut evidence = evidence(None, bundle);
        evidence.asked.as_mut().map(change);
        judged(&evidence)
    };
    let unconfined = |asked: &mut Asked| asked.profile = AskedProfile::Unconfined;
    let strange = [("loaded_though_unconfined", Gravity::Warning)];
    assert_eq!(codes(&with(Some(&some), unconfined)), strange);
    assert_eq!(with(None, unconfined), []);
    let privileged = |asked: &mut Asked| asked.privileged = true;
    assert_eq!(codes(&with(Some(&some), privileged)), strange);
    assert_eq!(with(None, privileged), []);
    let default = |asked: &mut Asked| asked.engine_default = Some("unconfined".to_owned());
    let told = [("default_unconfined", Gravity::Warning)];
    assert_eq!(codes(&with(None, default)), told);
    let long = |asked: &mut Asked| {
        asked.profile = AskedProfile::Own {
            text: None,
            bytes: 1 << 20,
        };
    };
    assert_eq!(
        codes(&with(Some(&some), long)),
        [("not_compared", Gravity::Note)]
    );
    // The engine's default: what it wrote into the bundle is what it was asked for.
    assert_eq!(with(Some(&some), |_| ()), []);
}
